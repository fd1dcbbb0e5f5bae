import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, limits } from '../../../pipeline/core/index.ts';
import { encodeButane, mergeButane } from '../../../pipeline/formats/butane/index.ts';
import { makeFragment } from '../../installation/made-fragment.ts';
import { readButane } from '../../installation/written-files.ts';

const fragment = makeFragment();
const own = encodeButane(fragment);
const merge = (text: string) => mergeButane(Buffer.from(text), fragment);

const codeOf = (step: () => unknown) => {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return `${error.code} ${error.where ?? ''}`.trim();
    throw error;
  }
  return 'no fault';
};

const head = 'variant: flatcar\nversion: 1.1.0\n';

const user = `# The workers of Acme.
variant: flatcar
version: 1.0.0

passwd:
  users:
    - name: core
      ssh_authorized_keys: [ssh-ed25519 AAAA]   # Anna
storage:
  files:
    - path: /etc/hostname
      mode: 0644
      overwrite: yes
      contents:
        inline: worker
    # The banner.
    - path: /etc/motd
      mode: 0o600
      contents:
        inline: |
          one

          two
    - path: /etc/long
      contents:
        inline: >-
          folded text that is much longer than eighty characters and goes on for quite a while before it ends
          in a second line
systemd:
  units:
    - name: kubeadm.service
      enabled: true
      contents: |
        [Service]
        ExecStart=/usr/bin/kubeadm join
future_field: {a: 1.10, b: ~, c: "0x10", d: 1:30}
`;

describe('A Butane document of our own', () => {
  it('shows units as they are, and modes in octal', () => {
    expect(own).toMatch(/^variant: flatcar\nversion: 1\.1\.0\nstorage:\n/);
    expect(own).toContain('\n      mode: 0700\n');
    expect(own).toMatch(/- name: nodeproof-guard\.service\n {6}contents: \|\n {8}# Written by/);
  });
});

describe('Merged into a user’s Butane document', () => {
  const merged = merge(user).text;

  it('everything of theirs stays in the words that they chose', () => {
    const lines = merged.split('\n');
    const places = user
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(
        (line) =>
          [
            line,
            lines.findIndex((other) => other.trim().replaceAll(/ +/g, ' ') === line.trim().replaceAll(/ +/g, ' ')),
          ] as const,
      );
    const lost = places.filter(([, at]) => at < 0).map(([line]) => line.trim());
    // A folded text may be broken elsewhere, and brackets get spaces: neither means anything.
    expect(lost.filter((line) => !/^(?:folded|in a second|future_field|ssh_authorized_keys)/.test(line))).toEqual([]);
    expect(merged).toMatch(/^# The workers of Acme\.\nvariant: flatcar\nversion: 1\.0\.0\n/);
    expect(merged).toMatch(/ssh_authorized_keys: \[ ?ssh-ed25519 AAAA ?\] # Anna\n/);
    expect(merged).toMatch(/future_field: \{ ?a: 1\.10, b: ~, c: "0x10", d: 1:30 ?\}/);
  });

  it('ours is all there', () => {
    const files = readButane(merge(`${head}storage:\n  files:\nsystemd:\n`).text);
    expect(files).toEqual(readButane(own));
    for (const unit of ['nodeproof-guard.service', 'nodeproof-join.service'])
      expect(merged).toContain(`- name: ${unit}\n`);
  });

  it('their own kubeadm.service keeps what it is and gets our drop-in', () => {
    expect(merged).toMatch(
      / {4}- name: kubeadm\.service\n {6}enabled: true\n {6}contents: \|\n {8}\[Service\]\n {8}ExecStart=\/usr\/bin\/kubeadm join\n {6}dropins:\n {8}- name: 10-nodeproof\.conf\n/,
    );
    expect(merged.split('name: kubeadm.service')).toHaveLength(2);
  });

  it('twice is as good as once', () => {
    expect(merge(merged).text).toBe(merged);
  });

  it('takes lists in brackets', () => {
    const text = `${head}storage: {files: [], links: [{path: /a, target: /b}]}\n`;
    const written = readButane(merge(text).text);
    expect(written.get('/a')).toBe('-> /b');
    expect(written.size).toBe(readButane(own).size + 1);
  });

  it('keeps anchors and what stands for them', () => {
    const text = `${head}storage:\n  links:\n    - &one {path: /a, target: /b}\nsystemd:\n  units:\n    - name: x.service\n      contents: &text "[Unit]"\n    - name: y.service\n      contents: *text\n`;
    const { text: out } = merge(text);
    expect(out).toContain('contents: *text');
    expect(readButane(out).get('/etc/systemd/system/y.service')).toBe('[Unit]');
  });

  it('says what it cannot see', () => {
    expect(merge(user).notes).toEqual([]);
    expect(merge(`${head}storage:\n  trees:\n    - local: tree\n`).notes).toEqual([
      expect.stringContaining('storage.trees'),
    ]);
  });

  it.each([
    [
      'another policy',
      `${head}storage:\n  files:\n    - path: /var/lib/nodeproof/policy.yaml\n`,
      'ignition.conflict storage.files[0]',
    ],
    [
      'our guard masked',
      `${head}systemd:\n  units:\n    - {name: nodeproof-guard.service, mask: true}\n`,
      'ignition.conflict systemd.units[0]',
    ],
    [
      'a guard from a file',
      `${head}systemd:\n  units:\n    - {name: nodeproof-guard.service, contents_local: a}\n`,
      'ignition.conflict systemd.units[0]',
    ],
    [
      'a replacement',
      `${head}ignition:\n  config:\n    replace: {local: x.ign}\n`,
      'ignition.replaced ignition.config.replace',
    ],
    ['a key twice', `${head}storage: {}\nstorage: {}\n`, 'butane.yaml line 4, column 1'],
    ['a key twice in other quotes', `${head}a: {x: 1, "x": 2}\n`, 'butane.yaml line 3, column 11'],
    ['a key that is no text', `${head}? [a]\n: b\n`, 'butane.yaml line 3, column 3'],
    ['__proto__', `${head}__proto__: {a: 1}\n`, 'butane.yaml line 3, column 1'],
    ['two documents', `${head}---\n${head}`, 'butane.yaml line 3, column 1'],
    ['a tag of its maker', `${head}a: !mine 1\n`, 'butane.yaml line 3, column 4'],
    [
      'an alias in place of a list',
      `${head}a: &a [{name: x.service}]\nsystemd:\n  units: *a\n`,
      'butane.form systemd.units',
    ],
    ['a list that an alias repeats', `${head}systemd:\n  units: &a [{name: x.service}]\nb: *a\n`, 'butane.form'],
    ['Ignition in YAML', 'ignition:\n  version: 3.4.0\n', 'butane.version variant'],
    ['a variant that is not known', 'variant: r4e\nversion: 1.1.0\n', 'butane.version variant'],
    ['a version that is to be', 'variant: flatcar\nversion: 1.2.0-experimental\n', 'butane.version variant'],
    ['a list', '- a\n', 'butane.version variant'],
    ['nothing', '', 'butane.version variant'],
    ['a section that is a text', `${head}storage: x\n`, 'ignition.field storage'],
    [
      'a unit without a name',
      `${head}systemd:\n  units:\n    - enabled: true\n`,
      'ignition.field systemd.units[0].name',
    ],
  ])('%s is refused', (_, text, code) => {
    expect(codeOf(() => merge(text))).toContain(code);
  });

  it('what would blow up, has no end or is no text is refused', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let at = 0; at < 8; at++) {
      const [from, to] = [String.fromCharCode(97 + at), String.fromCharCode(98 + at)];
      bomb.push(`${to}: &${to} [${`*${from}, `.repeat(9)}*${from}]`);
    }
    expect(codeOf(() => merge(`${head}${bomb.join('\n')}\n`))).toBe('butane.yaml');
    expect(codeOf(() => merge(`${head}a: ${'['.repeat(200_000)}`))).toContain('butane.yaml');
    expect(codeOf(() => mergeButane(Buffer.from([0xff, 0xfe]), fragment))).toBe('bytes.utf8');
    expect(codeOf(() => merge(`${head}#${' '.repeat(limits.nodeConfigBytes)}`))).toBe('limit.node-config');
  });

  it('gives a document or a fault, whatever comes', () => {
    const pieces = fc.constantFrom(
      'storage:',
      'systemd:',
      'units:',
      'files:',
      '- path: /a',
      'name: x',
      ' ',
      '\n',
      '  ',
      '&a',
      '*a',
      '{',
      '}',
      '[',
      ']',
      '|',
      '>',
      '"',
      "'",
      '#',
      '!',
      '? ',
      ': ',
      '-',
      '%YAML 1.1\n---\n',
      '<<: *a',
      'x',
      '\t',
    );
    const text = fc.array(pieces, { maxLength: 40 }).map((parts) => head + parts.join(''));
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (yaml) => {
        const told = codeOf(() => expect(merge(yaml).text).toContain('name: nodeproof-guard.service'));
        expect(told).toMatch(/^(?:no fault|(?:ignition|butane|bytes|limit)\.)/);
      }),
      { numRuns: 500 },
    );
  });
});
