import { type CommandSpec, flag, list, type Run, requiredText, text } from './command.ts';

/** Options that several commands share mean the same everywhere. */
const json = flag('print one JSON document on stdout, on success and on failure');
const policy = requiredText('FILE', 'the policy: the only trust anchor of a verdict');

export const inspectCommand = {
  path: ['inspect'],
  summary: 'what is in this node image or sysext',
  details:
    'Reads raw disk images, bare USR partitions and sysexts without root, without mounting and without other programs. The verity root hash of /usr is recomputed from every data block and compared with the superblock, the stored tree and the kernel.',
  operand: { placeholder: 'FILE', about: 'node images and sysexts', min: 1, max: 1000 },
  options: {
    digest: list('ALG', 'digests of the whole file to compute: sha256, sha512 (a sysext always has its sha256)'),
    certificate: text('FILE', 'PEM certificate that the signature partition of a sysext must be by'),
    json,
  },
  examples: ['nodeproof inspect flatcar_production_image.bin', 'nodeproof inspect kubernetes.raw --json'],
} as const satisfies CommandSpec;

type Row = { readonly spec: CommandSpec; readonly load: () => Promise<unknown> };

/** A row of the table: the specification and where its code is loaded from, only when it runs. */
function row<C extends CommandSpec>(spec: C, load: () => Promise<Run<C>>): Row {
  return { spec, load };
}

/** Every command there is. Help and the README's list are made of it. */
export const commandRows: readonly Row[] = [
  row(inspectCommand, async () => (await import('./commands/inspect.ts')).runInspect),
];

export const groupSummaries: Readonly<Record<string, string>> = {
  node: 'evidence from a node, and the verdict on it',
  policy: 'lint, test, explain and describe policies',
  trust: 'make and read trust packs',
};

void policy;
