import { type Checked, Fault, type Finding, type Waiver } from '../../core/index.ts';
import { writeOutput } from '../runner-files.ts';
import { option, runCommand, type Step } from '../step.ts';
import { readStores } from '../stores.ts';
import { renderVerdictSummary } from '../summary.ts';
import { renderFinding, renderLine, renderWarning } from '../workflow-command.ts';
import { findMembers, listMembers, nothingNamed } from './members.ts';
import type { ModeOutcome } from './outcome.ts';

/** What `verify` says of one file or digest. */
export type VerdictDocument = {
  readonly subject: string;
  readonly verdict: 'admit' | 'refuse';
  readonly checked: readonly Checked[];
  readonly findings: readonly Finding[];
  readonly waivers: readonly Waiver[];
  readonly policy: { readonly name: string; readonly version: number; readonly digest: string };
};

/** The runner shows no more errors of one step than this. */
const shownFindings = 10;

/** Judges files and digests by a policy. The step fails unless all of them are admitted. */
export async function runVerify(step: Step): Promise<ModeOutcome> {
  const { inputs, files, world } = step;
  const policy = inputs.wanted('policy', 'it is the only trust anchor of a verdict');
  const subjects = [...listMembers(findMembers(step)), ...inputs.lines('digest').map(checkDigest)];
  if (subjects.length === 0) throw nothingNamed('verify', 'Give image, shipped, sysext, subject-path or digest');
  const args = [
    'verify',
    ...subjects,
    ...option('policy', policy),
    ...option('dir', inputs.text('bundle-dir')),
    ...option('trust-pack', files.file('trust-pack')),
    ...option('trusted-root', files.files('trusted-root')),
    ...option('public-key', files.files('public-key')),
    ...option('from', readStores('from', inputs, world)),
  ];
  const { exit, document } = await runCommand(args, step);
  const { verdicts } = document as { readonly verdicts: readonly VerdictDocument[] };
  tellVerdicts(verdicts, step);
  if (verdicts.length > 0 && verdicts.every(({ verdict }) => verdict === 'admit'))
    writeOutput(world, 'verdict', 'admit');
  return { exit, summary: renderVerdictSummary(verdicts) };
}

/** What is no digest would be looked for as a file, or read as an option. Fault: usage.input. */
function checkDigest(text: string): string {
  if (/^sha256:[0-9A-Fa-f]{64}$/.test(text)) return text;
  throw new Fault('usage.input', `Cannot use the digest ${JSON.stringify(text.slice(0, 80))}`, {
    where: 'digest',
    next: 'Want sha256: and 64 digits in hex, one a line; files go to subject-path',
  });
}

function tellVerdicts(verdicts: readonly VerdictDocument[], { world }: Step): void {
  let shown = 0;
  for (const { subject, verdict, findings, waivers } of verdicts) {
    world.write(renderLine(`${verdict.toUpperCase()} ${subject}`));
    for (const { option: waived, why, until } of waivers)
      world.write(renderWarning(`${subject}: waived ${waived} until ${until ?? 'no end'}: ${why}`));
    for (const finding of findings)
      if (shown++ < shownFindings) world.write(renderFinding(subject, finding));
      else world.write(renderLine(`  ${finding.message} [${finding.code}]; next: ${finding.next}`));
  }
}
