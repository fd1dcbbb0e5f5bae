import { Fault } from '../../core/index.ts';

/** How a partition may be protected, or that it may be there unused or not at all. Alternatives: any of them is enough. */
const uses = ['unprotected', 'verity', 'signed', 'encrypted', 'encryptedwithintegrity', 'unused', 'absent'] as const;
type PartitionUse = (typeof uses)[number];

/** Flags that say nothing of protection. */
const otherFlags: ReadonlySet<string> = new Set([
  'read-only-on',
  'read-only-off',
  'growfs-on',
  'growfs-off',
  'btrfs',
  'erofs',
  'ext4',
  'f2fs',
  'squashfs',
  'vfat',
  'xfs',
]);

const partitions: ReadonlySet<string> = new Set([
  'root',
  'usr',
  'home',
  'srv',
  'esp',
  'xbootldr',
  'swap',
  'root-verity',
  'root-verity-sig',
  'usr-verity',
  'usr-verity-sig',
  'tmp',
  'var',
]);

/** A policy for disk images: what each partition may be. */
export type ImagePolicy = {
  readonly partitions: ReadonlyMap<string, ReadonlySet<PartitionUse>>;
  /** For partitions that are not named. */
  readonly others: ReadonlySet<PartitionUse>;
};

const anything: ReadonlySet<PartitionUse> = new Set(uses);
const ignored: ReadonlySet<PartitionUse> = new Set(['unused', 'absent']);

/** systemd.image-policy(7), "Special policies". */
const special: Readonly<Record<string, ReadonlySet<PartitionUse>>> = {
  '*': anything,
  '-': ignored,
  '~': new Set(['absent']),
};

/**
 * Parses an image policy as systemd does (systemd.image-policy(7)): rules between colons, each `partition=flag+flag`, an
 * empty partition for all others; no flags of use mean any. Fault: image-policy.syntax.
 */
export function parseImagePolicy(text: string): ImagePolicy {
  const whole = Object.hasOwn(special, text) ? special[text] : undefined;
  if (whole !== undefined) return { partitions: new Map(), others: whole };
  const named = new Map<string, ReadonlySet<PartitionUse>>();
  let others: ReadonlySet<PartitionUse> | undefined;
  for (const rule of text.split(':')) {
    const equals = rule.indexOf('=');
    if (equals < 0) throw refused(`${JSON.stringify(rule.slice(0, 80))} has no "="`);
    const partition = rule.slice(0, equals);
    if (partition === '' ? others !== undefined : named.has(partition))
      throw refused(`two rules for ${partition === '' ? 'all other partitions' : partition}`);
    if (partition !== '' && !partitions.has(partition))
      throw refused(`there is no partition ${JSON.stringify(partition.slice(0, 80))}`);
    const flags = parseFlags(rule.slice(equals + 1));
    if (partition === '') others = flags;
    else named.set(partition, flags);
  }
  return { partitions: named, others: others ?? ignored };
}

function parseFlags(text: string): ReadonlySet<PartitionUse> {
  const flags = text.split('+').filter((flag) => flag !== '');
  const used = new Set<PartitionUse>();
  for (const flag of flags) {
    const use = uses.find((each) => each === flag);
    if (use !== undefined) used.add(use);
    else if (flag === 'open') for (const each of uses) used.add(each);
    else if (flag === 'ignore') for (const each of ignored) used.add(each);
    else if (!otherFlags.has(flag)) throw refused(`there is no flag ${JSON.stringify(flag.slice(0, 80))}`);
  }
  return used.size === 0 ? anything : used;
}

/** What a policy lets a partition be. */
export function imagePartition(policy: ImagePolicy, partition: 'root' | 'usr'): ReadonlySet<PartitionUse> {
  return policy.partitions.get(partition) ?? policy.others;
}

function refused(problem: string): Fault {
  return new Fault(
    'image-policy.syntax',
    `Cannot read image policy: ${problem}, want rules as systemd.image-policy(7) has them`,
  );
}
