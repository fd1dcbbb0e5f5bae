import { Digest } from '../core/index.ts';
import { identityDigest, type NodeSet } from '../release/index.ts';
import type { ReleaseInput } from './release.ts';
import type { SignerDescription } from './signing/index.ts';
import { sha256Of } from './statements.ts';
import type { UpstreamList } from './upstream.ts';

/** What was attested, in Markdown: for a release page, a step summary or a ticket. */
export function renderSummary(
  input: ReleaseInput,
  nodeSet: NodeSet,
  by: SignerDescription,
  files: readonly string[],
): string {
  const { os } = nodeSet.identity;
  const members = [input.image, ...input.builtIn, ...input.sysexts];
  return `# Node set ${code(input.name)}

| | |
|---|---|
| identity digest | ${code(Digest.format(identityDigest(nodeSet.identity)))} |
| operating system | ${cell(os.id)} ${cell(os.versionId ?? '')} (build ${cell(os.buildId ?? 'unknown')}, ${cell(os.architecture)}) |
| usr hash | ${os.usrHash === null ? 'none' : code(os.usrHash)} |
| role | ${cell(nodeSet.role ?? 'any')} |
| valid | ${nodeSet.validity.issuedAt} to ${nodeSet.validity.validUntil ?? 'no end'} |
| signed by | ${by.kind === 'key' ? `key ${code(`sha256:${by.spkiSha256.hex}`)}` : `a certificate of ${cell(by.certificateAuthority)}`} |
| builder | ${cell(input.context.builderId)} |

| member | sha256 | root hash | components |
|---|---|---|---|
${members.map((member) => `| ${cell(member.fileName)} | ${code(sha256Of(member).hex)} | ${rootHashCell(member)} | ${member.inventory.components.length} |`).join('\n')}

${upstreamLines(input.upstream)}Verify a node: ${code(`nodeproof node verify --policy POLICY --trust-pack ${input.name}.trust-pack.json`)}

Verify a file: ${code(`nodeproof verify FILE --policy POLICY --trust-pack ${input.name}.trust-pack.json`)}

Files: ${files.map(code).join(', ')}
`;
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

function rootHashCell(member: ReleaseInput['image'] | ReleaseInput['sysexts'][number]): string {
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
