import type {
  Inspection,
  NestedInspection,
  NodeImageInspection,
  SuperblockFacts,
  SysextInspection,
} from '../inspection/index.ts';
import { printable } from './error.ts';
import { type Fact, renderFacts, renderSize, renderTable } from './page.ts';

/** The page that `inspect` prints for one file. */
export function renderInspection(inspection: Inspection): string {
  return `${inspection.kind === 'node-image' ? renderNodeImage(inspection) : renderSysext(inspection)}\n`;
}

function renderNodeImage(image: NodeImageInspection): string {
  const { path, format, os, kernel, sysexts } = image;
  return [
    `${printable(path)}: node image (${format})`,
    renderFacts([
      ...sizeFacts(image),
      ...digestFacts(image),
      ['OS', os.prettyName ?? os.id],
      ['VERSION_ID', os.versionId ?? 'absent'],
      ['BUILD_ID', os.buildId ?? 'absent'],
      ['architecture', os.architecture],
      ['/usr', `${describeFileSystem(image)}, ${renderSize(image.filesystem.sizeBytes)}, ${image.fileCount} files`],
      ...packageFacts(image),
    ]),
    ...section('usr hash', renderFacts(usrHashFacts(image))),
    ...(kernel === null ? [] : section(`kernel ${printable(kernel.path)}`, renderFacts(kernelFacts(kernel)))),
    ...partitionLines(image),
    ...(sysexts.length === 0
      ? []
      : section(
          'extensions inside',
          renderTable(['NAME', 'STATE', 'FORMAT', 'SIZE', 'PATH', 'SHA256'], sysexts.map(nestedRow)),
        )),
    ...remarkLines(image),
  ].join('\n');
}

function kernelFacts(kernel: NonNullable<NodeImageInspection['kernel']>): readonly Fact[] {
  return [
    ['version', kernel.version ?? 'not in its header'],
    ['sha256', kernel.sha256],
    ['architecture', kernel.architecture],
    ['Authenticode', kernel.signed ? 'signed (not checked)' : 'unsigned'],
  ];
}

function usrHashFacts({ usrHash }: NodeImageInspection): readonly Fact[] {
  if (usrHash.computed === null) return [['computed', 'no verity superblock: this /usr has no root hash']];
  return [
    ['computed', `${usrHash.computed} (from every data block)`],
    ['stored tree', renderStoredTree(usrHash.storedTree)],
    ['kernel', usrHash.kernel ?? 'not embedded'],
    ['agree', usrHash.agree === null ? 'nothing to compare with' : usrHash.agree ? 'yes' : 'NO'],
    ...(usrHash.superblock === null ? [] : [['superblock', renderSuperblock(usrHash.superblock)] as const]),
  ];
}

function renderSysext(sysext: SysextInspection): string {
  const { path, extensionClass, name, format, fileCount, extensionRelease } = sysext;
  const fields = Object.entries(extensionRelease).map(([key, value]) => `${key}=${value}`);
  return [
    `${printable(path)}: ${extensionClass} ${printable(name)} (${format})`,
    renderFacts([
      ...sizeFacts(sysext),
      ...digestFacts(sysext),
      ['files', `${fileCount} in ${describeFileSystem(sysext)}`],
      ...packageFacts(sysext),
      ['extension-release', fields.join(' ')],
    ]),
    ...section('verity', renderFacts(verityFacts(sysext))),
    ...partitionLines(sysext),
    ...remarkLines(sysext),
  ].join('\n');
}

function verityFacts({ rootHash, signature }: SysextInspection): readonly Fact[] {
  return [
    ...(rootHash === null
      ? [['root hash', 'none: a plain file system, of which only the whole file has a digest'] as const]
      : [
          ['root hash', `${rootHash.computed} (from every data block)`] as const,
          ['stored tree', renderStoredTree(rootHash.storedTree)] as const,
          ['superblock', renderSuperblock(rootHash.superblock)] as const,
        ]),
    ...(signature === null
      ? [['signature', 'none'] as const]
      : [
          ['signature over', signature.rootHash] as const,
          ['certificate', `sha256 ${signature.certificateFingerprint}`] as const,
          ['signature', describeSignature(signature)] as const,
        ]),
  ];
}

function describeSignature({ verified, signer, problem }: NonNullable<SysextInspection['signature']>): string {
  if (verified === null) return 'not checked: give --certificate';
  return verified ? `good, by ${signer ?? ''}` : `BAD: ${problem ?? ''}`;
}

function section(title: string, body: string): readonly string[] {
  return ['', title, body];
}

function sizeFacts({ sizeBytes }: Inspection): readonly Fact[] {
  return [['size', `${renderSize(sizeBytes)} (${sizeBytes} bytes)`]];
}

function describeFileSystem({ filesystem }: Inspection): string {
  return filesystem.compression === null ? filesystem.format : `${filesystem.format} with ${filesystem.compression}`;
}

function digestFacts({ sha256, sha512 }: Inspection): readonly Fact[] {
  return [
    ...(sha256 === null ? [] : [['sha256', sha256] as const]),
    ...(sha512 === null ? [] : [['sha512', sha512] as const]),
  ];
}

function packageFacts({ packages }: Inspection): readonly Fact[] {
  return packages.length === 0 ? [] : [['packages', packages.map(({ type, count }) => `${count} ${type}`).join(', ')]];
}

function partitionLines({ partitions }: Inspection): readonly string[] {
  if (partitions === null) return [];
  const rows = partitions.map(({ number, label, offsetBytes, sizeBytes, typeGuid }) => [
    String(number),
    label,
    String(offsetBytes),
    renderSize(sizeBytes),
    typeGuid,
  ]);
  return section('partitions', renderTable(['#', 'LABEL', 'START', 'SIZE', 'TYPE'], rows));
}

/** What must not be missed stands at the end, where the eye is. */
function remarkLines({ problems, contradictions }: Inspection): readonly string[] {
  return [
    ...(problems.length === 0
      ? []
      : section('remarks', problems.map((problem) => `  ${printable(problem)}`).join('\n'))),
    ...(contradictions.length === 0
      ? []
      : section(
          'CONTRADICTIONS: do not build on this file',
          contradictions.map((one) => `  ${printable(one)}`).join('\n'),
        )),
  ];
}

function nestedRow({ name, state, format, sizeBytes, path, sha256 }: NestedInspection): readonly string[] {
  return [name, state, format, renderSize(sizeBytes), path, sha256];
}

function renderStoredTree(storedTree: NodeImageInspection['usrHash']['storedTree']): string {
  if (storedTree === null || storedTree === 'none') return 'none';
  if (storedTree === 'matches') return 'matches';
  return 'DIFFERS from the data';
}

function renderSuperblock({
  offsetBytes,
  algorithm,
  dataBlocks,
  dataBlockSizeBytes,
  hashBlockSizeBytes,
  hashType,
  salt,
}: SuperblockFacts): string {
  return `at byte ${offsetBytes}: ${algorithm} type ${hashType}, ${dataBlocks} blocks of ${dataBlockSizeBytes}, hash blocks of ${hashBlockSizeBytes}, salt ${salt === '' ? 'none' : salt}`;
}
