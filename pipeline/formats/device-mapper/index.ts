export { parseDeviceMapper, parseVerityTarget, type Target, type VerityTarget } from './device-mapper.ts';
