export { imagePartition, type ImagePolicy, parseImagePolicy } from './image-policy.ts';
