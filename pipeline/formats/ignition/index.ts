export { type Entry, type Fragment, type FragmentUnit, listEntries, type Spelling } from './fragment.ts';
export { encodeIgnition, enfoldIgnition, mergeIgnition, type MergedDocument } from './ignition.ts';
export { addEntries, type Addition, planMerge } from './merge.ts';
export { inlineResource, remoteResource, type Resource } from './resource.ts';
