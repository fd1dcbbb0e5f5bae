export { ByteReader, decodeFileName, decodeUtf8 } from './bytes.ts';
export { canonicalText, encodeCanonicalJson, type Json } from './canonical-json.ts';
export { Digest, type DigestAlgorithm } from './digest.ts';
export { exit, type Exit, exitOf, worstExit } from './exit.ts';
export { Fault, type FaultCode, type FaultOptions, unreachable, within, withinAsync } from './fault.ts';
export {
  type Checked,
  type Finding,
  type Grade,
  grades,
  lowerGrade,
  meetsGrade,
  type Reason,
  type Waiver,
} from './finding.ts';
export { limits } from './limits.ts';
export { lendBytes, openScratch, readScoped, releaseBytes, scopeBytes, type ScopedBytes } from './memory.ts';
export { checkRange, memorySource, type Source, type SourceLocation, sliceSource } from './source.ts';
export { decide, type Judgement, type Verdict } from './verdict.ts';
export { compareText } from './order.ts';
export { customUuid, encodeUuid, formatUuid } from './uuid.ts';
