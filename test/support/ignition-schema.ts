/**
 * What Ignition 3.4.0 lets stand in a document, for the parts that we write: written from its specification, and stricter
 * than Ignition, which passes over fields that it does not know.
 */
const hash = { type: 'string', pattern: '^sha512-[0-9a-f]{128}$' };
const path = { type: 'string', pattern: '^(?:/[^/]+)+$' };

const resource = {
  type: 'object',
  required: ['source', 'verification'],
  additionalProperties: false,
  properties: {
    source: { type: 'string', pattern: '^(?:https?://|data:)' },
    compression: { enum: ['gzip'] },
    verification: object({ hash }),
  },
};

function object(properties: Readonly<Record<string, object>>, required: readonly string[] = Object.keys(properties)) {
  return { type: 'object', required, additionalProperties: false, properties };
}

const list = (items: object) => ({ type: 'array', items, uniqueItems: true });
const owner = object({ id: { type: 'integer', minimum: 0 } });
/** Setuid and its kin are for directories alone. */
const mode = { type: 'integer', minimum: 0, maximum: 0o777 };
const flag = { type: 'boolean' };
const text = { type: 'string', minLength: 1 };

export const ignitionSchema = object(
  {
    ignition: object({ version: { const: '3.4.0' }, config: object({ replace: resource }) }, ['version']),
    storage: object({
      directories: list(object({ path, mode, user: owner, group: owner })),
      files: list(object({ path, overwrite: flag, mode, contents: resource })),
      links: list(object({ path, overwrite: flag, target: path })),
    }),
    systemd: object({
      units: list(
        object(
          {
            name: { type: 'string', pattern: '^[^/]+\\.(?:service|socket|target|path|timer|mount|slice)$' },
            contents: text,
            dropins: list(object({ name: { type: 'string', pattern: '^[^/]+\\.conf$' }, contents: text })),
          },
          ['name'],
        ),
      ),
    }),
  },
  ['ignition'],
);
