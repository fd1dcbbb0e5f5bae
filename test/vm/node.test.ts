import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type Start, starts } from './boots.ts';
import { boot, copyDisk, editDisk, type Machine, openMachine, type Run } from './machine.ts';
import { forgetRuns, kubernetes, lies, type Outcome, readOutcome, settle, swap } from './node-steps.ts';
import { makeRelease, packName, readNodeBlocks } from './release.ts';

const vm = inject('vm');
const reason = 'missing' in vm ? ` (skipped: ${vm.missing})` : '';

type StartName = keyof typeof starts;
const runs = new Map<StartName, Promise<Run>>();
let installed: Run;

const members = ['containerd-flatcar', 'falco', 'kubernetes'];

describe.skipIf('missing' in vm)(`A node from its boot on${reason}`, () => {
  beforeAll(async () => {
    if ('missing' in vm) return;
    const machine = openMachine(vm.machine);
    const disk = (name: string) => join(vm.scratch, `${name.replaceAll(' ', '-')}.img`);
    provision(machine, disk('installed'), vm.program, vm.scratch);
    const blocks = readNodeBlocks().map(
      (block, at) => [`README ${at}`, `set -e\ncd /root\n${block}echo done`] as const,
    );
    const steps = { settle, ...Object.fromEntries(blocks), flush: 'sync' };
    installed = await boot(machine, disk('installed'), { steps });
    editDisk(machine, disk('installed'), forgetRuns);
    startAll(machine, disk);
  });

  // --- An operator puts nodeproof on it ----------------------------------------------------------------------------------------

  test('takes nodeproof as the README says', () => {
    for (const at of readNodeBlocks().keys()) expect(installed.said[`README ${at}`]).toMatch(/\ndone\n$/);
    expect(installed.said['README 0']).toContain('ADMIT ');
  });

  // --- What was signed joins ---------------------------------------------------------------------------------------------------

  test('joins where it is what was signed, and its verdict is on record', async () => {
    expect(await outcomeOf('honest')).toEqual({
      ran: ['kubeadm', 'kubelet', 'containerd'],
      merged: members,
      status: 'admit',
      codes: [],
    });
  });

  test('joins where the initrd has merged what was signed', async () => {
    expect(await outcomeOf('merged in the initrd')).toMatchObject({ merged: members, status: 'admit', codes: [] });
  });

  test.each(Object.keys(starts) as StartName[])('starts its units without a cycle in their order: %s', async (name) => {
    expect((await runOf(name)).said['cycles']).toBe('');
  });

  // --- What was not is kept out at boot ----------------------------------------------------------------------------------------

  test('merges no extension that nobody signed, and does not join with one', async () => {
    const { ran, merged, status } = await outcomeOf('strangers');
    expect({ ran, merged, status }).toEqual({ ran: [], merged: members, status: 'refuse' });
    const { said } = await runOf('strangers');
    for (const name of ['stranger', 'shadow', 'hollow', 'loose'])
      expect(said['guard']).toMatch(new RegExp(`prevented.*${name}`));
    expect(said['programs']).toBe('');
  });

  /** Nothing is merged then, so that every extension is missing. */
  const unmerged = ['attestation.none', 'extension.not-merged', 'node-set.none', 'sysext.missing', 'sysext.required'];

  test.each([
    ['swapped', ['extension.refused-by-guard']],
    ['masked', []],
    ['without a guard', ['unit.masked']],
    ['told its usr hash twice', ['command-line.usr-hash']],
    ['of another build', ['os.usr-hash']],
    ['steered', ['command-line.denied']],
  ] as const)('merges and runs nothing of a cluster where it is %s', async (name, codes) => {
    const { ran, merged, status, codes: found } = await outcomeOf(name);
    const wanted = [...unmerged, ...codes].toSorted();
    expect({ ran, merged, status, found }).toEqual({ ran: [], merged: [], status: 'refuse', found: wanted });
  });

  test('takes a merge of the initrd away where a stranger was in it, says detected, and does not join', async () => {
    const { ran, merged, status } = await outcomeOf('merged in the initrd with a stranger');
    expect({ ran, merged, status }).toEqual({ ran: [], merged: [], status: 'refuse' });
    expect((await runOf('merged in the initrd with a stranger')).said['guard']).toMatch(/detected.*stranger/);
  });

  test('says on its console why it was refused, and what to do', async () => {
    expect((await runOf('swapped')).console).toMatch(/REFUSE[\s\S]*next:/);
  });

  test('runs no code that the kernel command line names', async () => {
    expect((await runOf('steered')).said['steered']).toBe('');
  });

  // --- What changes while it runs is noticed -----------------------------------------------------------------------------------

  test.each([...lies, swap].map((lie) => [lie.name, lie] as const))(
    'does not join with %s',
    async (name, { codes }) => {
      const { said } = await runOf('honest');
      const { ran, status, codes: found } = readOutcome(said[name]);
      expect({ ran: ran.includes('kubeadm'), status, found }).toEqual({ ran: false, status: 'refuse', found: codes });
    },
  );

  test('joins again once it is rid of them', async () => {
    const { ran, merged, status } = readOutcome((await runOf('honest')).said['rid of them']);
    expect({ ran: ran.includes('kubeadm'), merged, status }).toEqual({ ran: true, merged: members, status: 'admit' });
  });

  test('runs no code that the environment of all services names', async () => {
    expect((await runOf('honest')).said['steered']).toBe('');
  });

  // --- The next boot -----------------------------------------------------------------------------------------------------------

  test('says of its next boot that it would run what was signed', async () => {
    expect((await runOf('honest')).said['next boot']).toMatch(/^ADMIT [\s\S]*slot USR-A[\s\S]*exit 0\n$/);
  });

  test('says that a staged update is not what was signed, asked or not, and runs on', async () => {
    const { said } = await runOf('with another build staged');
    expect(readOutcome(said['tell'])).toMatchObject({ ran: ['kubeadm', 'kubelet', 'containerd'], status: 'admit' });
    expect(said['next boot']).toMatch(/^REFUSE[\s\S]*slot USR-B[\s\S]*exit 1\n$/);
    expect(said['told by itself']).toMatch(/REFUSE[\s\S]*slot USR-B/);
  });

  // --- The installation --------------------------------------------------------------------------------------------------------

  test('is installed twice as it is once', async () => {
    expect((await runOf('honest')).said['install again']).toMatch(/in all +\d+ unchanged\n/);
  });

  test('stops kubelet for good where it is told to enforce, whatever upholds it', async () => {
    expect((await runOf('honest')).said['enforce']?.trim().split('\n')).toEqual([
      'active',
      'check refused',
      'inactive',
    ]);
  });

  test('does not let its guard be stopped by hand, and the merge with it', async () => {
    expect((await runOf('honest')).said['stop by hand']).toContain('refused');
  });

  test('is left without a trace of what was installed', async () => {
    expect((await runOf('honest')).said['uninstall']).toBe('done\n');
  });
});

/** What Ignition would have written before the first boot, and what an operator has brought. */
function provision(machine: Machine, disk: string, program: string, scratch: string): void {
  const release = makeRelease(program, machine, join(scratch, 'release'));
  copyDisk(machine.file('disk.img'), disk);
  editDisk(
    machine,
    disk,
    `
mkdir -p "$ROOT/opt/extensions/kubernetes" "$ROOT/opt/extensions/falco"
cp "$M/kubernetes.raw" "$ROOT${kubernetes}"
ln -s ${kubernetes} "$ROOT/etc/extensions/kubernetes.raw"
cp '${release.falco}' "$ROOT/opt/extensions/falco/falco.raw"
ln -s /opt/extensions/falco/falco.raw "$ROOT/etc/extensions/falco.raw"
cp "$M"/{kubernetes-rebuilt,stranger,shadow,hollow}.raw '${release.policy}' "$ROOT/root/"
cp '${program}' "$ROOT/root/nodeproof-linux-x64"
cp '${release.trustPack}' "$ROOT/root/${packName}"
cp '${release.expiredPolicy}' "$ROOT/root/expired.yaml"
cp '${release.strangersPack}' "$ROOT/root/stranger.trust-pack.json"`,
  );
}

/** Begins all starts in their order, each from a copy of the installed disk, two at once. */
function startAll(machine: Machine, disk: (name: string) => string): void {
  const waiting = (Object.keys(starts) as StartName[]).map((name) => ({ name, ...Promise.withResolvers<Run>() }));
  for (const { name, promise } of waiting) {
    runs.set(name, promise);
    // Told by the tests that ask for it.
    promise.catch(() => undefined);
  }
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { name, resolve, reject } = next;
      await startOne(machine, disk('installed'), disk(name), name).then(resolve, reject);
    }
  };
  for (let at = 0; at < 2; at += 1) void work();
}

async function startOne(machine: Machine, installedDisk: string, disk: string, name: StartName): Promise<Run> {
  const start: Start = starts[name];
  copyDisk(installedDisk, disk);
  if (start.edit !== undefined) editDisk(machine, disk, start.edit);
  return boot(machine, disk, start);
}

async function runOf(name: StartName): Promise<Run> {
  const run = await runs.get(name);
  if (run === undefined) throw new TypeError(`Cannot happen: ${name} was not started`);
  return run;
}

async function outcomeOf(name: StartName): Promise<Outcome> {
  return readOutcome((await runOf(name)).said['tell']);
}
