import { Digest } from '../../pipeline/core/index.ts';
import type { Fragment } from '../../pipeline/formats/ignition/index.ts';
import { buildFragment, type InstallationSettings } from '../../pipeline/installation/index.ts';

export const madeSettings: InstallationSettings = {
  strict: false,
  enforce: true,
  stores: ['oci:ghcr.io/acme/nodes'],
};

export const madePolicy = 'apiVersion: nodeproof.dev/policy/v1\nname: workers\n';
export const madePack = `{"bundles":[${'"a bundle",'.repeat(200)}""]}`;
export const madeProgram = Buffer.from('a program');

export function makeFragment(url = 'https://files.example.com/nodeproof.gz'): Fragment {
  return buildFragment(madeSettings, {
    policy: Buffer.from(madePolicy),
    trustPack: Buffer.from(madePack),
    program: { url: new URL(url), sha512: Digest.of('sha512', madeProgram) },
  });
}
