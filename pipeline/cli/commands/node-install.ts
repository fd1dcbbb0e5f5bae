import { resolve } from 'node:path';
import { Digest, exit, Fault, limits, type Source } from '../../core/index.ts';
import { openFileSource } from '../../edge/files/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import {
  forgetFailures,
  InstallationRoot,
  type Placed,
  reloadUnits,
  startUnits,
  stopUnits,
} from '../../edge/node/index.ts';
import {
  dropInName,
  home,
  type Installation,
  type InstallationSettings,
  listInstallation,
  payload,
  places,
  unitHeader,
} from '../../installation/index.ts';
import { parsePolicy, type Policy } from '../../policy/index.ts';
import { renderFacts } from '../../report/index.ts';
import { isExtensionOf, parseTrustPack } from '../../trust/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inFile, readInput, renderJson } from '../inputs.ts';
import { readNodePack, readProgram, refuseAstrayStores } from '../node-payload.ts';
import type { nodeInstallCommand } from '../table.ts';

type Request = Invocation<typeof nodeInstallCommand>;

/** What was done, or is to be done, to one path. */
type Change = {
  readonly path: string;
  readonly action: 'create' | 'change' | 'remove' | 'keep';
  /** Nothing to do where it is kept. */
  readonly apply: () => void;
};

export const runNodeInstall: Run<typeof nodeInstallCommand> = async (request) => {
  const { options, world } = request;
  refuseContradictions(request);
  const root = new InstallationRoot(resolve(world.directory, options.root ?? '/'));
  await using hashing = openHashingPool();
  using stack = new DisposableStack();
  const changes = options.uninstall ? planRemoval(root) : await planInstallation(request, root, hashing, stack);
  const isLive = options.root === undefined;
  if (!options['dry-run']) {
    // What looks for changes would look at these, by a unit that is just being removed.
    if (isLive && options.uninstall) stopUnits(unitNames.filter((name) => !name.endsWith('.service')));
    for (const { apply } of changes) apply();
    if (isLive) putInForce(changes, options.uninstall);
  }
  world.stdout.write(options.json ? renderJson(buildOutcome(request, changes)) : renderOutcome(request, changes));
  return exit.admit;
};

/** Before anything is read. Faults: usage.uninstall, usage.store, usage.registry. */
function refuseContradictions({ options, world }: Request): void {
  const { uninstall, policy, program, from, strict, enforce } = options;
  const isAboutContent = [policy, program, options['trust-pack']].some((given) => given !== undefined);
  if (uninstall && (isAboutContent || from.length > 0 || strict || enforce))
    throw new Fault(
      'usage.uninstall',
      'Cannot install and uninstall at once: --uninstall came with what is to be installed',
      {
        next: 'Give --uninstall with --root, --dry-run and --json only',
      },
    );
  refuseAstrayStores(from, world);
}

// --- Installing --------------------------------------------------------------------------------------------------------------

/** All content is there and judged before the first path is changed. Faults: config.*, policy.*, trust-pack.*, file.*. */
async function planInstallation(
  request: Request,
  root: InstallationRoot,
  hashing: HashingPool,
  stack: DisposableStack,
): Promise<readonly Change[]> {
  const { options } = request;
  const settings: InstallationSettings = { strict: options.strict, enforce: options.enforce, stores: options.from };
  const wanted = listInstallation(settings);
  const content = await readPayload(request, root, stack);
  const payloadChanges: Change[] = [];
  for (const { path, mode } of payload) {
    const given = content[path];
    if (given !== undefined) payloadChanges.push(await planFile(root, path, mode, given, hashing));
  }
  return [
    ...wanted.directories.map(({ path, mode }) => planDirectory(root, path, mode)),
    ...payloadChanges,
    ...wanted.files.map(({ path, mode, content: text }) => planUnit(root, path, mode, text)),
    ...wanted.links.map(({ path, target }) => planLink(root, path, target)),
    // Of earlier settings: refresh units where no store is asked any more.
    ...planStale(root, wanted),
  ];
}

type Payload = Readonly<Partial<Record<string, Uint8Array | Source>>>;

/** What is not given stays as it is installed; where nothing is, it has to be given. */
async function readPayload(
  { options, world }: Request,
  root: InstallationRoot,
  stack: DisposableStack,
): Promise<Payload> {
  const { policy: policyPath, 'trust-pack': packPath } = options;
  const program = options.program ?? world.program;
  const missing = [
    ...(policyPath === undefined ? [{ path: places.policy, option: '--policy FILE' }] : []),
    ...(packPath === undefined ? [{ path: places.trustPack, option: '--trust-pack FILE' }] : []),
    ...(program === undefined ? [{ path: places.program, option: '--program FILE' }] : []),
  ].filter(({ path }) => root.look(path).kind !== 'file');
  if (missing.length > 0)
    throw new Fault(
      'usage.payload',
      `Cannot install: ${missing.map(({ path }) => path).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there yet`,
      { next: `Give ${missing.map(({ option }) => option).join(' and ')}` },
    );
  const policyBytes =
    policyPath === undefined
      ? Buffer.from(root.readText(places.policy, limits.policyBytes))
      : readInput(world, policyPath, limits.policyBytes);
  const { policy } = inFile(policyPath ?? places.policy, () => parsePolicy(policyBytes));
  return {
    [places.policy]: policyBytes,
    ...(packPath === undefined ? {} : { [places.trustPack]: readPack(packPath, policy, root, options.from, world) }),
    ...(program === undefined ? {} : { [places.program]: await openProgram(program, policy, world, stack) }),
  };
}

/**
 * What a node accepted stays the least that it accepts, and what a refresh added to this very pack stays.
 * Faults: config.pack, trust-pack.*, file.*.
 */
function readPack(
  path: string,
  policy: Policy,
  root: InstallationRoot,
  from: readonly string[],
  world: Request['world'],
): Uint8Array {
  const { bytes, version } = readNodePack(path, policy, world, from.length > 0);
  if (root.look(places.trustPack).kind !== 'file') return bytes;
  const installedBytes = Buffer.from(root.readText(places.trustPack, limits.trustPackBytes));
  const installed = inFile(places.trustPack, () => parseTrustPack(installedBytes));
  if (isExtensionOf(installed, parseTrustPack(bytes))) return installedBytes;
  if (installed.version <= version) return bytes;
  throw new Fault(
    'config.pack',
    `Cannot install ${path}: its version is ${version}, and version ${installed.version} is installed`,
    { where: path, next: 'Give a newer pack; to begin anew, run node install --uninstall first' },
  );
}

async function openProgram(
  path: string,
  policy: Policy,
  world: Request['world'],
  stack: DisposableStack,
): Promise<Source> {
  await readProgram(path, policy, world);
  return stack.use(openFileSource(resolve(world.directory, path)));
}

async function planFile(
  root: InstallationRoot,
  path: string,
  mode: number,
  content: Uint8Array | Source,
  hashing: HashingPool,
): Promise<Change> {
  const placed = root.look(path);
  refuseOther(path, placed, 'file');
  const isSame =
    placed.kind === 'file' && placed.mode === mode && (await hasContent(root, path, placed, content, hashing));
  return change(path, placed, isSame, () => root.writeFile(path, content, mode));
}

async function hasContent(
  root: InstallationRoot,
  path: string,
  placed: Extract<Placed, { kind: 'file' }>,
  content: Uint8Array | Source,
  hashing: HashingPool,
): Promise<boolean> {
  if (content instanceof Uint8Array)
    return (
      placed.sizeBytes === content.byteLength && Buffer.from(root.readText(path, limits.trustPackBytes)).equals(content)
    );
  if (placed.sizeBytes !== content.sizeBytes) return false;
  using installed = root.open(path);
  const [[one], [other]] = await Promise.all([
    hashing.digestSource(installed, ['sha256']),
    hashing.digestSource(content, ['sha256']),
  ]);
  return one !== undefined && other !== undefined && Digest.equals(one, other);
}

/** A unit or drop-in. One that somebody else wrote is not overwritten. */
function planUnit(root: InstallationRoot, path: string, mode: number, text: string): Change {
  const placed = root.look(path);
  refuseOther(path, placed, 'file');
  const actual = placed.kind === 'file' ? root.readText(path, limits.nodeConfigBytes) : undefined;
  if (actual !== undefined && !actual.startsWith(unitHeader))
    throw new Fault('config.unit', `Cannot install ${path}: somebody else wrote what is there`, {
      where: path,
      next: 'Move it away, and look what it is for',
    });
  const isSame = placed.kind === 'file' && placed.mode === mode && actual === text;
  return change(path, placed, isSame, () => root.writeFile(path, Buffer.from(text), mode));
}

function planLink(root: InstallationRoot, path: string, target: string): Change {
  const placed = root.look(path);
  refuseOther(path, placed, 'link');
  return change(path, placed, placed.kind === 'link' && placed.target === target, () => root.writeLink(path, target));
}

function planDirectory(root: InstallationRoot, path: string, mode: number): Change {
  const placed = root.look(path);
  refuseOther(path, placed, 'directory');
  return change(path, placed, placed.kind === 'directory' && placed.mode === mode, () =>
    root.makeDirectory(path, mode),
  );
}

function refuseOther(path: string, placed: Placed, wanted: Placed['kind']): void {
  if (placed.kind === 'absent' || placed.kind === wanted) return;
  const isMask = placed.kind === 'link' && placed.target === '/dev/null';
  throw new Fault(
    'config.unit',
    `Cannot install ${path}: ${isMask ? 'it is masked' : `a ${placed.kind} is there`}, want a ${wanted}`,
    {
      where: path,
      next: isMask
        ? `Find out who masked it, and run systemctl unmask ${path.split('/').at(-1) ?? ''}`
        : `Move ${path} away`,
    },
  );
}

function change(path: string, placed: Placed, isSame: boolean, apply: () => void): Change {
  if (isSame) return { path, action: 'keep', apply: () => undefined };
  return { path, action: placed.kind === 'absent' ? 'create' : 'change', apply };
}

// --- Removing ----------------------------------------------------------------------------------------------------------------

/** Everything that any settings would install. */
const everything = listInstallation({ strict: false, enforce: false, stores: ['oci:any'] });

/** What stands there of other settings. */
function planStale(root: InstallationRoot, wanted: Installation): readonly Change[] {
  const kept = new Set([...wanted.files, ...wanted.links].map(({ path }) => path));
  return planUnits(root).filter(({ path }) => !kept.has(path));
}

/** Links first, so that nothing is started whose unit is gone; the verifier last. */
function planRemoval(root: InstallationRoot): readonly Change[] {
  const own = root.list(home).length > 0 || root.look(home).kind === 'directory' ? listTree(root, home) : [];
  const emptied = [
    ...everything.files.map(({ path }) => path).filter((path) => path.endsWith(`/${dropInName}`)),
    ...everything.links.map(({ path }) => path),
  ].map((path) => path.slice(0, path.lastIndexOf('/')));
  return [
    ...planUnits(root),
    ...[...new Set(emptied)]
      .toSorted()
      .map((path) => planEmptied(root, path))
      .filter((one) => one !== null),
    ...own,
  ];
}

function planUnits(root: InstallationRoot): readonly Change[] {
  const isOurs = (path: string) =>
    root.look(path).kind === 'file' && root.readText(path, limits.nodeConfigBytes).startsWith(unitHeader);
  const links = everything.links.filter(({ path, target }) => {
    const placed = root.look(path);
    return placed.kind === 'link' && placed.target === target;
  });
  const files = everything.files.filter(({ path }) => isOurs(path));
  return [...links, ...files].map(({ path }) => ({ path, action: 'remove', apply: () => root.remove(path) }));
}

/** A directory that holds nothing of others. Whether it is empty is known when it comes to that. */
function planEmptied(root: InstallationRoot, path: string): Change | null {
  const ours = new Set([...everything.files, ...everything.links].map((one) => one.path));
  if (root.look(path).kind !== 'directory') return null;
  if (root.list(path).some((name) => !ours.has(`${path}/${name}`))) return null;
  return { path, action: 'remove', apply: () => root.list(path).length === 0 && root.removeDirectory(path) };
}

/** A directory of ours with all that is in it, the innermost first. */
function listTree(root: InstallationRoot, path: string): readonly Change[] {
  if (root.look(path).kind !== 'directory') return [{ path, action: 'remove', apply: () => root.remove(path) }];
  return [
    ...root.list(path).flatMap((name) => listTree(root, `${path}/${name}`)),
    { path, action: 'remove', apply: () => root.removeDirectory(path) },
  ];
}

// --- In force, and told ------------------------------------------------------------------------------------------------------

/** The running systemd takes notice; the gates are there from now on, the guard from the next merge on. Fault: file.command. */
function putInForce(changes: readonly Change[], isRemoval: boolean): void {
  if (changes.every(({ action }) => action === 'keep')) return;
  reloadUnits();
  if (!isRemoval) return startUnits(listStarted(changes));
  // Only now: what waited for them does not any more, and is not stopped with them.
  stopUnits(unitNames);
  forgetFailures('nodeproof-*');
}

const unitNames = everything.files
  .map(({ path }) => path.split('/').at(-1) ?? '')
  .filter((name) => name.startsWith('nodeproof-'));

/** What looks again by itself. */
function listStarted(changes: readonly Change[]): readonly string[] {
  return changes
    .filter(({ action }) => action !== 'remove')
    .map(({ path }) => path)
    .filter((path) => /\.wants\/.*\.(?:path|timer)$/.test(path))
    .map((path) => path.split('/').at(-1) ?? '');
}

const told = { create: 'created', change: 'changed', remove: 'removed', keep: 'unchanged' } as const;

function buildOutcome({ options }: Request, changes: readonly Change[]) {
  return {
    root: options.root ?? '/',
    isDryRun: options['dry-run'],
    changes: changes.map(({ path, action }) => ({ path, action: told[action] })),
  };
}

function renderOutcome({ options }: Request, changes: readonly Change[]): string {
  const count = (action: Change['action']) => changes.filter((one) => one.action === action).length;
  const numbers = (['create', 'change', 'remove', 'keep'] as const)
    .filter((action) => count(action) > 0)
    .map((action) => `${count(action)} ${told[action]}`);
  const isDone = !options['dry-run'];
  const changed = changes.filter(({ action }) => action !== 'keep');
  const next = options.uninstall
    ? []
    : ([
        ['next', options.root === undefined ? 'nodeproof node verify --join, and reboot for the guard' : 'boot it'],
      ] as const);
  const facts = [
    ...changed.map(({ path, action }) => [told[action], path] as const),
    ['in all', numbers.length === 0 ? 'nothing to do' : numbers.join(', ')] as const,
    ...next,
  ];
  return `${isDone ? '' : 'Would do:\n'}${renderFacts(facts)}\n`;
}
