import { describe, expect, test } from 'vitest';
import { commandRows } from '../../pipeline/cli/table.ts';
import { parseUnitFile } from '../../pipeline/formats/systemd-unit/index.ts';
import { type InstallationSettings, listInstallation, places } from '../../pipeline/installation/index.ts';
import { parseCommands } from '../../pipeline/units/index.ts';
import { runIn } from '../cli/world.ts';

const stores = ['oci:ghcr.io/acme/nodes', 'directory:/srv/a "b" $c %d \\e', 'release:acme/nodes@v1'];
const everything: InstallationSettings = { strict: true, enforce: true, stores };

/** The command lines of the verifier in the units under some settings, as it gets them, by the name of the unit. */
function listCommandLines(settings: InstallationSettings): readonly (readonly [string, readonly string[]])[] {
  return listInstallation(settings).files.flatMap(({ path, content }) =>
    parseUnitFile(content)
      .filter(({ name }) => name.startsWith('Exec'))
      .flatMap(({ value }) => parseCommands(value))
      .filter(({ program }) => program === places.program)
      .map(({ parameters }) => [path.split('/').at(-1) ?? '', parameters.map(expand)] as const),
  );
}

/** systemd.unit(5), "Specifiers", and systemd.service(5), "Command lines": what is doubled stands for itself. */
function expand(word: string): string {
  expect(word.replaceAll('%%', '').replaceAll('$$', '')).not.toMatch(/[%$]/);
  return word.replaceAll('%%', '%').replaceAll('$$', '$');
}

const commandLines = [
  ...listCommandLines(everything),
  ...listCommandLines({ strict: false, enforce: false, stores: [] }),
];

describe('A unit runs a command line that the program takes:', () => {
  test('there is one in every service of ours', () => {
    expect([...new Set(commandLines.map(([unit]) => unit))]).toEqual([
      'nodeproof-check.service',
      'nodeproof-guard.service',
      'nodeproof-join.service',
      'nodeproof-next-boot.service',
      'nodeproof-refresh.service',
      'nodeproof-verify.service',
    ]);
  });

  test.each(commandLines)('%s %j', async (_unit, words) => {
    const command = commandRows.find(({ spec }) => spec.path.every((word, at) => words[at] === word));
    const length = command?.spec.path.length ?? 0;
    // Nothing runs: of all options only the one that is added is not known, of all words only the one that is added is too many.
    const strange = await runIn('/', ...words, '--no-such-option');
    expect([strange.exit, strange.stderr]).toEqual([2, expect.stringContaining("unknown option '--no-such-option'")]);
    const stray = await runIn('/', ...words.slice(0, length), 'stray', ...words.slice(length));
    expect([stray.exit, stray.stderr]).toEqual([2, expect.stringContaining('Expected 0 arguments but got 1')]);
  });

  test('with the stores as they were named', () => {
    const [, words = []] = commandLines.find(([unit]) => unit === 'nodeproof-refresh.service') ?? [];
    expect(words.filter((_, at) => words[at - 1] === '--from')).toEqual(stores);
  });
});

describe('A unit that watches', () => {
  const watching = listInstallation(everything).files.filter(({ path }) => /\.(?:path|timer)$/.test(path));

  test.each(watching.map(({ path, content }) => [path, content] as const))(
    'waits for no service, which waits for it: %s',
    (_, content) => {
      // basic.target is after paths.target and timers.target, and services are after basic.target.
      expect(content).not.toMatch(/^(?:After|Requires|Wants|BindsTo)=/m);
    },
  );
});
