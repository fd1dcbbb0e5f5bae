import { Digest } from '../core/index.ts';
import type { Policy, Section } from '../policy/index.ts';
import { printable } from './error.ts';

export function renderPolicy(policy: Policy, digest: Digest, sections: readonly Section[]): string {
  const body = sections
    .map(({ title, sentences }) => `${title}\n${sentences.map((sentence) => `  - ${printable(sentence)}`).join('\n')}`)
    .join('\n\n');
  return `Policy ${policy.name}, ${Digest.format(digest)}\n${policy.description === undefined ? '' : `${printable(policy.description.trim())}\n`}\n${body}\n`;
}
