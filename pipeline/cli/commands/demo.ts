import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Exit, exit, Fault } from '../../core/index.ts';
import { writeDirectoryAtomically } from '../../edge/files/index.ts';
import { parsePublicKey } from '../../trust/index.ts';
import {
  type Case,
  type CaseOutcome,
  type ImageShelf,
  loadCases,
  makeRoot,
  openCaseRunner,
  openImageShelf,
} from '../cases/index.ts';
import type { Run } from '../command.ts';
import { renderJson } from '../inputs.ts';
import { openProgress, type Progress } from '../progress.ts';
import { type demoCommand, noPurpose, noSearch } from '../table.ts';
import type { World } from '../world.ts';
import { runAttest } from './attest.ts';
import {
  type AttestDocument,
  type InspectDocument,
  renderAttest,
  renderCase,
  renderCasesHead,
  renderFreshVerdict,
  renderHead,
  renderInspect,
  renderSummary,
  type VerdictDocument,
} from './demo-page.ts';
import { runInspect } from './inspect.ts';
import { runNodeVerify } from './node-verify.ts';

const samples = resolve(import.meta.dirname, '../../../samples/demo');
const setName = 'demo-workers';

const imageFile = 'flatcar_production_image.bin';
const sysextFiles = { kubernetes: 'kubernetes-v1.34.2-x86-64.raw', falco: 'falco.raw' } as const;

/** Makes a release of its own, then judges by a committed one. Exit 0 only where everything came out as it must. */
export const runDemo: Run<typeof demoCommand> = async ({ options, world }) => {
  const cases = loadSamples();
  const page = options.json ? quietPage : (text: string) => world.stdout.write(text);
  let outcome: DemoOutcome | undefined;
  await inDirectory(options.keep === undefined ? undefined : resolve(world.directory, options.keep), async (place) => {
    using progress = openProgress(world, 'unpacking images');
    outcome = await demonstrate({ place, cases, world, progress, page });
  });
  if (outcome === undefined) throw new TypeError('Cannot happen: the demo made nothing');
  if (options.json) world.stdout.write(renderJson(outcome));
  return outcome.asExpected ? exit.admit : exit.denied;
};

type DemoOutcome = {
  readonly asExpected: boolean;
  readonly inspect: InspectDocument;
  readonly attest: AttestDocument;
  readonly freshNode: VerdictDocument;
  readonly cases: readonly CaseOutcome[];
};

type Stage = {
  readonly place: string;
  readonly cases: readonly Case[];
  readonly world: World;
  readonly progress: Progress;
  readonly page: (text: string) => void;
};

async function demonstrate({ place, cases, world, progress, page }: Stage): Promise<DemoOutcome> {
  const startedAt = performance.now();
  const tell = (text: string): void => {
    progress.end();
    page(text);
  };
  tell(renderHead());
  const shelf = unpackImages(place);
  progress.tell('inspecting');
  const inspect = await inspectImages(place, world);
  tell(renderInspect(inspect));
  progress.tell('attesting');
  const attest = await attestFreshly(place, world);
  tell(renderAttest(attest));
  progress.tell('judging a node');
  const freshNode = await judgeFreshNode(place, cases, shelf, world);
  tell(renderFreshVerdict(freshNode));
  tell(renderCasesHead());
  const outcomes: CaseOutcome[] = [];
  {
    await using runner = openCaseRunner(world.now(), { shelf });
    for (const one of inOrder(cases)) {
      progress.tell(one.file.title);
      const outcome = await runner.run(one);
      outcomes.push(outcome);
      tell(renderCase(outcome));
    }
  }
  const asExpected = freshNode.verdict === 'admit' && outcomes.every((outcome) => outcome.differences.length === 0);
  tell(renderSummary(outcomes, freshNode, (performance.now() - startedAt) / 1000));
  return { asExpected, inspect, attest, freshNode, cases: outcomes };
}

/** Admissions first: what must keep working. */
function inOrder(cases: readonly Case[]): readonly Case[] {
  const admitted = (one: Case) => one.file.expect.verdict === 'admit';
  return [...cases.filter(admitted), ...cases.filter((one) => !admitted(one))];
}

function loadSamples(): readonly Case[] {
  if (!existsSync(join(samples, 'images')))
    throw new Fault('file.missing', `Cannot run the demo: its samples are not at ${samples}`, {
      where: samples,
      next: 'Run it in a checkout: npm run demo',
    });
  return loadCases(join(samples, 'cases'));
}

/** All in a directory that stays, whole, or in one that is gone afterwards. */
async function inDirectory(keep: string | undefined, step: (directory: string) => Promise<void>): Promise<void> {
  if (keep !== undefined) return writeDirectoryAtomically(keep, step);
  const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-demo-'));
  try {
    await step(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function unpackImages(place: string): ImageShelf {
  mkdirSync(join(place, 'images'));
  const shelf = openImageShelf(join(place, 'images'));
  for (const name of [imageFile, ...Object.values(sysextFiles)])
    shelf.unpack({ file: join(samples, 'images', `${name}.zst`) });
  return shelf;
}

/** Runs a command as from a shell in the demo's directory and reads the document that it prints. */
async function runForJson<T>(place: string, world: World, command: (inside: World) => Promise<Exit>): Promise<T> {
  const output: string[] = [];
  await command({
    ...world,
    directory: place,
    environment: {},
    stdout: { write: (text) => void output.push(text), isTerminal: false },
    stderr: { write: () => undefined, isTerminal: false },
  });
  return JSON.parse(output.join('')) as T;
}

function inspectImages(place: string, world: World): Promise<InspectDocument> {
  const operands = [imageFile, ...Object.values(sysextFiles)].map((name) => `images/${name}`);
  const certificate = join(samples, 'images/sysexts.crt');
  return runForJson(place, world, (inside) =>
    runInspect({ operands, options: { digest: [], certificate, json: true }, world: inside }),
  );
}

/** Makes a key that nobody has seen before, attests with it, and writes a policy that pins it. */
async function attestFreshly(place: string, world: World): Promise<AttestDocument> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(place, 'release.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const { spkiSha256 } = parsePublicKey(publicKey.export({ format: 'pem', type: 'spki' }).toString());
  const document = await runForJson<AttestDocument>(place, world, (inside) =>
    runAttest({
      operands: [],
      options: {
        image: `images/${imageFile}`,
        shipped: undefined,
        sysext: Object.entries(sysextFiles).map(([name, file]) => `${name}=images/${file}`),
        without: [],
        subject: [],
        name: setName,
        role: 'worker',
        'valid-until': undefined,
        out: 'release',
        key: 'release.pem',
        'identity-token': undefined,
        'signing-config': undefined,
        sigstore: undefined,
        'trusted-root': [],
        'build-context': undefined,
        upstream: [],
        'upstream-key': [],
        json: true,
      },
      world: inside,
    }),
  );
  writeFileSync(join(place, 'policy.yaml'), renderKeyPolicy(spkiSha256, world.now()));
  return document;
}

function renderKeyPolicy(spkiSha256: string, now: Date): string {
  const issuedAt = now.toISOString();
  const expiresAt = new Date(now.getTime() + 86_400_000).toISOString();
  return `apiVersion: nodeproof.dev/policy/v1
name: demo
version: 1
issuedAt: ${issuedAt}
expiresAt: ${expiresAt}
trust:
  keys:
    - name: fresh
      spkiSha256: ${spkiSha256}
      validUntil: ${expiresAt}
signers:
  - name: release-key
    key: fresh
allow:
  node-set: [release-key]
  provenance: [release-key]
  sbom: [release-key]
require: { provenance: true, sbom: true }
node:
  os: { id: flatcar }
  role: worker
  sysexts: { required: [kubernetes] }
`;
}

function judgeFreshNode(
  place: string,
  cases: readonly Case[],
  shelf: ImageShelf,
  world: World,
): Promise<VerdictDocument> {
  const honest = cases.find((one) => one.name === 'honest-node');
  if (honest === undefined)
    throw new Fault('file.missing', 'Cannot run the demo: it has no case honest-node', { where: samples });
  mkdirSync(join(place, 'node'));
  makeRoot(honest, join(place, 'node'), shelf);
  return runForJson(place, world, (inside) =>
    runNodeVerify({
      operands: [],
      options: {
        policy: 'policy.yaml',
        'trust-pack': `release/${setName}.trust-pack.json`,
        bundle: [],
        'trusted-root': [],
        'public-key': [],
        root: 'node',
        evidence: undefined,
        state: undefined,
        at: undefined,
        'digest-cache': undefined,
        ...noPurpose,
        ...noSearch,
        json: true,
      },
      world: inside,
    }),
  );
}

function quietPage(): void {
  // With --json the page is the document at the end.
}
