export { type SealedImage, sealSysext, type SealOptions, type Segment } from './seal.ts';
