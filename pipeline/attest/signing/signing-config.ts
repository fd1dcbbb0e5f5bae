import * as z from 'zod/mini';
import { Fault, limits } from '../../core/index.ts';
import { parseJsonBytes } from '../../formats/json/index.ts';
import { parseWith } from '../../formats/schema/index.ts';

/** A timestamp as protobuf's JSON has it: RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second's fraction. */
const timestamp = z.string().check(
  z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(?:\d{3}){1,3})?Z$/),
  z.refine((text) => !Number.isNaN(Date.parse(text)), 'no such time'),
);

const serviceSchema = z.strictObject({
  url: z
    .string()
    .check(
      z.maxLength(2048),
      z.refine(
        isSafeServiceUrl,
        'want an https URL without credentials (http for 127.0.0.1, [::1] and localhost only)',
      ),
    ),
  majorApiVersion: z.int().check(z.minimum(0), z.maximum(1000)),
  validFor: z.strictObject({ start: timestamp, end: z.optional(timestamp) }),
  operator: z._default(z.string().check(z.maxLength(256)), ''),
});

const selectionSchema = z.strictObject({
  selector: z.enum(['ANY', 'ALL', 'EXACT']),
  count: z.optional(z.int().check(z.minimum(1), z.maximum(limits.signingServices))),
});

const services = z._default(z.array(serviceSchema).check(z.maxLength(limits.signingServices)), []);

/**
 * signing_config.json v0.2: message SigningConfig of sigstore/protobuf-specs, `sigstore_trustroot.proto`. Strict, so that a
 * misspelt `tsaConfig` does not silently leave signatures without a time.
 */
const signingConfigSchema = z.strictObject({
  mediaType: z.literal('application/vnd.dev.sigstore.signingconfig.v0.2+json'),
  caUrls: services,
  oidcUrls: services,
  rekorTlogUrls: services,
  rekorTlogConfig: z.optional(selectionSchema),
  tsaUrls: services,
  tsaConfig: z.optional(selectionSchema),
});

export type SigningConfig = Readonly<z.output<typeof signingConfigSchema>>;
export type SigningService = Readonly<z.output<typeof serviceSchema>>;
export type ServiceSelection = Readonly<z.output<typeof selectionSchema>>;

/** Reads a signing_config.json. Faults: config.signing-config, with the field. */
export function parseSigningConfig(bytes: Uint8Array): SigningConfig {
  const what = 'signing configuration';
  const next = 'give a signing_config.json of version 0.2';
  return parseWith(signingConfigSchema, parseConfigJson(bytes, what, next), 'config.signing-config', what, next);
}

/** A configuration is our own input: what is wrong with its JSON is a fault of configuration. */
function parseConfigJson(bytes: Uint8Array, what: string, next: string): unknown {
  try {
    return parseJsonBytes(bytes, what, limits.signingConfigBytes);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('config.signing-config', error.message, {
      next,
      ...(error.where === undefined ? {} : { where: error.where }),
    });
  }
}

/** Identity tokens travel to these URLs: nothing but TLS keeps them secret, except within the machine. */
export function isSafeServiceUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname));
}
