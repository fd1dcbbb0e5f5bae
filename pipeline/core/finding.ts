/** How a fact is known, weakest first. An identity has the lowest grade of its fields. */
export const grades = ['claimed', 'kernel', 'quoted', 'anchored'] as const;
export type Grade = (typeof grades)[number];

/** The lower of two grades. */
export function lowerGrade(left: Grade, right: Grade): Grade {
  return grades[Math.min(grades.indexOf(left), grades.indexOf(right))] as Grade;
}

export function meetsGrade(actual: Grade, wanted: Grade): boolean {
  return grades.indexOf(actual) >= grades.indexOf(wanted);
}

/** Why a finding refuses: the policy is not met, something is not authentic, or it could not be judged. */
export const reasons = ['denied', 'untrusted', 'unavailable'] as const;
export type Reason = (typeof reasons)[number];

/** One reason to refuse. Rules return all they find; only decide() makes a verdict of them. */
export type Finding = {
  /** From the table of finding codes: `node.sysext-digest`. */
  readonly code: `${string}.${string}`;
  readonly reason: Reason;
  /** The sentence for people. */
  readonly message: string;
  /** What it is about, as a path: `sysexts.kubernetes.sha256`. */
  readonly field: string;
  readonly actual: string | null;
  readonly expected: string | null;
  /** The grade of the fact that was judged; null where no fact of a node is concerned. */
  readonly grade: Grade | null;
  /** What to do next. */
  readonly next: string;
};

/** A fact that was looked at and found in order: what an admission stands on. */
export type Checked = {
  readonly fact: string;
  readonly value: string;
  readonly grade: Grade | null;
  /** Where the fact came from: `/proc/cmdline`, `certificate of demo.node-set.sigstore.json`. */
  readonly source: string;
};

/** A check that the policy switched off in so many words, until a date. */
export type Waiver = { readonly option: string; readonly why: string; readonly until: string | null };
