import { readFileSync } from 'node:fs';
import { Digest, Fault } from '../core/index.ts';
import { writeVerdictFile } from '../edge/node/index.ts';
import { type Evidence, mergeStateDigest } from '../evidence/index.ts';
import { buildVerdictDocument, printable, type VerdictReport } from '../report/index.ts';
import { renderJson } from './inputs.ts';
import type { World } from './world.ts';

export const verdictRecordType = 'https://nodeproof.dev/node-verdict/v1';

/** What asked for a verdict. */
export type VerdictPurpose = 'join' | 'boot' | 'check';

/**
 * The last verdict on this node, for people and monitoring: nothing authorises from it. It says `pending` from the start,
 * so that what was left over from before is never taken for the outcome of this run.
 */
export class VerdictRecord {
  readonly #path: string;
  readonly #purpose: VerdictPurpose;
  readonly #world: World;

  constructor(path: string, purpose: VerdictPurpose, world: World) {
    this.#path = path;
    this.#purpose = purpose;
    this.#world = world;
    this.#write('pending', {});
  }

  /** The outcome, bound to this boot, this state of the merges and this policy. */
  end(report: VerdictReport, evidence: Evidence): void {
    this.#write(report.verdict.verdict, {
      mergeState: Digest.format(mergeStateDigest(evidence)),
      verdict: buildVerdictDocument(report),
    });
  }

  /** There was no verdict: what is not admitted is refused. */
  fail(error: unknown): void {
    const code = error instanceof Fault ? error.code : 'bug.unexpected';
    const message = error instanceof Error ? error.message : String(error);
    this.#write('refuse', { error: { code, message } });
  }

  #write(status: 'pending' | 'admit' | 'refuse', facts: object): void {
    const record = {
      type: verdictRecordType,
      status,
      purpose: this.#purpose,
      bootId: readBootId(),
      time: this.#world.now().toISOString(),
      ...facts,
    };
    try {
      writeVerdictFile(this.#path, renderJson(record));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // The verdict is the exit code; a record that cannot be written changes nothing of it.
      this.#world.stderr.write(`nodeproof: ${printable(error.message)} [${error.code}]\n`);
    }
  }
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 64);
  } catch {
    return null;
  }
}
