import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import type { VerityAlgorithm, VerityParameters } from '../../../pipeline/formats/verity/index.ts';

/** An image that veritysetup made, with what it was told and the root hash that it printed. */
export type VerityFixture = VerityParameters & {
  readonly name: string;
  readonly algorithm: VerityAlgorithm;
  readonly superblock: boolean;
  readonly hashOffset: number;
  readonly rootHash: string;
};

const folder = new URL('../../fixtures/verity/', import.meta.url);

export const fixtures = JSON.parse(readFileSync(new URL('images.json', folder), 'utf8')) as readonly VerityFixture[];

export function fixtureNamed(name: string): VerityFixture {
  return fixtures.find((fixture) => fixture.name === name)!;
}

/** A fresh copy of the image's bytes: tests break it. */
export function readImage({ name }: VerityFixture): Uint8Array {
  return new Uint8Array(zstdDecompressSync(readFileSync(new URL(`${name}.img.zst`, folder))));
}
