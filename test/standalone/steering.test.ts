import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowedVariables } from '../../pipeline/standalone/environment-gate/gate.ts';
import { fetchRuntime } from '../../pipeline/standalone/runtime.ts';
import { program, run, withProgram } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-steering-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What would turn every refusal into an admission, if anything ran it. */
const hostile = 'console.log("ADMIT"); process.exit(0);';

function put(name: string, content: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const preload = put('preload.js', hostile);
const overrides = put(
  'overrides.txt',
  'override @@@@{\n  return "refuse";\n}@@@@\nwith @@@@{\n  return "admit";\n}@@@@\n',
);
const options = put('options.conf', 'jscOptions {\n  dumpOptions = 2\n}\n');

/** A verdict that must be a refusal: there is no such policy. */
const command = ['node', 'verify', '--policy', 'none.yaml'];

function expectRefusal({ status, stdout, stderr }: ReturnType<typeof run>): void {
  expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
  expect(stderr).toMatch(/^nodeproof: Cannot open .*none\.yaml: no such file \[file\.missing\]\n {2}where: .*\n$/);
}

describe('Nothing in the environment steers the program:', () => {
  withProgram.for<readonly [string, string]>([
    ['BUN_OPTIONS', `--preload=${preload}`],
    ['BUN_BE_BUN', '1'],
    ['BUN_INSPECT', 'ws://127.0.0.1:9/nodeproof?break=1'],
    ['BUN_INSPECT_CONNECT_TO', 'ws://127.0.0.1:9/'],
    ['BUN_INSPECT_NOTIFY', 'unix:///nowhere'],
    ['BUN_INSPECT_PRELOAD', preload],
    ['BUN_JSC_functionOverrides', overrides],
    ['BUN_JSC_configFile', options],
    ['BUN_JSC_dumpOptions', '3'],
    ['BUN_JSC_nonsense', '1'],
    ['JSC_functionOverrides', overrides],
    ['JSC_dumpOptions', '3'],
    ['BUN_BYTECODE_ORDER_OUT', join(folder, 'order')],
    ['BUN_RUNTIME_TRANSPILER_CACHE_PATH', folder],
    ['BUN_CONFIG_VERBOSE_FETCH', 'curl'],
    ['BUN_DESTRUCT_VM_ON_EXIT', '1'],
    ['BUN_FEATURE_FLAG_INTERNAL_FOR_TESTING', '1'],
    ['BUN_INTERNAL_BAKE_RESTART', '1'],
    ['BUN_TCC_OPTIONS', '-v'],
    ['BUN_TRACE', join(folder, 'trace')],
    ['NODE_OPTIONS', `--require=${preload}`],
    ['NODE_PATH', folder],
    ['NODE_CHANNEL_FD', '1'],
    ['NODE_REPL_EXTERNAL_MODULE', preload],
    ['NODE_TLS_REJECT_UNAUTHORIZED', '0'],
    ['MIMALLOC_VERBOSE', '1'],
    ['MIMALLOC_SHOW_STATS', '1'],
    ['FORCE_COLOR', '3'],
    ['DEBUG', '*'],
    ['XDG_CONFIG_HOME', folder],
    ['TMPDIR', '/nowhere'],
    // A name that would be one of these for whoever compares no further than its own.
    ['BUN', `OPTIONS=--preload=${preload}`],
    ['', `BUN_OPTIONS=--preload=${preload}`],
    ['HOMEBUN_OPTIONS', `--preload=${preload}`],
  ])('%s', ([name, value]) => {
    expectRefusal(run(command, { env: { [name]: value }, cwd: folder }));
  });

  withProgram('all of them, whatever stands before and after', () => {
    const env = Object.fromEntries(
      Array.from({ length: 500 }, (_, at) => [`BUN_JSC_dumpOptions${'_'.repeat(at)}`, '3'] as const),
    );
    expectRefusal(run(command, { env: { HOME: '/root', ...env, BUN_BE_BUN: '1', GITHUB_SHA: 'a'.repeat(100_000) } }));
  });

  withProgram('one that comes twice, and one that is no assignment', () => {
    const script = `import ctypes, os
env = [b'BUN_OPTIONS', b'', b'=', b'BUN_OPTIONS=--preload=${preload}', b'BUN_OPTIONS=--preload=${preload}']
array = (ctypes.c_char_p * (len(env) + 1))(*env, None)
args = [${[program, ...command].map((arg) => `b${JSON.stringify(arg)}`).join(', ')}]
ctypes.CDLL(None).execve(args[0], (ctypes.c_char_p * (len(args) + 1))(*args, None), array)`;
    expectRefusal(spawnSync('python3', ['-c', script], { cwd: folder, encoding: 'utf8' }));
  });
});

describe('Nothing in the working directory or the home steers the program:', () => {
  beforeAll(() => {
    put('place/preload.js', hostile);
  });

  withProgram.for<readonly [string, string]>([
    ['bunfig.toml', 'preload = ["./preload.js"]\n[run]\nbun = true\n'],
    ['.bunfig.toml', 'preload = ["./preload.js"]\n'],
    ['.env', 'BUN_OPTIONS=--preload=./preload.js\nNODE_OPTIONS=--require=./preload.js\n'],
    ['.env.local', 'BUN_BE_BUN=1\n'],
    ['.env.production', 'BUN_BE_BUN=1\n'],
    ['tsconfig.json', '{"compilerOptions":{"baseUrl":".","paths":{"*":["./preload.js"]},"types":["./preload.js"]}}'],
    ['jsconfig.json', '{"compilerOptions":{"paths":{"*":["./preload.js"]}}}'],
    ['package.json', '{"main":"./preload.js","imports":{"#*":"./preload.js"},"bun":{"preload":["./preload.js"]}}'],
    ['node_modules/xmlbuilder2/index.js', hostile],
    ['node_modules/libxmljs2/index.js', hostile],
    ['node_modules/node:fs/index.js', hostile],
    ['nodeproof.mjs', hostile],
    ['nodeproof.jsc', hostile],
    ['index.js', hostile],
  ])('%s', ([name, content]) => {
    const place = join(folder, 'place');
    const path = put(`place/${name}`, content);
    try {
      expectRefusal(run(command, { cwd: place }));
      expectRefusal(run(command, { cwd: '/', env: { HOME: place } }));
      // What loads its optional modules late.
      const sbom = run(['sbom', 'none.raw'], { cwd: place });
      expect({ status: sbom.status, stdout: sbom.stdout }).toEqual({ status: 4, stdout: '' });
    } finally {
      rmSync(path);
    }
  });
});

describe('The vectors are real:', () => {
  // A program of the same runtime whose environment is not gated obeys them.
  const plain = join(folder, 'plain');
  beforeAll(() => {
    put('verdict.mjs', 'function verdict() {\n  return "refuse";\n}\nconsole.log(verdict());\n');
    const bun = fetchRuntime(
      process.arch === 'arm64' ? 'arm64' : 'x64',
      join(import.meta.dirname, '../../node_modules/.cache/nodeproof'),
    );
    execFileSync(bun, ['build', 'verdict.mjs', '--compile', `--outfile=${plain}`], { cwd: folder, stdio: 'ignore' });
  });

  withProgram.for<readonly [string, string, string]>([
    ['BUN_OPTIONS', `--preload=${preload}`, 'ADMIT'],
    ['BUN_JSC_functionOverrides', overrides, 'admit'],
    ['BUN_BE_BUN', '1', 'Bun is a fast'],
    ['NONE', '1', 'refuse'],
  ])('%s', ([name, value, word]) => {
    const { stdout } = spawnSync(plain, [], { cwd: '/', env: { [name]: value }, encoding: 'utf8' });
    expect(stdout).toContain(word);
  });
});

describe('What the program may see', () => {
  withProgram('is what begins with a word of its list', () => {
    // A passphrase is asked for by name, and missed by name where it is not there.
    const key = join(folder, 'key.pem');
    execFileSync(
      'openssl',
      [
        'genpkey',
        '-algorithm',
        'EC',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-aes256',
        '-pass',
        'pass:right',
        '-out',
        key,
      ],
      {
        stdio: 'ignore',
      },
    );
    execFileSync(
      'openssl',
      ['req', '-x509', '-key', key, '-passin', 'pass:right', '-subj', '/CN=x', '-out', join(folder, 'key.crt')],
      { stdio: 'ignore' },
    );
    const seal = (env: Readonly<Record<string, string>>) =>
      run(['sysext', 'seal', 'in.raw', 'out.raw', '--key', key, '--certificate', join(folder, 'key.crt')], {
        cwd: folder,
        env,
      }).stderr;
    put('in.raw', 'no image');
    expect(seal({})).not.toBe(seal({ NODEPROOF_KEY_PASSPHRASE: 'right' }));
  });

  test('says so in words that are whole names or begin names of ours and of CI', () => {
    for (const word of allowedVariables) expect(word).toMatch(/^[A-Z]+(?:_[A-Z]+)*[_=]$/);
    expect(
      allowedVariables.filter((word) => /^(?:BUN|JSC|NODE_|LD_|MIMALLOC|UV_|NO)/.test(word) && word !== 'NODEPROOF_'),
    ).toEqual([]);
  });
});
