import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import formats from 'ajv-formats';

/**
 * The strict JSON schema of CycloneDX as the library ships it, in the way its JsonStrictValidator compiles it: that class
 * itself wants one package more for internationalised mail addresses, of which we write none.
 */
const schemas = join(
  dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
  'res/schema',
);
const schema = (name: string): object =>
  JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;

/** Problems of a document; null for none. */
export type SchemaCheck = (document: unknown) => ErrorObject[] | null;

export function compileStrictSchema(version: '1.6' | '1.7'): SchemaCheck {
  const parts = ['spdx', 'cryptography-defs', 'jsf-0.82'];
  const ajv = new Ajv({
    strict: false,
    schemas: Object.fromEntries(
      parts.map((name) => [`http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`, schema(name)]),
    ),
  });
  formats.default(ajv);
  ajv.addFormat('idn-email', true);
  ajv.addFormat('iri-reference', true);
  const validate = ajv.compile(schema(`bom-${version}`));
  return (document) => (validate(document) ? null : (validate.errors ?? []));
}
