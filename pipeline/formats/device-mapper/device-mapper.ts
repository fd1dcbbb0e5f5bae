import { Fault, limits } from '../../core/index.ts';

/** One line of a device-mapper table or status: a target with its parameters as the kernel prints them. */
export type Target = {
  readonly startSector: number;
  readonly sectors: number;
  readonly type: string;
  readonly parameters: readonly string[];
};

/**
 * Parses what `dmsetup table` or `dmsetup status` prints for all devices: `NAME: START LENGTH TYPE PARAMETERS`. Of a device
 * that was made and has no table yet they print the name alone, and it has no targets.
 * Returns the targets of each device by name, in order. Faults: device-mapper.line, limit.mapped-targets.
 */
export function parseDeviceMapper(text: string): ReadonlyMap<string, readonly Target[]> {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && line.trim() !== 'No devices found');
  if (lines.length > limits.mappedTargets)
    throw new Fault(
      'limit.mapped-targets',
      `Cannot read the device-mapper table: ${lines.length} lines, want at most ${limits.mappedTargets}`,
    );
  const devices = new Map<string, Target[]>();
  for (const [at, line] of lines.entries()) {
    const match = /^([^\s:][^\s]*):(?: (\d{1,15}) (\d{1,15}) ([\w.-]+)(?: (.*))?)?$/.exec(line.trimEnd());
    if (match === null)
      throw new Fault(
        'device-mapper.line',
        `Cannot read the device-mapper table: line ${at + 1} is ${JSON.stringify(line.slice(0, 120))}`,
        { where: `line ${at + 1}` },
      );
    const [, name = '', start, sectors, type, parameters = ''] = match;
    const targets = devices.get(name) ?? [];
    if (type !== undefined)
      targets.push({
        startSector: Number(start),
        sectors: Number(sectors),
        type,
        parameters: parameters.split(' ').filter((word) => word !== ''),
      });
    devices.set(name, targets);
  }
  return devices;
}

/** The parameters of a verity target (kernel: Documentation/admin-guide/device-mapper/verity.rst). */
export type VerityTarget = {
  readonly hashType: number;
  readonly dataDevice: string;
  readonly hashDevice: string;
  readonly dataBlockSizeBytes: number;
  readonly hashBlockSizeBytes: number;
  readonly dataBlocks: number;
  readonly hashStartBlock: number;
  readonly algorithm: string;
  readonly rootHash: string;
  /** Hexadecimal; empty for none. */
  readonly salt: string;
  readonly options: readonly string[];
};

/** Reads the parameters of a verity target. Fault: device-mapper.verity. */
export function parseVerityTarget({ type, parameters }: Target): VerityTarget {
  const [
    version,
    dataDevice,
    hashDevice,
    dataBlock,
    hashBlock,
    blocks,
    start,
    algorithm,
    rootHash,
    salt,
    count,
    ...options
  ] = parameters;
  const numbers = [version, dataBlock, hashBlock, blocks, start].map((word) =>
    /^\d{1,15}$/.test(word ?? '') ? Number(word) : Number.NaN,
  );
  const isWhole =
    numbers.every(Number.isSafeInteger) &&
    /^(?:[0-9a-f]{2}){16,64}$/.test(rootHash ?? '') &&
    /^(?:-|(?:[0-9a-f]{2})+)$/.test(salt ?? '');
  const optionsFit =
    count === undefined ? options.length === 0 : /^\d{1,3}$/.test(count) && Number(count) === options.length;
  if (
    type !== 'verity' ||
    !isWhole ||
    !optionsFit ||
    dataDevice === undefined ||
    hashDevice === undefined ||
    algorithm === undefined
  ) {
    throw new Fault(
      'device-mapper.verity',
      `Cannot read the verity target: ${JSON.stringify([type, ...parameters].join(' ').slice(0, 200))}`,
    );
  }
  const [hashType = 0, dataBlockSizeBytes = 0, hashBlockSizeBytes = 0, dataBlocks = 0, hashStartBlock = 0] = numbers;
  return {
    hashType,
    dataDevice,
    hashDevice,
    dataBlockSizeBytes,
    hashBlockSizeBytes,
    dataBlocks,
    hashStartBlock,
    algorithm,
    rootHash: rootHash ?? '',
    salt: salt === '-' ? '' : (salt ?? ''),
    options,
  };
}
