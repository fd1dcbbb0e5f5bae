import { Digest } from '../core/index.ts';
import { codeSpan, escapeText } from '../formats/markdown/index.ts';
import { identityDigest, type NodeSet } from '../release/index.ts';
import type { ReleaseInput } from './release.ts';
import type { SignerDescription } from './signing/index.ts';
import { sha256Of } from './statements.ts';
import type { UpstreamList } from './upstream.ts';

/**
 * What was attested, in Markdown: for a release page, a step summary or a ticket. Names come from images: as code they link to
 * nothing and call nobody.
 */
export function renderSummary(
  input: ReleaseInput,
  nodeSet: NodeSet | null,
  by: SignerDescription,
  files: readonly string[],
): string {
  const pack = `${input.name}.trust-pack.json`;
  const verifyNode = `Verify a node: ${codeSpan(`nodeproof node verify --policy POLICY --trust-pack ${pack}`)}\n\n`;
  return `# ${nodeSet === null ? 'Release' : 'Node set'} ${codeSpan(input.name)}

| | |
|---|---|
${nodeSet === null ? '' : nodeSetRows(nodeSet)}| signed by | ${by.kind === 'key' ? `key ${codeSpan(`sha256:${by.spkiSha256.hex}`)}` : `a certificate of ${codeSpan(by.certificateAuthority)}`} |
| builder | ${codeSpan(input.context.builderId)} |

${memberLines(input)}${fileLines(input.files)}${upstreamLines(input.upstream)}${input.notes.map((note) => `Note: ${escapeText(note)}\n\n`).join('')}${nodeSet === null ? '' : verifyNode}Verify a file: ${codeSpan(`nodeproof verify FILE --policy POLICY --trust-pack ${pack}`)}

Files: ${files.map(codeSpan).join(', ')}
`;
}

function nodeSetRows({ identity, role, validity }: NodeSet): string {
  const { os } = identity;
  return `| identity digest | ${codeSpan(Digest.format(identityDigest(identity)))} |
| operating system | ${codeSpan(osText(os))} |
| usr hash | ${os.usrHash === null ? 'none' : codeSpan(os.usrHash)} |
| role | ${role === null ? 'any' : codeSpan(role)} |
| valid | ${validity.issuedAt} to ${validity.validUntil ?? 'no end'} |
`;
}

function osText({ id, versionId, buildId, architecture }: NodeSet['identity']['os']): string {
  return `${id}${versionId === null ? '' : ` ${versionId}`} (build ${buildId ?? 'unknown'}, ${architecture})`;
}

type Member = NonNullable<ReleaseInput['image']> | ReleaseInput['sysexts'][number];

function memberLines({ image, builtIn, sysexts }: ReleaseInput): string {
  const members: readonly Member[] = [...(image === null ? [] : [image]), ...builtIn, ...sysexts];
  if (members.length === 0) return '';
  const rows = members.map(
    (member) =>
      `| ${codeSpan(member.fileName)} | ${codeSpan(sha256Of(member).hex)} | ${rootHashCell(member)} | ${member.inventory.components.length} |`,
  );
  return `| member | sha256 | root hash | components |\n|---|---|---|---|\n${rows.join('\n')}\n\n`;
}

/** A release page takes no thousands of rows. */
const shownFiles = 100;

function fileLines(files: ReleaseInput['files']): string {
  if (files.length === 0) return '';
  const rows = files
    .slice(0, shownFiles)
    .map(
      ({ name, digests: [sha256], isRead }) =>
        `| ${codeSpan(name)} | ${codeSpan(sha256.hex)} | ${isRead ? 'yes' : 'no'} |`,
    );
  const more = files.length > shownFiles ? `and ${files.length - shownFiles} more\n\n` : '';
  return `| file | sha256 | read here |\n|---|---|---|\n${rows.join('\n')}\n\n${more}`;
}

function upstreamLines(lists: readonly UpstreamList[]): string {
  if (lists.length === 0) return '';
  const rows = lists.map(({ name, sha256, signedBy }) => {
    const by =
      signedBy === null
        ? 'nobody: it proves nothing'
        : `${codeSpan(signedBy.fingerprint)} ${signedBy.userId === null ? '' : codeSpan(signedBy.userId)}`;
    return `| ${codeSpan(name)} | ${codeSpan(sha256)} | ${by} |`;
  });
  return `| upstream list | sha256 | signed by |\n|---|---|---|\n${rows.join('\n')}\n\n`;
}

function rootHashCell(member: Member): string {
  const hash = member.kind === 'node-image' ? (member.usrVerity?.rootHash ?? null) : member.rootHash;
  return hash === null ? 'none' : codeSpan(hash);
}
