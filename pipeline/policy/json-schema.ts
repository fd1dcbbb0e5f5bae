import * as z from 'zod/mini';
import { policySchema } from './schema.ts';

/** The JSON Schema (draft 2020-12) of what a policy file may hold: fields with defaults may be left out. */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  return { title: 'nodeproof policy', ...z.toJSONSchema(policySchema, { io: 'input', unrepresentable: 'any' }) };
}
