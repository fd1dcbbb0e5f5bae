import { basename } from 'node:path';
import { codeBlock, codeSpan, escapeText } from '../formats/markdown/index.ts';
import { provenanceType } from '../formats/slsa/index.ts';
import type { Published } from './modes/publish.ts';
import type { VerdictDocument } from './modes/verify.ts';
import { type DescribedBundle, type ReleaseDescription } from './release-description.ts';
import { quoteArgument, type Step } from './step.ts';

/** What was attested and where it is, with lines that check it elsewhere. */
export function renderReleaseSummary(
  head: string,
  release: ReleaseDescription,
  published: readonly Published[],
  { world }: Step,
): string {
  const parts = [head.trim(), renderPublished(published), renderChecks(release, published, world.environment)];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** A page takes no thousands of rows. */
const shownBundles = 100;

/**
 * What the bundles of a directory say, which somebody else may have made: its own summary could say anything, in any markup.
 */
export function renderStatements({ directory, bundles }: ReleaseDescription): string {
  const rows = bundles.slice(0, shownBundles).map(({ path, predicateType, subjects, certificate }) => {
    const signer = certificate === null ? 'a key' : codeSpan(certificate.identity.slice(0, 300));
    return `| ${codeSpan(basename(path))} | ${codeSpan(predicateType.slice(0, 200))} | ${subjects.length} | ${signer} |`;
  });
  const more = bundles.length > shownBundles ? ['', `and ${bundles.length - shownBundles} more`] : [];
  return [
    `# Release in ${codeSpan(directory)}`,
    '',
    'As its bundles say; nothing of it was verified here.',
    '',
    '| bundle | predicate | subjects | signed by |',
    '|---|---|---|---|',
    ...rows,
    ...more,
  ].join('\n');
}

function renderPublished(published: readonly Published[]): string {
  if (published.length === 0) return '';
  const rows = published.map(({ store, written, present }) => {
    const links = [...written, ...present].flatMap(({ what, url }) =>
      url === undefined || !isPlainLink(url) ? [] : [`[${escapeText(what)}](<${url}>)`],
    );
    return `| ${codeSpan(store)} | ${written.length} | ${present.length} | ${links.join('<br>')} |`;
  });
  return ['### Published', '', '| to | written | there already | |', '|---|---|---|---|', ...rows].join('\n');
}

/** As GitHub's own are. */
function isPlainLink(url: string): boolean {
  return /^https?:\/\/[\w.:@/%+~#?=&-]+$/.test(url);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** One file stands for all: the image as it is shipped, else the first that has provenance. */
function renderChecks(release: ReleaseDescription, published: readonly Published[], environment: Environment): string {
  const provenance = release.bundles.filter(({ predicateType }) => predicateType === provenanceType);
  const subjects = provenance.flatMap((bundle) => bundle.subjects.map((subject) => ({ bundle, subject })));
  const role = exemplaryRoles.find((each) => subjects.some(({ subject }) => subject.role === each));
  const chosen = subjects.find(({ subject }) => subject.role === role);
  if (role === undefined || chosen === undefined) return '';
  const { bundle, subject } = chosen;
  const fileName = subject.name.startsWith('-') ? `./${subject.name}` : subject.name;
  const commands = [
    ...ghCommand(bundle, fileName, published, environment),
    cosignCommand(bundle, fileName),
    ourCommand(release, fileName, published),
  ];
  const lines = commands.map((words) => words.map(quoteArgument).join(' ')).filter(isPlainLine);
  return lines.length === 0 ? '' : `### Check it elsewhere\n\n${codeBlock('sh', lines.join('\n'))}`;
}

/** Names in bundles that somebody else made may end a line or turn its direction: nobody is to copy that. */
function isPlainLine(line: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}]/u.test(line);
}

const exemplaryRoles = ['node-image-shipped', 'node-image', 'sysext', 'file'] as const;

function ghCommand(
  { certificate }: DescribedBundle,
  fileName: string,
  published: readonly Published[],
  environment: Environment,
): readonly (readonly string[])[] {
  const repository = environment['GITHUB_REPOSITORY'];
  const isThere = published.some(({ store }) => store === `github-attestations:${repository}`);
  if (certificate === null || repository === undefined || !isThere) return [];
  const [, signer] = /^https?:\/\/[^/]+\/([^@]+)@/.exec(certificate.identity) ?? [];
  return [
    [
      'gh',
      'attestation',
      'verify',
      fileName,
      '--repo',
      repository,
      ...(signer === undefined ? [] : ['--signer-workflow', signer]),
    ],
  ];
}

function cosignCommand({ path, certificate }: DescribedBundle, fileName: string): readonly string[] {
  const by =
    certificate === null
      ? ['--key', 'KEY.pub', '--insecure-ignore-tlog']
      : [`--certificate-identity=${certificate.identity}`, `--certificate-oidc-issuer=${certificate.issuer}`];
  return ['cosign', 'verify-blob-attestation', `--bundle=${basename(path)}`, '--type=slsaprovenance1', ...by, fileName];
}

function ourCommand(release: ReleaseDescription, fileName: string, published: readonly Published[]): readonly string[] {
  const [store] = published;
  const from = store === undefined ? ['--dir', basename(release.directory)] : ['--from', store.store];
  return ['nodeproof', 'verify', fileName, '--policy', 'POLICY', ...from];
}

/** The verdict on each subject, why it was refused, and on what an admission stands. */
export function renderVerdictSummary(verdicts: readonly VerdictDocument[]): string {
  const rows = verdicts.map(({ subject, verdict, findings, checked }) => {
    const reasons =
      verdict === 'admit'
        ? `${checked.length} facts checked`
        : findings.map(({ message, code }) => `${escapeText(message)} (${codeSpan(code)})`).join('<br>');
    return `| ${verdict === 'admit' ? 'admit' : '**refuse**'} | ${codeSpan(subject)} | ${reasons} |`;
  });
  const [first] = verdicts;
  const by =
    first === undefined
      ? ''
      : `By policy ${codeSpan(first.policy.name)} version ${first.policy.version}, ${codeSpan(first.policy.digest)}\n`;
  return ['## Verdicts', '', '| verdict | subject | why |', '|---|---|---|', ...rows, '', by].join('\n');
}
