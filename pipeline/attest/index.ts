export {
  type Hashing,
  inspectFile,
  type Inspection,
  type InspectionOptions,
  type NestedInspection,
  type NodeImageInspection,
  type SuperblockFacts,
  type SysextInspection,
} from './inspection.ts';
