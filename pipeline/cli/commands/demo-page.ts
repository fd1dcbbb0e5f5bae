import type { Inspection } from '../../inspection/index.ts';
import { printable, renderTable } from '../../report/index.ts';
import type { CaseOutcome } from '../cases/index.ts';

/** What the commands print with --json, as far as the demo's page tells it. */
export type InspectDocument = { readonly files: readonly Inspection[] };
export type AttestDocument = {
  readonly nodeSet: string;
  readonly identityDigest: string;
  readonly statements: number;
  readonly files: readonly string[];
};
export type VerdictDocument = {
  readonly verdict: 'admit' | 'refuse';
  readonly identityDigest: string | null;
  readonly checked: readonly { readonly fact: string; readonly grade: string | null }[];
  readonly findings: readonly { readonly code: string; readonly message: string }[];
};

export function renderHead(): string {
  return 'nodeproof demo: offline, without root, without mounting\n';
}

export function renderInspect({ files }: InspectDocument): string {
  const rows = files.flatMap((file) => [
    [nameOf(file.path), formatOf(file), hashOf(file)],
    ...(file.kind === 'node-image'
      ? file.sysexts.map((nested) => [
          `  ${nested.name}`,
          `${nested.format} inside the image`,
          `sha256 ${short(nested.sha256)}`,
        ])
      : []),
  ]);
  return section(
    '1. What is in the image and its extensions',
    'nodeproof inspect images/*',
    renderTable(['FILE', 'WHAT IT IS', 'KNOWN BY'], rows),
  );
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function formatOf(file: Inspection): string {
  if (file.kind === 'node-image')
    return `${file.os.id} ${file.os.versionId ?? ''} build ${file.os.buildId ?? 'unknown'} for ${file.os.architecture}`;
  const signed =
    file.signature?.verified === true ? ', verity signed' : file.rootHash === null ? ', no verity' : ', verity';
  return `sysext ${file.name}, ${file.format}${signed}`;
}

function hashOf(file: Inspection): string {
  if (file.kind === 'sysext') {
    const rootHash = file.rootHash?.computed ?? null;
    return rootHash === null ? `sha256 ${short(file.sha256 ?? '')}` : `root hash ${short(rootHash)}`;
  }
  const { computed, agree } = file.usrHash;
  const agreement = agree === true ? ': data, tree and kernel agree' : agree === false ? ': CONTRADICTED' : '';
  return computed === null ? 'no usr hash' : `usr hash ${short(computed)}${agreement}`;
}

export function renderAttest({ nodeSet, identityDigest, statements, files }: AttestDocument): string {
  const count = (suffix: string) => files.filter((name) => name.endsWith(suffix)).length;
  return section(
    '2. Attested with a key made a moment ago',
    `nodeproof attest --image images/flatcar_production_image.bin --sysext kubernetes=… falco=… --name ${nodeSet} --role worker --key release.pem --out release`,
    renderTable(
      ['MADE', ''],
      [
        ['node set', `${nodeSet}, identity ${identityDigest}`],
        ['SBOMs', `${count('.cdx.json')} CycloneDX documents, each with its signed statement`],
        ['provenance', `${count('.provenance.sigstore.json')} signed SLSA statements`],
        ['signed', `${statements} statements in all, as Sigstore bundles and in one trust pack`],
      ],
    ),
  );
}

export function renderFreshVerdict({ verdict, identityDigest, checked, findings }: VerdictDocument): string {
  const kernel = checked.filter((fact) => fact.grade === 'kernel').length;
  const claimed = checked.filter((fact) => fact.grade === 'claimed').length;
  const why =
    verdict === 'admit'
      ? [
          `  ADMIT   identity ${identityDigest ?? ''}`,
          `          ${checked.length - kernel - claimed} statements counted; ${kernel} facts of the node are the kernel's word, ${claimed} its own claim`,
        ]
      : [
          '  REFUSE  which it must not',
          ...findings.map(({ code, message }) => `          ${shorten(message)} [${code}]`),
        ];
  return section(
    '3. A node of that set, by a policy that pins the key',
    'nodeproof node verify --root node --policy policy.yaml --trust-pack release/demo-workers.trust-pack.json',
    why.join('\n'),
  );
}

export function renderCasesHead(): string {
  return `\n4. Nodes before a release that a GitHub workflow signed keyless (samples/demo/release, policy.yaml)\n   $ nodeproof policy test samples/demo/cases\n`;
}

/** One line: the verdict, whose it is, and the reason that tells the case. */
export function renderCase({ verdict, title, expected, findings, differences }: CaseOutcome): string {
  const main = findings.find((finding) => finding.code === expected.findings[0]) ?? findings[0];
  const why = main === undefined ? '' : `: ${tellFinding(main)} [${main.code}]`;
  const wrong = differences.length === 0 ? '' : `\n          NOT AS EXPECTED: ${differences.join('; ')}`;
  return `  ${verdict === 'admit' ? 'ADMIT ' : 'REFUSE'}  ${title}${why}${wrong}\n`;
}

/** The sentence, and what was found where the sentence leaves it to the fields. */
function tellFinding({ message, actual, expected }: CaseOutcome['findings'][number]): string {
  const told = actual === null || actual === undefined || message.includes(actual);
  return shorten(told ? message : `${message}: ${actual}, want ${expected ?? 'none'}`);
}

export function renderSummary(outcomes: readonly CaseOutcome[], fresh: VerdictDocument, seconds: number): string {
  const admitted =
    outcomes.filter((outcome) => outcome.verdict === 'admit').length + (fresh.verdict === 'admit' ? 1 : 0);
  const refused = outcomes.length + 1 - admitted;
  const wrong =
    outcomes.filter((outcome) => outcome.differences.length > 0).length + (fresh.verdict === 'admit' ? 0 : 1);
  const verdicts = `${admitted} honest admitted, ${refused} dishonest refused`;
  return `\n${wrong === 0 ? `As it must be: ${verdicts}` : `NOT AS IT MUST BE in ${wrong} of ${outcomes.length + 1}: ${admitted} admitted, ${refused} refused`}, in ${seconds.toFixed(1)} s.\n`;
}

function section(title: string, command: string, body: string): string {
  return `\n${title}\n   $ ${command}\n${body}\n`;
}

/** A digest as people compare it at a glance; the whole one is in the documents. */
function short(hex: string): string {
  return `${hex.slice(0, 12)}…`;
}

function shorten(message: string): string {
  return printable(message).replaceAll(/\b[0-9a-f]{32,128}\b/g, short);
}
