import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { listAliases, listEffective, listProgramPaths, parseCommands, readUnit } from '../../pipeline/units/index.ts';
import { type MadeNode, openMadeNode } from '../evidence/made-node.ts';

const etc = '/etc/systemd/system';
const usr = '/usr/lib/systemd/system';

function read(node: MadeNode, name = 'a-b.service') {
  const tree = openMadeNode(node);
  return readUnit(tree, name, listAliases(tree));
}

const effective = (node: MadeNode) =>
  listEffective(read(node)?.settings ?? []).map(({ name, value }) => `${name}=${value}`);

describe('A unit', () => {
  test('that is nowhere is none', () => {
    expect(read({ '/etc/hostname': 'n' })).toBeUndefined();
  });

  test.each([
    ['/etc/systemd/system.control', '/etc/systemd/system'],
    ['/run/systemd/transient', '/run/systemd/generator.early'],
    ['/run/systemd/generator.early', '/etc/systemd/system'],
    ['/etc/systemd/system', '/run/systemd/system'],
    ['/run/systemd/generator', '/usr/lib/systemd/system'],
    ['/usr/lib/systemd/system', '/run/systemd/generator.late'],
  ])('in %s hides the one in %s', (first, second) => {
    const node = { [`${first}/a-b.service`]: '[Service]\nUser=a\n', [`${second}/a-b.service`]: '[Service]\nUser=b\n' };
    expect([read(node)?.fragment, effective(node)]).toEqual([`${first}/a-b.service`, ['User=a']]);
  });

  test.each<[string, MadeNode[string]]>([
    ['a link to /dev/null', { link: '/dev/null' }],
    ['an empty file', ''],
  ])('is masked by %s', (_, entry) => {
    expect(read({ [`${etc}/a-b.service`]: entry, [`${usr}/a-b.service`]: '[Service]\n' })?.isMasked).toBe(true);
  });

  test('takes drop-ins of its own, of its prefix, of its aliases and of all services, by their names', () => {
    const node = {
      [`${usr}/a-b.service`]: '[Service]\nExecStart=/usr/bin/a\n',
      [`${etc}/other.service`]: { link: `${usr}/a-b.service` },
      [`${etc}/a-b.service.d/40.conf`]: '[Service]\nUser=four\n',
      [`${usr}/a-.service.d/30.conf`]: '[Service]\nUser=three\n',
      '/run/systemd/system/service.d/20.conf': '[Service]\nUser=two\n',
      [`${etc}/other.service.d/10.conf`]: '[Service]\nUser=one\n',
      [`${etc}/a-b.service.d/README`]: '[Service]\nUser=none\n',
    };
    expect(read(node)).toMatchObject({
      aliases: ['other.service'],
      dropIns: [
        `${etc}/other.service.d/10.conf`,
        '/run/systemd/system/service.d/20.conf',
        `${usr}/a-.service.d/30.conf`,
        `${etc}/a-b.service.d/40.conf`,
      ],
    });
    expect(effective(node)).toEqual(['ExecStart=/usr/bin/a', 'User=four']);
  });

  test('that is an alias takes the drop-ins of what it leads to', () => {
    const node = {
      [`${etc}/a-b.service`]: { link: 'real.service' },
      [`${etc}/real.service`]: '[Service]\nUser=a\n',
      [`${etc}/real.service.d/x.conf`]: '[Service]\nUser=b\n',
    };
    expect(read(node)).toMatchObject({ aliases: ['real.service'], resolvedFragment: `${etc}/real.service` });
    expect(effective(node)).toEqual(['User=b']);
  });

  test('that only lies elsewhere is no alias', () => {
    const node = {
      [`${etc}/a-b.service`]: { link: '/opt/c.service' },
      '/opt/c.service': '[Service]\nUser=a\n',
      [`${etc}/c.service.d/x.conf`]: '[Service]\nUser=b\n',
    };
    expect([read(node)?.aliases, effective(node)]).toEqual([[], ['User=a']]);
  });

  test.each([
    ['an earlier directory', `/etc/systemd/system.control/a-b.service.d/10.conf`],
    ['its prefix in an earlier directory', `/etc/systemd/system.control/a-.service.d/10.conf`],
  ])('loses a drop-in to one of the same name in %s', (_, path) => {
    const node = {
      [`${usr}/a-b.service`]: '[Service]\nUser=a\n',
      [`${etc}/a-b.service.d/10.conf`]: '[Service]\nUser=b\n',
      [path]: { link: '/dev/null' },
    } as const;
    expect([read(node)?.dropIns, effective(node)]).toEqual([[path], ['User=a']]);
  });

  test('with more drop-ins than anyone writes is refused', () => {
    const many = Array.from({ length: 257 }, (_, at) => [`${etc}/a-b.service.d/${at}.conf`, ''] as const);
    expect(() => read({ [`${usr}/a-b.service`]: '[Service]\nUser=a\n', ...Object.fromEntries(many) })).toThrow(Fault);
  });
});

describe('What counts in the end', () => {
  const of = (...texts: readonly string[]) =>
    effective({
      [`${usr}/a-b.service`]: texts[0] ?? '',
      ...Object.fromEntries(texts.slice(1).map((text, at) => [`${etc}/a-b.service.d/${at}.conf`, text])),
    });

  test.each<[string, readonly string[], readonly string[]]>([
    [
      'an empty list takes back what was before it',
      ['[Service]\nExecStartPre=/a\nExecStart=/b\n', '[Service]\nExecStartPre=\n'],
      ['ExecStart=/b'],
    ],
    [
      'a dependency cannot be taken back',
      ['[Unit]\nRequires=a.service\n', '[Unit]\nRequires=\nAfter=b.service\n'],
      ['Requires=a.service', 'After=b.service'],
    ],
    [
      'an empty condition takes back all conditions, and no assertion',
      ['[Unit]\nConditionPathExists=/a\nConditionHost=b\nAssertPathExists=/c\n', '[Unit]\nConditionUser=\n'],
      ['AssertPathExists=/c'],
    ],
    ['the last root counts', ['[Service]\nRootDirectory=/a\n', '[Service]\nRootDirectory=/b\n'], ['RootDirectory=/b']],
    ['none is none', ['[Service]\nRootDirectory=/a\n', '[Service]\nRootDirectory=\n'], []],
    ['names and sections are as they are written', ['[service]\nUser=a\n[Service]\nuser=b\n[Unit]\nUser=c\n'], []],
  ])('%s', (_, texts, expected) => {
    expect(of(...texts)).toEqual(expected);
  });
});

describe('A command', () => {
  test('has prefixes, a program and words, and others behind a semicolon', () => {
    expect(parseCommands('-+/usr/bin/a "b c" ; @/usr/bin/d e f \\; g;')).toEqual([
      { prefixes: '-+', program: '/usr/bin/a', parameters: ['b c'] },
      { prefixes: '@', program: '/usr/bin/d', parameters: ['f', ';', 'g;'] },
    ]);
  });

  test('without a slash is looked for in directories that PATH does not change', () => {
    expect(listProgramPaths('a', [])[0]).toBe('/usr/local/sbin/a');
    expect(listProgramPaths('a', ['/opt/x'])).toEqual(['/opt/x/a']);
    expect(listProgramPaths('./a', [])).toEqual(['./a']);
  });
});
