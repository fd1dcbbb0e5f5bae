import type {
  Inspection,
  NestedInspection,
  NodeImageInspection,
  SuperblockFacts,
  SysextInspection,
} from '../attest/index.ts';
import { type Fact, renderFacts, renderSize, renderTable } from './page.ts';

/** The page that `inspect` prints for one file. */
export function renderInspection(inspection: Inspection): string {
  return `${inspection.kind === 'node-image' ? renderNodeImage(inspection) : renderSysext(inspection)}\n`;
}

function renderNodeImage(image: NodeImageInspection): string {
  return [
    `${image.path}: node image (${image.format})`,
    renderFacts([
      ['size', `${renderSize(image.sizeBytes)} (${image.sizeBytes} bytes)`],
      ...digestFacts(image),
      ['OS', `${image.os.prettyName ?? image.os.id}`],
      ['VERSION_ID', image.os.versionId ?? 'absent'],
      ['BUILD_ID', image.os.buildId ?? 'absent'],
      ['architecture', image.os.architecture],
      [
        '/usr',
        `${image.filesystem.format}, ${renderSize(image.filesystem.sizeBytes)}${image.filesystem.compression === null ? '' : `, ${image.filesystem.compression}`}, ${image.fileCount} files`,
      ],
      ...packageFacts(image),
    ]),
    '',
    'usr hash',
    renderFacts(usrHashFacts(image)),
    ...(image.kernel === null
      ? []
      : [
          '',
          `kernel ${image.kernel.path}`,
          renderFacts([
            ['version', image.kernel.version ?? 'not in its header'],
            ['sha256', image.kernel.sha256],
            ['architecture', image.kernel.architecture],
            ['Authenticode', image.kernel.signed ? 'signed (not checked)' : 'unsigned'],
          ]),
        ]),
    ...partitionLines(image),
    ...(image.sysexts.length === 0
      ? []
      : [
          '',
          'sysexts inside',
          renderTable(['NAME', 'FORMAT', 'SIZE', 'PATH', 'SHA256'], image.sysexts.map(nestedRow)),
        ]),
  ].join('\n');
}

function usrHashFacts({ usrHash }: NodeImageInspection): readonly Fact[] {
  if (usrHash.computed === null) return [['computed', 'no verity superblock: this /usr has no root hash']];
  return [
    ['computed', `${usrHash.computed} (from every data block)`],
    ['stored tree', renderStoredTree(usrHash.storedTree)],
    ['kernel', usrHash.kernel ?? 'not embedded'],
    [
      'agree',
      usrHash.agree === null ? 'nothing to compare with' : usrHash.agree ? 'yes' : 'NO: this image contradicts itself',
    ],
    ...(usrHash.superblock === null ? [] : [['superblock', renderSuperblock(usrHash.superblock)] as const]),
  ];
}

function renderSysext(sysext: SysextInspection): string {
  return [
    `${sysext.path}: ${sysext.extensionClass} ${sysext.name} (${sysext.format})`,
    renderFacts([
      ['size', `${renderSize(sysext.sizeBytes)} (${sysext.sizeBytes} bytes)`],
      ...digestFacts(sysext),
      [
        'files',
        `${sysext.fileCount} in ${sysext.filesystem.format}${sysext.filesystem.compression === null ? '' : `, ${sysext.filesystem.compression}`}`,
      ],
      ...packageFacts(sysext),
      [
        'extension-release',
        Object.entries(sysext.extensionRelease)
          .map(([key, value]) => `${key}=${value}`)
          .join(' '),
      ],
    ]),
    '',
    'verity',
    renderFacts(verityFacts(sysext)),
    ...partitionLines(sysext),
  ].join('\n');
}

function verityFacts({ rootHash, signature }: SysextInspection): readonly Fact[] {
  if (rootHash === null) return [['root hash', 'none: a plain file system, of which only the whole file has a digest']];
  return [
    ['root hash', `${rootHash.computed} (from every data block)`],
    ['stored tree', renderStoredTree(rootHash.storedTree)],
    ['superblock', renderSuperblock(rootHash.superblock)],
    ...(signature === null
      ? [['signature', 'none'] as const]
      : [
          [
            'signature over',
            `${signature.rootHash}${signature.rootHash === rootHash.computed ? '' : ' WHICH IS ANOTHER ROOT HASH'}`,
          ] as const,
          ['certificate', `sha256 ${signature.certificateFingerprint}`] as const,
          [
            'signature',
            signature.verified === null
              ? 'not checked: give --certificate'
              : signature.verified
                ? `good, by ${signature.signer ?? ''}`
                : `BAD: ${signature.problem ?? ''}`,
          ] as const,
        ]),
  ];
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

function partitionLines({ partitions, problems }: Inspection): readonly string[] {
  if (partitions === null) return [];
  const rows = partitions.map(({ number, label, offsetBytes, sizeBytes, typeGuid }) => [
    String(number),
    label,
    String(offsetBytes),
    renderSize(sizeBytes),
    typeGuid,
  ]);
  return [
    '',
    'partitions',
    renderTable(['#', 'LABEL', 'START', 'SIZE', 'TYPE'], rows),
    ...problems.map((problem) => `  note: ${problem}`),
  ];
}

function nestedRow({ name, format, sizeBytes, path, sha256 }: NestedInspection): readonly string[] {
  return [name, format, renderSize(sizeBytes), path, sha256];
}

function renderStoredTree(storedTree: NodeImageInspection['usrHash']['storedTree']): string {
  if (storedTree === null || storedTree === 'none') return 'none';
  if (storedTree === 'matches') return 'matches';
  return `DIFFERS first at ${JSON.stringify(storedTree.firstDifference)}`;
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
