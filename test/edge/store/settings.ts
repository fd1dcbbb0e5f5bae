import { Fault } from '../../../pipeline/core/index.ts';
import { type HttpSettings, openRegistryStore, parseRepository } from '../../../pipeline/edge/store/index.ts';
import type { BundleStore } from '../../../pipeline/store/index.ts';
import type { LoopbackRegistry } from '../../support/loopback-registry.ts';

/** Patient as in production, without waiting: the pauses are only counted. */
export function settingsFor(pauses: number[] = []): HttpSettings {
  return {
    fetch,
    wait: async (milliseconds) => void pauses.push(milliseconds),
    now: () => new Date('2026-11-22T12:00:00Z'),
    timeoutMs: 5000,
    searchTimeoutMs: 60_000,
    retries: 3,
    firstPauseMs: 100,
    plainHttp: false,
  };
}

export type AccessForTest = Parameters<typeof openRegistryStore>[1];
export const anonymous: AccessForTest = { credentials: null, tokenHosts: [] };

export function openStore(registry: LoopbackRegistry, access = anonymous, settings = settingsFor()): BundleStore {
  return openRegistryStore(parseRepository(registry.repository, false), access, settings);
}

export const silent = (): void => undefined;

export async function faultOf(step: Promise<unknown>): Promise<Fault> {
  try {
    await step;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('no fault');
}

export function codesOf(faults: readonly Fault[]): readonly string[] {
  return faults.map(({ code }) => code);
}
