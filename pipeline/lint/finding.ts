/** How bad it is: an error undoes a protection, a warning weakens one, a note is something to know. */
export const lintLevels = ['error', 'warning', 'note'] as const;
export type LintLevel = (typeof lintLevels)[number];

/** What each finding of `node lint` means. The table in the documentation is generated from it. */
export const lintCodes = {
  'lint.image-policy-missing': 'no image policy: systemd merges any extension, protected or not',
  'lint.image-policy-lax': 'an image policy that takes extensions nobody signed',
  'lint.image-policy-syntax': 'an image policy that systemd does not read: it does not start the merge, or ignores it',
  'lint.mutable': 'extensions are merged so that the merged tree can be written',
  'lint.sysupdate-verify': 'systemd-sysupdate takes files whose list of checksums nobody signed',
  'lint.writable-directory': 'others than root can put extensions where the next merge takes them',
  'lint.ca-pin': 'kubeadm joins a cluster without pinning its certificate authority',
  'lint.auto-approve':
    'a cluster approves the certificate of whoever has a bootstrap token, as far as nobody took that away',
  'lint.unread': 'something could not be read: what it sets is not known',
} as const satisfies Record<`lint.${string}`, string>;

export type LintCode = keyof typeof lintCodes;

/** A setting that undoes protection, where it stands and what to write instead. */
export type LintFinding = {
  readonly code: LintCode;
  readonly level: LintLevel;
  readonly message: string;
  /** Null where what is missing would stand in no file that is there. */
  readonly file: string | null;
  readonly line: number | null;
  readonly fix: string;
};
