import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Program } from './case.ts';

export type Sample = { readonly wallSeconds: number; readonly cpuSeconds: number; readonly rssBytes: number };

/**
 * Runs a program once. Wall time is ours, from before the start to after the exit; CPU time and peak memory are the
 * kernel's, by GNU time, which costs both sides the same millisecond.
 */
export function measure({ name, argv }: Program, scratch: string): Sample {
  const report = join(scratch, 'time.txt');
  const start = performance.now();
  const { status, stderr } = spawnSync('/usr/bin/time', ['-q', '-f', '%U %S %M', '-o', report, ...argv], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const wallSeconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${name} failed with exit ${status}: ${stderr.toString().slice(0, 500)}`);
  const [user = 0, system = 0, kibibytes = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  return { wallSeconds, cpuSeconds: user + system, rssBytes: kibibytes * 1024 };
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
