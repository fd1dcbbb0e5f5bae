import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Program } from './case.ts';

export type Sample = { readonly wallSeconds: number; readonly cpuSeconds: number; readonly rssBytes: number };

/** bash tells CPU time to the millisecond, GNU time only to ten of them; peak memory only GNU time tells. */
const script = 'TIMEFORMAT="%3U %3S"; time /usr/bin/time -q -f %M -o "$0" "$@"';

/**
 * Runs a program once. Wall time is ours, from before the start to after the exit; CPU time and peak memory are the
 * kernel's. What measuring costs is the same two milliseconds for both sides.
 */
export function measure({ name, argv }: Program, scratch: string): Sample {
  const report = join(scratch, 'rss.txt');
  const start = performance.now();
  const { status, stderr } = spawnSync('bash', ['-c', script, report, ...argv], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const wallSeconds = (performance.now() - start) / 1000;
  const told = stderr.toString().trim().split('\n');
  if (status !== 0) throw new Error(`${name} failed with exit ${status}: ${told.join(' ').slice(0, 500)}`);
  const [user = 0, system = 0] = (told.at(-1) ?? '').split(' ').map(Number);
  return { wallSeconds, cpuSeconds: user + system, rssBytes: Number(readFileSync(report, 'utf8').trim()) * 1024 };
}

/** Medians by measure. */
export function medianSample(samples: readonly Sample[]): Sample {
  return {
    wallSeconds: median(samples.map((sample) => sample.wallSeconds)),
    cpuSeconds: median(samples.map((sample) => sample.cpuSeconds)),
    rssBytes: median(samples.map((sample) => sample.rssBytes)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
