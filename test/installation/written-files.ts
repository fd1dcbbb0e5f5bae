import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { parseDocument } from 'yaml';

/** What a document puts on disk: content by path, `-> TARGET` for links, the mode in octal where one is given. */
export type WrittenFiles = ReadonlyMap<string, string>;

type Resource = { readonly source: string; readonly compression?: string; readonly verification: { hash: string } };
type Document = {
  readonly storage: {
    readonly directories: readonly { readonly path: string; readonly mode: number }[];
    readonly files: readonly { readonly path: string; readonly mode: number; readonly contents: Resource }[];
    readonly links: readonly { readonly path: string; readonly target: string }[];
  };
  readonly systemd: {
    readonly units: readonly {
      readonly name: string;
      readonly contents?: string;
      readonly dropins?: readonly { readonly name: string; readonly contents: string }[];
    }[];
  };
};

export function readIgnition(text: string): WrittenFiles {
  return readFiles(JSON.parse(text) as Document);
}

/** Butane reads YAML as go-yaml does, to which `0644` is octal: YAML 1.1. */
export function readButane(text: string): WrittenFiles {
  const document = parseDocument(text, { version: '1.1' });
  if (document.errors.length > 0) throw document.errors[0];
  return readFiles(document.toJS() as Document);
}

function readFiles({ storage, systemd }: Document): WrittenFiles {
  const octal = (mode: number) => `0${mode.toString(8)}`;
  const units = systemd.units.flatMap(({ name, contents, dropins = [] }) => [
    ...(contents === undefined ? [] : [[`/etc/systemd/system/${name}`, contents] as const]),
    ...dropins.map((dropin) => [`/etc/systemd/system/${name}.d/${dropin.name}`, dropin.contents] as const),
  ]);
  return new Map([
    ...storage.directories.map(({ path, mode }) => [path, `directory ${octal(mode)}`] as const),
    ...storage.files.map(({ path, mode, contents }) => [path, `${octal(mode)} ${fetch(contents)}`] as const),
    ...storage.links.map(({ path, target }) => [path, `-> ${target}`] as const),
    ...units,
  ]);
}

/** The hash is that of what comes out. */
export function fetch({ source, compression, verification }: Resource): string {
  if (!source.startsWith('data:;base64,')) return `${source} ${compression ?? 'plain'} ${verification.hash}`;
  const bytes = Buffer.from(source.slice('data:;base64,'.length), 'base64');
  const content = compression === 'gzip' ? gunzipSync(bytes) : bytes;
  const hash = `sha512-${createHash('sha512').update(content).digest('hex')}`;
  if (hash !== verification.hash) throw new Error(`hash of ${content.toString().slice(0, 40)} is ${hash}`);
  return content.toString('utf8');
}
