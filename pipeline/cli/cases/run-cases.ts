import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type Exit, exitOf, Fault } from '../../core/index.ts';
import { emptyState } from '../../policy/index.ts';
import { runNodeVerify } from '../commands/node-verify.ts';
import { runVerify } from '../commands/verify.ts';
import type { Invocation } from '../command.ts';
import { type nodeVerifyCommand, noPurpose, noSearch, type verifyCommand } from '../table.ts';
import type { World } from '../world.ts';
import { type Case, readYamlFile } from './case-file.ts';
import { type ImageShelf, openImageShelf } from './image-shelf.ts';
import { openSharedRoot, type SharedRoot } from './made-root.ts';

/** The part of a finding that a verdict document has and a case compares. */
export type ToldFinding = {
  readonly code: string;
  readonly message: string;
  readonly actual?: string | null;
  readonly expected?: string | null;
};

/** What came of a case: what the command said, and how it differs from what the case expects. */
export type CaseOutcome = {
  readonly name: string;
  readonly title: string;
  readonly threat: string;
  readonly expected: Case['file']['expect'];
  readonly verdict: 'admit' | 'refuse';
  readonly exit: Exit;
  readonly findings: readonly ToldFinding[];
  /** Empty where it came out as expected. */
  readonly differences: readonly string[];
};

/** Runs cases one after the other; what it made on the way is gone when it is disposed. */
export type CaseRunner = AsyncDisposable & { readonly run: (one: Case) => Promise<CaseOutcome> };

/** The command that a case is judged by. */
export type CaseCommand =
  | { readonly path: readonly ['verify']; readonly invocation: Invocation<typeof verifyCommand> }
  | { readonly path: readonly ['node', 'verify']; readonly invocation: Invocation<typeof nodeVerifyCommand> };

export type CaseRunnerOptions = {
  /** Where images are unpacked already. */
  readonly shelf?: ImageShelf;
  /** Runs the command: in this process, unless something else is to be judged by the cases. */
  readonly execute?: (command: CaseCommand) => Promise<Exit>;
};

/** @param defaultTime the time that cases without an `at` are judged at */
export function openCaseRunner(defaultTime: Date, options: CaseRunnerOptions = {}): CaseRunner {
  const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-cases-'));
  const images = join(scratch, 'images');
  mkdirSync(images);
  const shelf = options.shelf ?? openImageShelf(images);
  const execute = options.execute ?? runCommand;
  const roots = new Map<string, SharedRoot>();
  const openRoot = (base: Case['base']): SharedRoot => {
    const key = JSON.stringify([base.root, base.images, base.links]);
    const root = roots.get(key) ?? openSharedRoot(base, mkdtempSync(join(scratch, 'node-')), shelf);
    roots.set(key, root);
    return root;
  };
  return {
    run: async (one) => {
      const at = one.file.at ?? one.base.at ?? defaultTime.toISOString();
      if (one.file.subject !== undefined)
        return compare(one, await judge(one, scratch, at, prepareArtifact(one.file.subject, shelf), execute));
      const root = openRoot(one.base);
      try {
        root.change(one);
        return compare(one, await judge(one, scratch, at, prepareNode(one, scratch, root.top), execute));
      } finally {
        root.restore();
      }
    },
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }),
  };
}

type Told = Pick<CaseOutcome, 'verdict' | 'exit' | 'findings'>;

/** Runs the very command that a node or an auditor runs, so that a case can never pass by a second path. */
async function judge(
  one: Case,
  place: string,
  at: string,
  prepare: Prepared,
  execute: NonNullable<CaseRunnerOptions['execute']>,
): Promise<Told> {
  const { base, file } = one;
  const pack = file.pack === undefined ? (base.pack ?? null) : file.pack;
  const policy = join(place, 'policy.json');
  writeFileSync(policy, JSON.stringify(mergeFields(readYamlFile(base.policy), file.policy)));
  // Findings name files as they were given: relative, so that they read the same everywhere.
  const directory = dirname(one.directory);
  const given = (paths: readonly string[]) => paths.map((path) => relative(directory, path));
  const material = {
    policy,
    'trust-pack': pack === null ? undefined : relative(directory, pack),
    bundle: given([...(base.bundles ?? []), ...(file.bundles ?? [])]),
    'trusted-root': given([...(base.trustedRoots ?? []), ...(file.trustedRoots ?? [])]),
    'public-key': given([...(base.publicKeys ?? []), ...(file.publicKeys ?? [])]),
    at,
    ...noSearch,
    json: true,
  };
  const output: string[] = [];
  const world = quietWorld(directory, new Date(at), output);
  try {
    return { exit: await execute(prepare(material, world)), ...readVerdict(output) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // A command that ends with a fault judged nothing and admitted nobody.
    return { verdict: 'refuse', exit: exitOf(error.code), findings: [{ code: error.code, message: error.message }] };
  }
}

function isNodeCommand(command: CaseCommand): command is Extract<CaseCommand, { path: readonly ['node', 'verify'] }> {
  return command.path[0] === 'node';
}

type Material = Omit<Parameters<typeof runVerify>[0]['options'], 'dir'>;
type Prepared = (material: Material, world: World) => CaseCommand;

function runCommand(command: CaseCommand): Promise<Exit> {
  return isNodeCommand(command) ? runNodeVerify(command.invocation) : runVerify(command.invocation);
}

function prepareArtifact(subject: NonNullable<Case['file']['subject']>, shelf: ImageShelf): Prepared {
  const operands = [typeof subject === 'string' ? subject : shelf.unpack(subject)];
  return (material, world) => ({
    path: ['verify'],
    invocation: { operands, options: { ...material, dir: undefined }, world },
  });
}

function prepareNode(one: Case, place: string, root: string): Prepared {
  const state = join(place, 'state.json');
  writeFileSync(state, JSON.stringify({ ...emptyState, ...one.file.state }));
  const own = { ...noPurpose, root, state, evidence: undefined, 'digest-cache': undefined } as const;
  return (material, world) => ({
    path: ['node', 'verify'],
    invocation: { operands: [], options: { ...material, ...own }, world },
  });
}

function quietWorld(directory: string, now: Date, output: string[]): World {
  return {
    directory,
    environment: {},
    now: () => now,
    stdout: { write: (text) => void output.push(text), isTerminal: false },
    stderr: { write: () => undefined, isTerminal: false },
  };
}

type VerdictDocument = Pick<Told, 'verdict' | 'findings'>;

function readVerdict(output: readonly string[]): VerdictDocument {
  const document = JSON.parse(output.join('')) as VerdictDocument | { readonly verdicts: readonly [VerdictDocument] };
  const { verdict, findings } = 'verdicts' in document ? document.verdicts[0] : document;
  return { verdict, findings };
}

function compare({ name, file }: Case, told: Told): CaseOutcome {
  const { expect: expected, title, threat } = file;
  const codes = new Set(told.findings.map((finding) => finding.code));
  const differences = [
    ...(told.verdict === expected.verdict ? [] : [`verdict ${told.verdict}, want ${expected.verdict}`]),
    ...(told.exit === expected.exit ? [] : [`exit ${told.exit}, want ${expected.exit}`]),
    ...expected.findings.filter((code) => !codes.has(code)).map((code) => `no finding ${code}`),
  ];
  const found = differences.length === 0 || codes.size === 0 ? [] : [`found ${[...codes].join(', ')}`];
  return { name, title, threat, expected, ...told, differences: [...differences, ...found] };
}

/** Objects merge field by field, anything else replaces; null takes a field away. */
function mergeFields(base: unknown, changes: unknown): unknown {
  if (!isFields(base) || !isFields(changes)) return changes;
  const merged = new Map(Object.entries(base));
  for (const [name, change] of Object.entries(changes)) {
    if (change === null) merged.delete(name);
    else merged.set(name, mergeFields(merged.get(name), change));
  }
  return Object.fromEntries(merged);
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
