import { Fault, unreachable } from '../../core/index.ts';
import type { ServiceSelection, SigningConfig, SigningService } from './signing-config.ts';

/** The services that one signature uses. */
export type SigningServices = {
  /** Base URL of a Fulcio; absent where a key signs. */
  readonly certificateAuthority: string | undefined;
  readonly logs: readonly LogService[];
  /** Whole URLs of timestamp authorities. */
  readonly timestampAuthorities: readonly string[];
};
export type LogService = { readonly url: string; readonly majorApiVersion: 1 | 2 };

/** A key that signs alone: the bundle then says nothing of the time. */
export const noServices: SigningServices = { certificateAuthority: undefined, logs: [], timestampAuthorities: [] };

/**
 * Sigstore's public instance, as its signing_config.v0.2.json (TUF repository sigstore/root-signing) had it in 2026-11:
 * version 1 of the log is its default, and the log's promise is the time.
 */
export const publicGoodServices: SigningServices = {
  certificateAuthority: 'https://fulcio.sigstore.dev',
  logs: [{ url: 'https://rekor.sigstore.dev', majorApiVersion: 1 }],
  timestampAuthorities: [],
};

/** Versions of each service's interface that we speak, the best first. */
const spoken = { ca: [1], log: [2, 1], timestamp: [1] } as const;

/**
 * Chooses services by the rules of SigningConfig (sigstore_trustroot.proto): those whose interface we speak and that are
 * valid now, of the highest version, at most one of an operator, the newest first. Faults: config.signing-service.
 *
 * @param wants whether a certificate authority is needed, as keyless signing does
 */
export function selectServices(
  config: SigningConfig,
  at: Date,
  wants: { readonly certificateAuthority: boolean },
): SigningServices {
  const { rekorTlogConfig, tsaConfig } = config;
  return {
    certificateAuthority: wants.certificateAuthority
      ? select('certificate authority', config.caUrls, { selector: 'ANY' }, spoken.ca, at)[0]?.service.url
      : undefined,
    logs:
      rekorTlogConfig === undefined
        ? []
        : select('transparency log', config.rekorTlogUrls, rekorTlogConfig, spoken.log, at).map((choice) => ({
            url: choice.service.url,
            majorApiVersion: choice.version,
          })),
    timestampAuthorities:
      tsaConfig === undefined
        ? []
        : select('timestamp authority', config.tsaUrls, tsaConfig, spoken.timestamp, at).map(
            (choice) => choice.service.url,
          ),
  };
}

type Choice<V> = { readonly service: SigningService; readonly version: V };

function select<V extends number>(
  what: string,
  services: readonly SigningService[],
  selection: ServiceSelection,
  versions: readonly V[],
  at: Date,
): readonly Choice<V>[] {
  for (const version of versions) {
    const valid = services.filter((service) => service.majorApiVersion === version && isValid(service, at));
    const chosen = newestOfEachOperator(valid);
    // Services of different versions are not mixed.
    if (chosen.length > 0) return count(what, chosen, selection).map((service) => ({ service, version }));
  }
  throw new Fault(
    'config.signing-service',
    `Cannot choose a ${what}: none of ${services.length} is valid at ${at.toISOString()} with version ${versions.join(' or ')}`,
    { next: 'check validFor and majorApiVersion in the signing configuration' },
  );
}

/** The range includes its ends. A service whose time has not come is not chosen, though its start is the newest. */
function isValid({ validFor }: SigningService, at: Date): boolean {
  return (
    Date.parse(validFor.start) <= at.getTime() &&
    (validFor.end === undefined || at.getTime() <= Date.parse(validFor.end))
  );
}

function newestOfEachOperator(services: readonly SigningService[]): readonly SigningService[] {
  const sorted = services.toSorted((a, b) => Date.parse(b.validFor.start) - Date.parse(a.validFor.start));
  const operators = new Set<string>();
  return sorted.filter((service) => {
    if (operators.has(service.operator)) return false;
    operators.add(service.operator);
    return true;
  });
}

function count(
  what: string,
  chosen: readonly SigningService[],
  selection: ServiceSelection,
): readonly SigningService[] {
  switch (selection.selector) {
    case 'ALL':
      return chosen;
    case 'ANY':
      return chosen.slice(0, 1);
    case 'EXACT': {
      const wanted = selection.count;
      if (wanted !== undefined && wanted <= chosen.length) return chosen.slice(0, wanted);
      throw new Fault(
        'config.signing-service',
        `Cannot choose a ${what}: ${chosen.length} operators have one, want ${wanted ?? 'a count with the selector EXACT'}`,
      );
    }
    default:
      return unreachable(selection.selector);
  }
}
