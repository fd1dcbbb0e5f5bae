import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LintFinding } from '../../pipeline/lint/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { runCommandLine } from '../support/command-line.ts';

const folder = makeTemporaryFolder();
let roots = 0;

type Files = Readonly<Record<string, string>>;

const unit = '/usr/lib/systemd/system/systemd-sysext.service';
const service =
  '[Unit]\nDescription=Merge\n\n[Service]\nType=oneshot\nExecStart=systemd-sysext refresh\nExecReload=systemd-sysext refresh\n';
const strict = '--image-policy=root=signed+absent:usr=signed+absent';
const dropIn = (command: string): string =>
  `[Service]\nExecStart=\nExecStart=${command}\nExecReload=\nExecReload=${command}\n`;

/** A root with these files; a text `-> TARGET` makes a link. */
function makeRoot(files: Files): string {
  const root = join(folder, `root-${++roots}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), join(root, path));
    else writeFileSync(join(root, path), content);
  }
  mkdirSync(root, { recursive: true });
  return root;
}

async function lint(files: Files): Promise<readonly LintFinding[]> {
  const { json } = await runCommandLine(['node', 'lint', '--root', makeRoot(files), '--json'], { directory: folder });
  return (json as { findings: readonly LintFinding[] }).findings;
}

const codes = async (files: Files): Promise<readonly string[]> => [
  ...new Set((await lint(files)).map(({ code }) => code)),
];

describe('node lint', () => {
  test('finds nothing on a node that has nothing to find', async () => {
    const root = makeRoot({
      [unit]: service,
      '/etc/systemd/system/systemd-sysext.service.d/10.conf': dropIn(`systemd-sysext refresh ${strict}`),
    });
    const { exit, stdout } = await runCommandLine(['node', 'lint', '--root', root], { directory: folder });
    expect([exit, stdout]).toEqual([0, `${root}: nothing found that undoes protection\n`]);
  });

  describe('of image policies', () => {
    test('says that there is none, where it stands and what to write', async () => {
      const [finding] = await lint({ [unit]: service });
      expect(finding).toMatchObject({ code: 'lint.image-policy-missing', level: 'error', file: unit, line: 6 });
      expect(finding?.fix).toContain('root=signed+absent:usr=signed+absent');
    });

    test.each([
      [
        'verity+signed, which takes verity without a signature',
        '--image-policy=root=verity+signed+absent:usr=verity+signed+absent',
      ],
      ['what is unprotected', '--image-policy=root=unprotected:usr=signed'],
      ['anything', "--image-policy='*'"],
      ['anything for what is not named', '--image-policy=usr=signed+absent:=unprotected'],
      ['flags that say nothing of protection', '--image-policy=root=read-only-on:usr=signed'],
      ['an option in two words', '--image-policy root=verity:usr=signed'],
      ['the last of two options', `${strict} --image-policy=root=verity:usr=signed`],
    ])('refuses %s', async (_what, option) => {
      const files = {
        [unit]: service,
        '/etc/systemd/system/systemd-sysext.service.d/10.conf': dropIn(`systemd-sysext refresh ${option}`),
      };
      expect(await codes(files)).toEqual(['lint.image-policy-lax']);
    });

    test.each([
      ['strict for both', strict],
      ['strict for all', '--image-policy==signed+absent'],
      ['nothing at all', "--image-policy='~'"],
      ['signed, in two words', '--image-policy root=signed:usr=signed'],
      ['signed with file systems named', '--image-policy=root=signed+absent+squashfs:usr=signed+absent'],
    ])('takes %s', async (_what, option) => {
      const files = {
        [unit]: service,
        '/etc/systemd/system/systemd-sysext.service.d/10.conf': dropIn(`/usr/bin/systemd-sysext refresh ${option}`),
      };
      expect(await codes(files)).toEqual([]);
    });

    test('refuses one that systemd does not read', async () => {
      const files = { [unit]: service.replaceAll('refresh', 'refresh --image-policy=root=sign') };
      expect(await codes(files)).toEqual(['lint.image-policy-syntax']);
    });

    test('looks at drop-ins of all places, in the order of their names, those of /etc before others of one name', async () => {
      const lax = dropIn('systemd-sysext refresh');
      const good = dropIn(`systemd-sysext refresh ${strict}`);
      const at = (directory: string, name: string): string =>
        `${directory}/systemd/system/systemd-sysext.service.d/${name}`;
      expect(await codes({ [unit]: service, [at('/usr/lib', '10.conf')]: good })).toEqual([]);
      expect(
        await codes({ [unit]: service, [at('/etc', '10.conf')]: good, [at('/usr/lib', '20.conf')]: lax }),
      ).not.toEqual([]);
      expect(await codes({ [unit]: service, [at('/etc', '20.conf')]: good, [at('/usr/lib', '20.conf')]: lax })).toEqual(
        [],
      );
      expect(await codes({ [unit]: service, '/etc/systemd/system/service.d/10.conf': good })).toEqual([]);
    });

    test('takes the policy of sysext.conf where the unit has none, and passes over a masked unit', async () => {
      expect(
        await codes({
          [unit]: service,
          '/etc/systemd/sysext.conf': '[SysExt]\nImagePolicy=root=signed+absent:usr=signed+absent\n',
        }),
      ).toEqual([]);
      expect(await codes({ [unit]: service, '/etc/systemd/system/systemd-sysext.service': '-> /dev/null' })).toEqual(
        [],
      );
    });

    test("looks at Flatcar's own unit, too", async () => {
      const findings = await lint({
        '/usr/lib/systemd/system/ensure-sysext.service': '[Service]\nExecStart=/usr/bin/systemd-sysext refresh\n',
      });
      expect(findings.map(({ message }) => message).join()).toContain('ensure-sysext.service');
    });
  });

  test.each<[string, Files, string]>([
    [
      'a mutable merge in its configuration',
      { '/etc/systemd/sysext.conf': '[SysExt]\nMutable=auto\n' },
      'lint.mutable',
    ],
    ['a drop-in of it', { '/run/systemd/sysext.conf.d/x.conf': '[SysExt]\nMutable=yes\n' }, 'lint.mutable'],
    ['a directory that makes a merge mutable', { '/var/lib/extensions.mutable/usr/x': '' }, 'lint.mutable'],
    [
      'a transfer without a signature',
      { '/etc/sysupdate.kubernetes.d/kubernetes.conf': '# Bakery\n[Transfer]\nVerify=false\n' },
      'lint.sysupdate-verify',
    ],
    [
      'a transfer file of newer systemd',
      { '/usr/lib/sysupdate.d/10.transfer': '[Transfer]\nVerify=no\n' },
      'lint.sysupdate-verify',
    ],
    [
      'a join that pins nothing',
      {
        '/etc/systemd/system/kubeadm.service': '[Service]\nExecStart=/usr/bin/kubeadm join 10.0.0.1:6443 --token a.b\n',
      },
      'lint.ca-pin',
    ],
    [
      'a join that skips the check',
      {
        '/etc/systemd/system/kubeadm.service':
          '[Service]\nExecStart=/usr/bin/kubeadm join 10.0.0.1:6443 \\\n  --token a.b --discovery-token-ca-cert-hash sha256:1 --discovery-token-unsafe-skip-ca-verification\n',
      },
      'lint.ca-pin',
    ],
    [
      'a configuration that skips it',
      {
        '/etc/kubernetes/kubeadm.yaml':
          'kind: ClusterConfiguration\n---\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken:\n    unsafeSkipCAVerification: true\n    caCertHashes: [sha256:1]\n',
      },
      'lint.ca-pin',
    ],
    [
      'a configuration without hashes',
      {
        '/etc/kubernetes/kubeadm-join.yaml': 'kind: JoinConfiguration\ndiscovery: { bootstrapToken: { token: a.b } }\n',
      },
      'lint.ca-pin',
    ],
    ['YAML that is none', { '/etc/kubernetes/kubeadm.yaml': 'a: [\n' }, 'lint.unread'],
    ['YAML that is nested too deep', { '/etc/kubernetes/kubeadm.yaml': '['.repeat(200_000) }, 'lint.unread'],
    ['a file that is too large', { '/etc/systemd/sysext.conf': 'x'.repeat(1024 * 1024 + 1) }, 'lint.unread'],
  ])('finds %s', async (_what, files, code) => {
    expect(await codes(files)).toContain(code);
  });

  test.each<[string, Files]>([
    [
      'a pinned join',
      {
        '/etc/systemd/system/kubeadm.service':
          '[Service]\nExecStart=/usr/bin/kubeadm join 10.0.0.1:6443 --token a.b --discovery-token-ca-cert-hash sha256:1\n',
      },
    ],
    [
      'a pinned configuration',
      {
        '/etc/kubernetes/kubeadm.yaml':
          'kind: JoinConfiguration\ndiscovery: { bootstrapToken: { caCertHashes: [sha256:1] } }\n',
      },
    ],
    [
      'a discovery file',
      { '/etc/kubernetes/kubeadm.yaml': 'kind: JoinConfiguration\ndiscovery: { file: { kubeConfigPath: /etc/x } }\n' },
    ],
  ])('has a note, and no more, for %s', async (_what, files) => {
    const root = makeRoot(files);
    const { exit, stdout } = await runCommandLine(['node', 'lint', '--root', root], { directory: folder });
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^NOTE .*lint\.auto-approve/);
  });

  test('finds a directory of extensions that others can write to', async () => {
    const root = makeRoot({ '/var/lib/extensions/x.raw': '', '/etc/extensions/y.raw': '' });
    chmodSync(join(root, '/var/lib/extensions'), 0o777);
    const { exit, stdout } = await runCommandLine(['node', 'lint', '--root', root], { directory: folder });
    expect(exit).toBe(1);
    expect(stdout).toContain('chmod 0755 /var/lib/extensions');
    expect(stdout).not.toContain('/etc/extensions');
  });

  test('tells all findings in SARIF, the worst first, with rule, place and fix', async () => {
    const root = makeRoot({ [unit]: service, '/etc/systemd/sysext.conf': '[SysExt]\nMutable=yes\n' });
    const { exit, json } = await runCommandLine(['node', 'lint', '--root', root, '--sarif'], { directory: folder });
    expect(exit).toBe(1);
    const { version, runs } = json as {
      version: string;
      runs: { tool: { driver: { rules: { id: string }[] } }; results: Record<string, unknown>[] }[];
    };
    expect(version).toBe('2.1.0');
    const [{ tool, results }] = runs as [(typeof runs)[number]];
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[Number(ruleIndex)]?.id).toBe(ruleId);
    expect(results[0]).toMatchObject({
      ruleId: 'lint.image-policy-missing',
      level: 'error',
      locations: [{ physicalLocation: { artifactLocation: { uri: unit.slice(1) }, region: { startLine: 6 } } }],
    });
  });

  test('ends with findings for any bytes in any of the files', async () => {
    const paths = [
      unit,
      '/etc/systemd/sysext.conf',
      '/etc/sysupdate.d/a.conf',
      '/etc/kubernetes/kubeadm.yaml',
      '/etc/systemd/system/kubeadm.service',
    ];
    const word = fc.constantFrom(
      '[Service]',
      'ExecStart=',
      'systemd-sysext',
      'refresh',
      '--image-policy=',
      'root=',
      '+',
      ':',
      '\\',
      '\n',
      '"',
      "'",
      'kubeadm join',
      '\0',
      '- {',
      'kind: JoinConfiguration',
    );
    const content = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.array(word, { maxLength: 20 }).map((words) => words.join(' ')),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), content, async (path, text) => {
        const { exit } = await runCommandLine(
          ['node', 'lint', '--root', makeRoot({ [path]: text.replace(/^-> /, '') })],
          { directory: folder },
        );
        rmSync(join(folder, `root-${roots}`), { recursive: true });
        expect([0, 1]).toContain(exit);
      }),
      { numRuns: 100 },
    );
  });
});
