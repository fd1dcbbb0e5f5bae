import * as z from 'zod/mini';
import { limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { parseWith } from '../../../formats/schema/index.ts';

export type Credentials = { readonly user: string; readonly password: string };

const configSchema = z.looseObject({
  auths: z.optional(z.record(z.string(), z.looseObject({ auth: z.optional(z.string()) }))),
});

/**
 * The credentials that `docker login` left in its config.json for a host: the `auth` field only, helpers are not run.
 * Faults: config.docker, json.*.
 */
export function findCredentials(config: Uint8Array, host: string): Credentials | null {
  const json = parseJsonBytes(config, 'Docker configuration', limits.dockerConfigBytes);
  const { auths = {} } = parseWith(configSchema, json, 'config.docker', 'Docker configuration');
  const wanted = host === 'docker.io' ? 'index.docker.io' : host;
  const entry = Object.entries(auths).find(([key]) => hostOf(key) === wanted)?.[1];
  if (entry?.auth === undefined) return null;
  const text = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Keys are hosts, or addresses such as `https://index.docker.io/v1/`. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').split('/')[0] ?? '';
}
