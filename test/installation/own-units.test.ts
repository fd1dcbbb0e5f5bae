import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitCommand, parseUnitFile } from '../../pipeline/formats/systemd-unit/index.ts';
import {
  dropInPath,
  type InstallationSettings,
  isOwnDropIn,
  isOwnUnit,
  listInstallation,
  unitDirectory,
} from '../../pipeline/installation/index.ts';

const store = fc.stringMatching(/^oci:[^\p{Cc}]{1,40}$/u);
const settings: fc.Arbitrary<InstallationSettings> = fc.record({
  strict: fc.boolean(),
  enforce: fc.boolean(),
  stores: fc.array(store, { maxLength: 3 }),
});

/** Units by name, and drop-ins by the name of the unit that each is over. */
function filesOf(one: InstallationSettings) {
  const { files } = listInstallation(one);
  const isDropIn = (path: string) => path.includes('.d/');
  return {
    units: files
      .filter(({ path }) => !isDropIn(path))
      .map(({ path, content }) => ({ name: path.slice(unitDirectory.length + 1), text: content })),
    dropIns: files
      .filter(({ path }) => isDropIn(path))
      .map(({ path, content }) => ({
        path,
        name: path.slice(unitDirectory.length + 1).split('.d/')[0] ?? '',
        content,
      })),
  };
}

describe('What node install writes is known as its own', () => {
  test('for all settings and stores', () => {
    fc.assert(
      fc.property(settings, (one) => {
        const { units, dropIns } = filesOf(one);
        expect(units.filter(({ name, text }) => !isOwnUnit(name, text))).toEqual([]);
        expect(dropIns.filter(({ name, content }) => !isOwnDropIn(name, content))).toEqual([]);
        expect(dropIns.filter(({ name, path }) => dropInPath(name) !== path)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test('under its own name only', () => {
    const { units, dropIns } = filesOf({ strict: false, enforce: false, stores: ['oci:a'] });
    for (const { name, text } of units)
      expect(units.filter((other) => isOwnUnit(other.name, text)).map((other) => other.name)).toEqual([name]);
    const kubeadm = dropIns.find(({ name }) => name === 'kubeadm.service')?.content ?? '';
    expect(isOwnDropIn('kubeadm.service', kubeadm)).toBe(true);
    expect(isOwnDropIn('kubelet.service', kubeadm)).toBe(false);
    expect(isOwnUnit('kubeadm.service', kubeadm)).toBe(false);
  });
});

describe('A unit of ours with anything changed', () => {
  const files = filesOf({ strict: true, enforce: true, stores: ['oci:a.example/b', 'directory:/srv/c d'] });
  const edit = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    insert: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constantFrom(
        '',
        '"',
        '\\',
        '%',
        '$',
        '\r',
        '\0',
        '\u2028',
        ' --from "x"',
        '\nExecStartPre=/x\n',
        '\r[Unit]\r',
      ),
    ),
  });
  const apply = (text: string, { at, remove, insert }: { at: number; remove: number; insert: string }) => {
    const cut = at % (text.length + 1);
    return text.slice(0, cut) + insert + text.slice(cut + remove);
  };
  /** Everything that systemd takes from it but the stores, which may be any. */
  const meaningOf = (text: string) =>
    parseUnitFile(text).map(({ section, name, value }) => {
      const words = splitCommand(value);
      return [section, name, words.filter((word, at) => word !== '--from' && words[at - 1] !== '--from')];
    });

  test('is not ours any more, or only names other stores', () => {
    fc.assert(
      fc.property(fc.constantFrom(...files.units), edit, ({ name, text }, change) => {
        const changed = apply(text, change);
        if (changed === text || !isOwnUnit(name, changed)) return;
        expect(name).toBe('nodeproof-refresh.service');
        expect(meaningOf(changed)).toEqual(meaningOf(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('is no drop-in of ours any more', () => {
    fc.assert(
      fc.property(fc.constantFrom(...files.dropIns), edit, ({ name, content }, change) => {
        const changed = apply(content, change);
        expect(isOwnDropIn(name, changed)).toBe(changed === content);
      }),
      { numRuns: 500 },
    );
  });

  test.each(['a\rExecStartPre=/mnt/evil', 'a\nExecStartPre=/mnt/evil', 'a\0[Unit]', 'a\u0085b'])(
    'is not ours with a store that systemd would not take for one: %j',
    (named) => {
      const { units } = filesOf({ strict: false, enforce: false, stores: [named] });
      const refresh = units.find(({ name }) => name === 'nodeproof-refresh.service');
      expect(isOwnUnit('nodeproof-refresh.service', refresh?.text ?? '')).toBe(false);
    },
  );
});
