import * as z from 'zod/mini';
import { Fault, limits } from '../../core/index.ts';
import { parseJsonBytes } from '../json/index.ts';
import { parseWith } from '../schema/index.ts';

/** util-linux prints numbers as numbers or as text, by version. */
const number = z.pipe(z.union([z.int(), z.string().check(z.regex(/^\s*\d{1,15}\s*$/))]), z.transform(Number));
const device = z.pipe(
  z.string().check(z.regex(/^\s*\d{1,10}:\d{1,10}\s*$/)),
  z.transform((text: string) => text.trim()),
);

const losetupSchema = z.looseObject({
  loopdevices: z.array(
    z.looseObject({
      name: z.string().check(z.maxLength(256)),
      'maj:min': device,
      'back-file': z.nullable(z.string().check(z.maxLength(8192))),
      'back-ino': z.optional(number),
      'back-maj:min': z.optional(device),
      offset: z._default(number, 0),
      autoclear: z.optional(z.union([z.boolean(), number])),
    }),
  ),
});

export type LoopLine = {
  readonly name: string;
  readonly device: string;
  /** As the kernel knows it, without its mark of an unlinked file. */
  readonly backingFile: string;
  readonly deleted: boolean;
  readonly backingInode: number | null;
  readonly backingDevice: string | null;
  readonly offsetBytes: number;
  readonly autoclear: boolean | null;
};

const deletedMark = ' (deleted)';

/**
 * Parses `losetup --json --output NAME,MAJ:MIN,BACK-FILE,BACK-INO,BACK-MAJ:MIN,OFFSET,AUTOCLEAR`, which prints nothing
 * where there is no loop device. Faults: losetup.field, limit.loop-devices, json.*.
 */
export function parseLosetup(text: string): readonly LoopLine[] {
  if (text.trim() === '') return [];
  const { loopdevices } = parseWith(
    losetupSchema,
    parseJsonBytes(Buffer.from(text), 'losetup', limits.commandBytes),
    'losetup.field',
    'losetup',
  );
  if (loopdevices.length > limits.loopDevices)
    throw new Fault(
      'limit.loop-devices',
      `Cannot read losetup: ${loopdevices.length} devices, want at most ${limits.loopDevices}`,
    );
  return loopdevices.map((line) => {
    const file = line['back-file'] ?? '';
    const deleted = file.endsWith(deletedMark);
    return {
      name: line.name,
      device: line['maj:min'],
      backingFile: deleted ? file.slice(0, -deletedMark.length) : file,
      deleted,
      backingInode: line['back-ino'] ?? null,
      backingDevice: line['back-maj:min'] ?? null,
      offsetBytes: line.offset,
      autoclear: line.autoclear === undefined ? null : line.autoclear === true || line.autoclear === 1,
    };
  });
}
