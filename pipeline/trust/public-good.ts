import tufPackage from '@sigstore/tuf/package.json' with { type: 'json' };
import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' };
import { parseTrustedRootCandidate, type TrustedRootCandidate } from './trusted-root.ts';

/** The package that the built-in root comes from, for messages. */
export const publicGoodSource = `@sigstore/tuf ${tufPackage.version}`;

/** The trusted root of the public-good Sigstore instance, as the named package ships it. It is as fresh as the package. */
export function publicGoodRoot(): TrustedRootCandidate {
  const encoded = seeds['https://tuf-repo-cdn.sigstore.dev'].targets['trusted_root.json'];
  return parseTrustedRootCandidate(Buffer.from(encoded, 'base64'));
}
