export { type Hashing, readInventory, readSysextContent, withSha256 } from './hashing.ts';
export {
  inspectFile,
  type Inspection,
  type InspectionOptions,
  isConsistent,
  type NestedInspection,
  type NodeImageInspection,
  type SuperblockFacts,
  type SysextInspection,
} from './inspection.ts';
