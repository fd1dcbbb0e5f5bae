import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, startProcess, type SupervisedProcess } from '../interop/support/supervised-process.ts';

export type BenchRegistry = {
  readonly host: string;
  /** What the registry holds now is what it holds after each restart. */
  readonly keep: () => Promise<void>;
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** As SupervisedProcess starts it, but into no pipe: nobody would empty that while a program is measured. */
const silently = ['-c', 'exec "$0" "$@" >/dev/null 2>&1'];

/** The registry of distribution on storage of its own. */
export async function prepareRegistry(scratch: string, server: string): Promise<BenchRegistry> {
  const [port = 0] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  const [storage, kept, config] = ['registry', 'registry-kept', 'registry.yml'].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(kept);
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: host },
    }),
  );
  let running: SupervisedProcess | undefined;
  const close = async (): Promise<void> => {
    await running?.[Symbol.asyncDispose]();
    running = undefined;
  };
  return {
    host,
    close,
    async keep() {
      await close();
      cpSync(storage, kept, { recursive: true });
    },
    async restart() {
      await close();
      rmSync(storage, { recursive: true, force: true });
      cpSync(kept, storage, { recursive: true });
      running = await startProcess('bash', [...silently, server, 'serve', config], `http://${host}/v2/`, {
        OTEL_TRACES_EXPORTER: 'none',
      });
    },
  };
}
