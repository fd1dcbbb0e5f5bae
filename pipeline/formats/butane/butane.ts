import { type Document, isScalar, isSeq, type Node, Scalar, visit } from 'yaml';
import { canonicalText, Fault, type Json } from '../../core/index.ts';
import {
  addEntries,
  type Addition,
  type Entry,
  type Fragment,
  listEntries,
  type MergedDocument,
  planMerge,
  type Spelling,
} from '../ignition/index.ts';
import { quoteText } from '../json/index.ts';
import { guarded, parseYaml, valueOf } from './document.ts';

/** Writes a fragment as a Butane document of its own, for Flatcar. */
export function encodeButane(fragment: Fragment): string {
  return mergeButane(Buffer.from(emptyDocument), fragment).text;
}

/** Compiles to Ignition 3.4.0. */
const emptyDocument = 'variant: flatcar\nversion: 1.1.0\n';

/**
 * Adds a fragment to a user's Butane document: comments, order and the spelling of every value stay.
 * Faults: butane.yaml, butane.version, butane.form, ignition.field, ignition.conflict, ignition.replaced, limit.node-config, bytes.utf8.
 */
export function mergeButane(bytes: Uint8Array, fragment: Fragment): MergedDocument {
  const document = parseYaml(bytes);
  const value = valueOf(document);
  checkVersion(value);
  const { additions, notes } = planMerge(value, listEntries(fragment, spelling));
  for (const addition of additions) append(document, addition);
  const text = guarded(() => document.toString({ lineWidth: 0 }));
  checkReadAgain(text, addEntries(value, additions));
  return { text, notes: [...notes, ...listUnseen(value)] };
}

/** Modes are octal, as `chmod` has them. All scalars are texts here: see parseYaml. */
const spelling: Spelling = {
  mode: (mode) => `0${mode.toString(8)}`,
  id: (id) => String(id),
  flag: (flag) => String(flag),
};

/** Variants whose documents become Ignition 3.0 to 3.4, as a fragment can be in. */
const versions: Readonly<Record<string, readonly string[]>> = {
  flatcar: ['1.0.0', '1.1.0'],
  fcos: ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0', '1.5.0'],
};

function checkVersion(value: Json): void {
  const { variant, version } = (typeof value === 'object' && value !== null ? value : {}) as Entry;
  const known = typeof variant === 'string' && Object.hasOwn(versions, variant) ? (versions[variant] ?? []) : [];
  if (typeof version === 'string' && known.includes(version)) return;
  const actual = [variant, version].map((part) => (typeof part === 'string' ? quoteText(part) : 'none')).join(' ');
  throw new Fault(
    'butane.version',
    `Cannot merge into the Butane document: its variant and version are ${actual}, want flatcar 1.0.0 or 1.1.0, or fcos 1.0.0 to 1.5.0`,
    {
      where: 'variant',
      next: 'Give a Butane document of such a version, or the Ignition document that it is compiled to',
    },
  );
}

function append(document: Document.Parsed, { at, entries }: Addition): void {
  for (let length = 1; length <= at.length; length++) clearBlank(document, at.slice(0, length));
  const list = document.getIn(at, true) as Node | undefined;
  if (list === undefined) {
    guarded(() => document.setIn(at, buildNode(document, entries)));
    return;
  }
  if (!isSeq(list))
    throw new Fault('butane.form', `Cannot merge into the Butane document: ${at.join('.')} is an alias, want a list`, {
      where: at.join('.'),
      next: 'Write the list out where the alias stands',
    });
  // Block scalars have no form in brackets.
  if (list.items.length === 0) list.flow = false;
  for (const entry of entries) list.add(buildNode(document, entry));
}

/** `storage:` with nothing behind it. */
function clearBlank(document: Document.Parsed, path: readonly (string | number)[]): void {
  const node = document.getIn(path, true);
  if (isScalar(node) && node.value === '') document.deleteIn(path);
}

function buildNode(document: Document.Parsed, value: Json): Node {
  const node = document.createNode(value);
  visit(node, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'string' && scalar.value.includes('\n')) scalar.type = Scalar.BLOCK_LITERAL;
    },
  });
  return node;
}

/** What was written must be what was there and what was added, whatever the library makes of rare forms. Fault: butane.form. */
function checkReadAgain(text: string, expected: Json): void {
  if (canonicalText(valueOf(parseYaml(Buffer.from(text)))) === canonicalText(expected)) return;
  throw new Fault(
    'butane.form',
    'Cannot merge into the Butane document: it would not mean the same afterwards, as aliases or rare forms of text stand in the way',
    { next: 'Write out what stands behind aliases, or merge into the Ignition document that it is compiled to' },
  );
}

/** Files that Butane takes from beside the document: what is in them is not known here. */
function listUnseen(value: Json): readonly string[] {
  const { storage } = value as { readonly storage?: Json };
  const trees =
    typeof storage === 'object' && storage !== null && !Array.isArray(storage)
      ? (storage as Entry)['trees']
      : undefined;
  return Array.isArray(trees) && trees.length > 0
    ? ['storage.trees: files that Butane takes from there are not looked at here']
    : [];
}
