export { type Gpt, type GptProblem, isGpt, openPartition, type Partition, readGpt } from './gpt.ts';
export { type DiscoverableType, discoverableTypes, partitionType } from './partition-types.ts';
export { encodeGpt, gptBackupSectors, gptSectorBytes, type PlannedPartition } from './encode.ts';
