import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The committed bundle, as the runner starts it. */
const bundle = resolve(import.meta.dirname, '../../pipeline/action/dist/index.js');

export type StepOutcome = {
  readonly exit: number | null;
  readonly log: string;
  /** Titles and texts of the annotations, decoded. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
};

export type StepInput = {
  readonly inputs: Readonly<Record<string, string>>;
  /** Where the workspace is. */
  readonly workspace: string;
  readonly environment?: Readonly<Record<string, string>>;
};

const job = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'acme/node-images',
  GITHUB_REPOSITORY_ID: '700700700',
  GITHUB_REPOSITORY_OWNER_ID: '40404040',
  GITHUB_WORKFLOW_REF: 'acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5',
  GITHUB_REF: 'refs/tags/v4593.2.5',
  GITHUB_REF_NAME: 'v4593.2.5',
  GITHUB_REF_TYPE: 'tag',
  GITHUB_SHA: '3f1c0a9be2d84c57a6b1f0e9d8c7b6a594837261',
  GITHUB_RUN_ID: '9876543210',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_EVENT_NAME: 'push',
  RUNNER_ENVIRONMENT: 'github-hosted',
};

/** Runs the Action as a runner does: a process of its own, inputs and files named by variables, nothing else. */
export async function runStep({ inputs, workspace, environment = {} }: StepInput): Promise<StepOutcome> {
  const temporary = mkdtempSync(join(tmpdir(), 'nodeproof-runner-'));
  try {
    const files = { GITHUB_OUTPUT: join(temporary, 'output'), GITHUB_STEP_SUMMARY: join(temporary, 'summary') };
    const runnerTemp = join(workspace, '.runner-temp');
    mkdirSync(runnerTemp, { recursive: true });
    const { exit, log } = await start({
      PATH: process.env['PATH'] ?? '',
      HOME: temporary,
      GITHUB_WORKSPACE: workspace,
      RUNNER_TEMP: runnerTemp,
      ...job,
      ...files,
      ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      ...environment,
    });
    return {
      exit,
      log,
      errors: annotations(log, 'error'),
      warnings: annotations(log, 'warning'),
      outputs: parseOutputs(readIfThere(files.GITHUB_OUTPUT)),
      summary: readIfThere(files.GITHUB_STEP_SUMMARY),
    };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function start(environment: Readonly<Record<string, string>>): Promise<{ exit: number | null; log: string }> {
  const child = spawn(process.execPath, [bundle], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  return new Promise((settle, fail) => {
    child.once('error', fail);
    child.once('close', (exit) => settle({ exit, log }));
  });
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function annotations(log: string, command: string): readonly string[] {
  const lines = [...log.matchAll(new RegExp(`^::${command}(?: title=([^:,]*))?::(.*)$`, 'gm'))];
  return lines.map(([, title = '', message = '']) => decode(`${title.replaceAll('%3A', ':')}: ${message}`));
}

function decode(text: string): string {
  return text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%');
}

/** The form with delimiters; the last value of a name stands, as the runner has it. */
export function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  for (let rest = text; rest !== '';) {
    const [head, name = '', delimiter = ''] = /^([^\n]*?)<<([^\n]*)\n/.exec(rest) ?? [];
    if (head === undefined) throw new Error(`Cannot read outputs: ${rest.slice(0, 80)}`);
    const from = head.length;
    const end = rest.indexOf(`\n${delimiter}\n`, from - 1);
    if (end < 0) throw new Error(`Cannot read outputs: ${name} has no end`);
    outputs[name] = rest.slice(from, Math.max(from, end));
    rest = rest.slice(end + delimiter.length + 2);
  }
  return outputs;
}
