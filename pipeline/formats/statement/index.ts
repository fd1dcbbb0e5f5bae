export { bindingDigests, type DigestSet, digestSetSchema } from './digest-set.ts';
export { type ResourceDescriptor, resourceDescriptorSchema } from './resource-descriptor.ts';
export { parseStatement, type Statement, statementType, type Subject, subjectsOf } from './statement.ts';
