import {
  type Anchors,
  openTrustedRoot,
  parsePublicKey,
  parseTrustedRootCandidate,
  type Thresholds,
} from '../../../pipeline/trust/index.ts';
import { githubIssuer } from '../../support/loopback-sigstore/index.ts';

/** Anchors of one pinned root, as a policy's section `trust` gives them. */
export function anchorsOfRoot(
  trustedRoot: object,
  thresholds: Thresholds = { tlog: 1, sct: 1, timestamps: 1 },
  issuers: readonly string[] = [githubIssuer],
): Anchors {
  const candidate = parseTrustedRootCandidate(Buffer.from(JSON.stringify(trustedRoot)));
  const pin = { name: 'root', sha256: candidate.sha256, issuers: [...issuers], thresholds };
  return { roots: [openTrustedRoot(pin, candidate)], keys: [] };
}

/** Anchors of one pinned key. */
export function anchorsOfKey(publicKeyPem: string, trustedRoot?: object): Anchors {
  const key = { ...parsePublicKey(publicKeyPem), name: 'key', validFrom: null, validUntil: '2099-01-01T00:00:00Z' };
  return { roots: trustedRoot === undefined ? [] : anchorsOfRoot(trustedRoot).roots, keys: [key] };
}
