import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { buildEvidenceIdentity, judgeEvidence, parseEvidence } from '../../pipeline/evidence/index.ts';
import { renderEvidence } from '../../pipeline/report/index.ts';
import {
  betaNode,
  change,
  image,
  type MadeEntry,
  type MadeNode,
  openMadeNode,
  reference,
  stableNode,
} from './made-node.ts';

const requirements = {
  usrVerity: 'required',
  sysextVerity: false,
  commandLine: 'node-set',
  extensions: 'running',
} as const;

/** Looks at a node as a verification does. Anything that is thrown but a Fault fails the test. */
async function lookAt(node: MadeNode): Promise<readonly string[] | Fault> {
  try {
    const evidence = await collectEvidence(openMadeNode(node));
    expect(parseEvidence(Buffer.from(JSON.stringify(evidence)))).toEqual(evidence);
    const own = buildEvidenceIdentity(evidence);
    const { findings } = judgeEvidence(evidence, requirements, reference);
    expect(renderEvidence(evidence).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    return [...('findings' in own ? own.findings : []), ...findings].map((finding) => finding.code);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

const texts = Object.entries(stableNode).flatMap(([path, entry]) =>
  typeof entry === 'string' ? [{ path, text: entry }] : [],
);

describe('Whatever a node shows', () => {
  test('in one of its files, there is evidence of it or a fault', async () => {
    const content = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.json(),
      fc.constantFrom<MadeEntry>(
        { kind: 'directory' },
        { kind: 'character-device' },
        { kind: 'block-device' },
        { kind: 'other' },
        { link: '/' },
        { link: '/proc/cmdline' },
        { fault: new Fault('file.read', 'Cannot read: EIO') },
        Buffer.alloc(70_000, 'x '),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(betaNode)), content, async (path, entry) => {
        await lookAt({ ...betaNode, [path]: entry });
      }),
      { numRuns: 120 },
    );
  });

  test('in a text with a few characters changed, there is evidence of it or a fault', async () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat({ max: 12 }),
      insert: fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom(' ', '\n', ',', ':', '\\040', '\0', '"', '{}', 'rw', '/usr'),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), edit, async ({ path, text }, { at, remove, insert }) => {
        const cut = at % (text.length + 1);
        await lookAt({ ...stableNode, [path]: text.slice(0, cut) + insert + text.slice(cut + remove) });
      }),
      { numRuns: 120 },
    );
  });

  test('under any name in its extension directories, is told or refused', async () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 40 })
      .filter((text) => !/[/\0]/.test(text) && !/^\.{1,2}$/.test(text));
    const directory = fc.constantFrom('/etc/extensions', '/run/extensions', '/var/lib/extensions', '/run/confexts');
    const entry = fc.constantFrom<MadeEntry>(
      image('kubernetes.raw'),
      { kind: 'block-device' },
      { kind: 'directory' },
      { link: '/dev/null' },
      { link: '..' },
    );
    await fc.assert(
      fc.asyncProperty(
        directory,
        name,
        fc.constantFrom('', '.raw', '.sysext.raw', '.v', '.raw.v'),
        entry,
        async (place, base, suffix, what) => {
          await lookAt(change(stableNode, { [`${place}/${base}${suffix}`]: what }));
        },
      ),
      { numRuns: 80 },
    );
  });

  test('in a directory with more extensions than anyone has, is not read', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 257 }, (_, at) => [`/run/extensions/x${at}.raw`, { link: '/dev/null' } as const]),
    );
    const outcome = await lookAt({ ...stableNode, ...many });
    expect(outcome).toEqual(['evidence.unread']);
  });
});

describe('The judges', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 30 });

  test('return findings for any evidence that parses', async () => {
    const honest = await collectEvidence(openMadeNode(betaNode));
    const leaves = leafPaths(honest);
    fc.assert(
      fc.property(
        fc.constantFrom(...leaves),
        fc.oneof(anyText, fc.integer(), fc.constant(null), fc.boolean(), fc.array(anyText)),
        (path, value) => {
          const document = structuredClone(honest) as unknown;
          setLeaf(document, path, value);
          let evidence;
          try {
            evidence = parseEvidence(Buffer.from(JSON.stringify(document)));
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
            return;
          }
          buildEvidenceIdentity(evidence);
          judgeEvidence(evidence, requirements, reference);
        },
      ),
      { numRuns: 200 },
    );
  });
});

type Path = readonly (string | number)[];

function leafPaths(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((item, at) => [at, item] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => leafPaths(item, [...path, key]))].filter((one) => one.length > 0);
}

function setLeaf(document: unknown, path: Path, value: unknown): void {
  let place = document as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) place = place[step] as Record<string | number, unknown>;
  place[path.at(-1) ?? ''] = value;
}
