// Runs the cases of cases/ against their yardsticks, in turn on the same machine, and prints medians and ratios.
//   npm run bench -- [--strict] [--rounds N] [NAME…]
// --strict: exit 1 if a bar is missed or our program fails. What a case lacks is printed and counted as skipped.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bar, BenchCase, MeasureBar, Preparation, Prepared, Program, SizeBar } from './case.ts';
import { measure, medianSample, type Sample } from './measure.ts';
import { runForOutput } from './tools.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { strict: { type: 'boolean', default: false }, rounds: { type: 'string' } },
});
if (!existsSync('/usr/bin/time')) throw new Error('Cannot measure: no /usr/bin/time, install GNU time');

const measureNames = { wallSeconds: 'wall', cpuSeconds: 'CPU', rssBytes: 'peak RSS' } as const;
const tally = { held: 0, missed: 0, failed: 0, skipped: 0 };
console.log(`Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}\n`);
for (const benchCase of await loadCases()) {
  if (positionals.length > 0 && !positionals.includes(benchCase.name)) continue;
  await runCase(benchCase);
}
console.log(`${tally.held} bars held, ${tally.missed} missed; ${tally.failed} cases failed, ${tally.skipped} skipped`);
if (values.strict && tally.missed + tally.failed > 0) process.exitCode = 1;

async function loadCases(): Promise<readonly BenchCase[]> {
  const folder = new URL('./cases/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const modules = names.sort().map((name) => import(new URL(name, folder).href) as Promise<{ default: BenchCase }>);
  return (await Promise.all(modules)).map((module) => module.default);
}

async function runCase({ name, rounds, prepare }: BenchCase): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-bench-'));
  try {
    const prepared = await prepareOrFail(prepare, scratch);
    if ('skipped' in prepared) return reportNotRun(name, 'skipped', prepared.skipped);
    if ('failed' in prepared) return reportNotRun(name, 'failed', prepared.failed);
    try {
      report(name, prepared, await runInTurn(prepared, Number(values.rounds ?? rounds), scratch));
    } finally {
      await prepared.close?.();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A case that cannot even be prepared is a failure of that case, not the end of the run. */
async function prepareOrFail(prepare: BenchCase['prepare'], scratch: string): Promise<Preparation> {
  try {
    return await prepare(scratch);
  } catch (error) {
    return { failed: String(error).split('\n').slice(0, 3).join(' ') };
  }
}

function reportNotRun(name: string, what: 'skipped' | 'failed', reason: string): void {
  tally[what] += 1;
  console.log(`${name}: ${what}: ${reason}\n`);
}

type Medians = { readonly rounds: number; readonly ours: Sample; readonly yardstick: Sample | undefined };

/** In turn, so that a busy minute of the machine falls on both; one round before, uncounted, warms the page cache. */
async function runInTurn(prepared: Prepared, rounds: number, scratch: string): Promise<Medians> {
  const { ours, yardstick, beforeEach } = prepared;
  const samples = { ours: [] as Sample[], yardstick: [] as Sample[] };
  for (let round = 0; round <= rounds; round++) {
    const counted = round > 0;
    await beforeEach?.();
    const ourSample = measure(ours, scratch);
    if (counted) samples.ours.push(ourSample);
    if (yardstick === undefined) continue;
    await beforeEach?.();
    const theirSample = measure(yardstick, scratch);
    if (counted) samples.yardstick.push(theirSample);
  }
  return {
    rounds,
    ours: medianSample(samples.ours),
    yardstick: yardstick === undefined ? undefined : medianSample(samples.yardstick),
  };
}

function report(name: string, { ours, yardstick, bars, details }: Prepared, medians: Medians): void {
  console.log(`${name}, median of ${medians.rounds}`);
  console.log(`  ${ours.name}: ${showSample(medians.ours)}`);
  if (yardstick !== undefined && medians.yardstick !== undefined)
    console.log(`  ${yardstick.name}: ${showSample(medians.yardstick)}`);
  if (details !== undefined) reportDetails(details);
  for (const bar of bars) reportBar(bar, medians);
  console.log('');
}

function reportDetails({ name, argv }: Program): void {
  console.log(`  ${name}, one run:`);
  for (const line of runForOutput(argv).trimEnd().split('\n')) console.log(`    ${line}`);
}

function reportBar(bar: Bar, medians: Medians): void {
  const { what, actual, show } = 'what' in bar ? weigh(bar) : compare(bar, medians);
  const holds = actual <= bar.atMost;
  tally[holds ? 'held' : 'missed'] += 1;
  console.log(`  ${holds ? 'holds ' : 'MISSED'} ${what} ${show(actual)}, bar ${show(bar.atMost)}`);
}

type Judged = { readonly what: string; readonly actual: number; readonly show: (value: number) => string };

function weigh({ what, sizeBytes }: SizeBar): Judged {
  return { what, actual: sizeBytes, show: (value) => `${(value / 1024 / 1024).toFixed(2)} MiB` };
}

function compare({ measure, of }: MeasureBar, { ours, yardstick }: Medians): Judged {
  const what = measureNames[measure];
  if (of === 'itself') return { what, actual: ours[measure], show: (value) => showMeasure(measure, value) };
  const theirs = yardstick?.[measure] ?? Number.NaN;
  if (of === 'excess')
    return { what: `${what} beyond it`, actual: ours[measure] - theirs, show: (value) => showMeasure(measure, value) };
  const actual = ours[measure] / theirs;
  return { what, actual, show: (value) => `${value.toFixed(2)}x` };
}

function showSample(sample: Sample): string {
  return (['wallSeconds', 'cpuSeconds', 'rssBytes'] as const)
    .map((measure) => `${measureNames[measure]} ${showMeasure(measure, sample[measure])}`)
    .join(', ');
}

function showMeasure(measure: MeasureBar['measure'], value: number): string {
  return measure === 'rssBytes' ? `${Math.round(value / 1024 / 1024)} MiB` : `${value.toFixed(3)} s`;
}
