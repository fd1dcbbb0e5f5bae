import { Digest } from '../core/index.ts';
import { identityDigest, type NodeSet } from '../release/index.ts';
import type { ReleaseInput } from './release.ts';
import type { SignerDescription } from './signing/index.ts';
import { sha256Of } from './statements.ts';
import type { UpstreamList } from './upstream.ts';

/** What was attested, in Markdown: for a release page, a step summary or a ticket. */
export function renderSummary(
  input: ReleaseInput,
  nodeSet: NodeSet | null,
  by: SignerDescription,
  files: readonly string[],
): string {
  const pack = `${input.name}.trust-pack.json`;
  const verifyNode = `Verify a node: ${code(`nodeproof node verify --policy POLICY --trust-pack ${pack}`)}\n\n`;
  return `# ${nodeSet === null ? 'Release' : 'Node set'} ${code(input.name)}

| | |
|---|---|
${nodeSet === null ? '' : nodeSetRows(nodeSet)}| signed by | ${by.kind === 'key' ? `key ${code(`sha256:${by.spkiSha256.hex}`)}` : `a certificate of ${cell(by.certificateAuthority)}`} |
| builder | ${cell(input.context.builderId)} |

${memberLines(input)}${fileLines(input.files)}${upstreamLines(input.upstream)}${input.notes.map((note) => `Note: ${cell(note)}\n\n`).join('')}${nodeSet === null ? '' : verifyNode}Verify a file: ${code(`nodeproof verify FILE --policy POLICY --trust-pack ${pack}`)}

Files: ${files.map(code).join(', ')}
`;
}

function nodeSetRows({ identity, role, validity }: NodeSet): string {
  const { os } = identity;
  return `| identity digest | ${code(Digest.format(identityDigest(identity)))} |
| operating system | ${cell(os.id)} ${cell(os.versionId ?? '')} (build ${cell(os.buildId ?? 'unknown')}, ${cell(os.architecture)}) |
| usr hash | ${os.usrHash === null ? 'none' : code(os.usrHash)} |
| role | ${cell(role ?? 'any')} |
| valid | ${validity.issuedAt} to ${validity.validUntil ?? 'no end'} |
`;
}

type Member = NonNullable<ReleaseInput['image']> | ReleaseInput['sysexts'][number];

function memberLines({ image, builtIn, sysexts }: ReleaseInput): string {
  const members: readonly Member[] = [...(image === null ? [] : [image]), ...builtIn, ...sysexts];
  if (members.length === 0) return '';
  const rows = members.map(
    (member) =>
      `| ${cell(member.fileName)} | ${code(sha256Of(member).hex)} | ${rootHashCell(member)} | ${member.inventory.components.length} |`,
  );
  return `| member | sha256 | root hash | components |\n|---|---|---|---|\n${rows.join('\n')}\n\n`;
}

/** A release page takes no thousands of rows. */
const shownFiles = 100;

function fileLines(files: ReleaseInput['files']): string {
  if (files.length === 0) return '';
  const rows = files
    .slice(0, shownFiles)
    .map(({ name, digests: [sha256], isRead }) => `| ${cell(name)} | ${code(sha256.hex)} | ${isRead ? 'yes' : 'no'} |`);
  const more = files.length > shownFiles ? `and ${files.length - shownFiles} more\n\n` : '';
  return `| file | sha256 | read here |\n|---|---|---|\n${rows.join('\n')}\n\n${more}`;
}

function upstreamLines(lists: readonly UpstreamList[]): string {
  if (lists.length === 0) return '';
  const rows = lists.map(({ name, sha256, signedBy }) => {
    const by =
      signedBy === null ? 'nobody: it proves nothing' : `${code(signedBy.fingerprint)} ${cell(signedBy.userId ?? '')}`;
    return `| ${cell(name)} | ${code(sha256)} | ${by} |`;
  });
  return `| upstream list | sha256 | signed by |\n|---|---|---|\n${rows.join('\n')}\n\n`;
}

function rootHashCell(member: Member): string {
  const hash = member.kind === 'node-image' ? (member.usrVerity?.rootHash ?? null) : member.rootHash;
  return hash === null ? 'none' : code(hash);
}

/** Names come from images: they must not end a cell or begin markup. */
function cell(text: string): string {
  return text.replaceAll(/[|<>`*_[\]\\\p{Cc}]/gu, (character) => (/\p{Cc}/u.test(character) ? ' ' : `\\${character}`));
}

function code(text: string): string {
  return `\`${text.replaceAll(/[`|\p{Cc}]/gu, ' ')}\``;
}
