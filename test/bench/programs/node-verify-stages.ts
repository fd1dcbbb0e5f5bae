// Tells how long each stage of node verify takes: node node-verify-stages.ts ROOT POLICY PACK TIME
// The way of the command through the library, with a clock around it. Hashing runs inside the collection.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { readMaterial } from '../../../pipeline/cli/material.ts';
import { collectEvidence } from '../../../pipeline/collection/index.ts';
import { decide } from '../../../pipeline/core/index.ts';
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { openNodeDirectory } from '../../../pipeline/edge/node/index.ts';
import { emptyState, judgeNode, parsePolicy } from '../../../pipeline/policy/index.ts';

const [root = '', policyPath = '', packPath = '', time = ''] = process.argv.slice(2);
const stages: (readonly [string, number])[] = [
  ['start of the process, with the sources as they are', performance.now()],
];
let hashed = 0;

await using pool = openHashingPool();
const now = new Date(time);
const silent = { write: () => undefined, isTerminal: false };
const world = {
  directory: '/',
  environment: {},
  now: () => new Date(time),
  stdout: silent,
  stderr: silent,
  program: undefined,
};
const options = { 'trust-pack': packPath, bundle: [], 'trusted-root': [], 'public-key': [] };
const { policy, material } = await timed('policy and trust pack', () => {
  const parsed = parsePolicy(readFileSync(policyPath));
  return { policy: parsed.policy, material: readMaterial(options, parsed.policy, world) };
});
const node = openNodeDirectory(root, {
  now,
  hashing: {
    ...pool,
    digestSource: async (source, algorithms) => {
      const start = performance.now();
      const digests = await pool.digestSource(source, algorithms);
      hashed = Math.max(hashed, performance.now() - start);
      return digests;
    },
  },
});
const evidence = await timed('evidence', () => collectEvidence(node));
stages.push(['evidence: the longest hashing', hashed]);
const verdict = await timed('verdict', () => decide(judgeNode(evidence, { policy, material, state: emptyState, now })));
for (const [name, milliseconds] of stages)
  console.log(`${name.padEnd(52)} ${(milliseconds / 1000).toFixed(3).padStart(7)} s`);
console.log(verdict.verdict);

async function timed<T>(name: string, step: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await step();
  } finally {
    stages.push([name, performance.now() - start]);
  }
}
