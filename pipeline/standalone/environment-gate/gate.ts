import { Fault } from '../../core/index.ts';

/** Assembled from x64.s and arm64.s beside this file, up to and with the eight bytes of `entry`. */
const code = {
  x64: '488b0424488d74c410488b3e4885ff74384883c6084c8d053c0000004180380074224889f9418a0084c074dd3a01750849ffc048ffc1ebed418038004d8d400175f6ebd8c60700ebc0ff2501000000cc0000000000000000',
  arm64:
    'e10340f9e2430091420c018b438440f8e30100b4640200108500403945010034e60303aa8514403825ffff34c7144038bf00076b80ffff5485144038e5ffff35f6ffff177f000039f1ffff177000005800021fd61f2003d50000000000000000',
} as const;

export type GatedArchitecture = keyof typeof code;

/**
 * How the variables begin that the program may see: its own, those of CI systems that signing takes identities and context
 * from, and where Docker keeps the credentials of registries.
 */
export const allowedVariables = [
  'ACTIONS_',
  'COSIGN_',
  'DOCKER_CONFIG=',
  'GH_TOKEN=',
  'GITHUB_',
  'HOME=',
  'NODEPROOF_',
  'RUNNER_',
  'SIGSTORE_',
  'SOURCE_DATE_EPOCH=',
] as const;

const headerBytes = 56;
const pageBytes = 65_536;
const loadable = 1;
const note = 4;
const readable = 4;
const executable = 1;

/**
 * Gives a program another entry point, which empties all other variables of the environment and then goes on at the first
 * one. The segment of notes, which nobody reads, becomes that of the code, at the end of file and addresses.
 * Fault: standalone.elf.
 */
export function gateEnvironment(program: Uint8Array, architecture: GatedArchitecture): Uint8Array {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  if (view.getUint32(0, false) !== 0x7f454c46 || view.getUint16(4, false) !== 0x0201) throw unusable('no 64-bit ELF');
  const entry = view.getBigUint64(24, true);
  const headers = Array.from(
    { length: view.getUint16(56, true) },
    (_, at) => Number(view.getBigUint64(32, true)) + at * headerBytes,
  );
  const kindOf = (header: number) => view.getUint32(header, true);
  const notes = headers.at(-1);
  // Segments are in the order of their addresses, so that the last header is the one to be taken.
  if (notes === undefined || kindOf(notes) !== note) throw unusable('the last segment is not that of the notes');
  const ends = headers
    .filter((header) => kindOf(header) === loadable)
    .map((header) => view.getBigUint64(header + 16, true) + view.getBigUint64(header + 40, true));
  const segment = encodeGate(architecture, entry);
  const offset = Math.ceil(program.byteLength / pageBytes) * pageBytes;
  const address = roundUp(ends.reduce((a, b) => (a > b ? a : b), 0n)) + BigInt(pageBytes);

  const gated = new Uint8Array(offset + segment.byteLength);
  gated.set(program);
  gated.set(segment, offset);
  const written = new DataView(gated.buffer);
  written.setBigUint64(24, address, true);
  written.setUint32(notes, loadable, true);
  written.setUint32(notes + 4, readable | executable, true);
  const sizes = [
    BigInt(offset),
    address,
    address,
    BigInt(segment.byteLength),
    BigInt(segment.byteLength),
    BigInt(pageBytes),
  ];
  for (const [at, value] of sizes.entries()) written.setBigUint64(notes + 8 + at * 8, value, true);
  return gated;
}

/** The code, where it goes on, and the words that variables may begin with, each ended by a zero byte, all by another. */
function encodeGate(architecture: GatedArchitecture, entry: bigint): Uint8Array {
  const gate = Buffer.concat([
    Buffer.from(code[architecture], 'hex'),
    Buffer.from(`${allowedVariables.join('\0')}\0\0`, 'latin1'),
  ]);
  gate.writeBigUInt64LE(entry, code[architecture].length / 2 - 8);
  return gate;
}

function roundUp(address: bigint): bigint {
  const page = BigInt(pageBytes);
  return ((address + page - 1n) / page) * page;
}

function unusable(problem: string): Fault {
  return new Fault('standalone.elf', `Cannot gate the environment of this program: ${problem}`);
}
