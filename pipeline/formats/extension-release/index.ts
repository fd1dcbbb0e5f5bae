export {
  type ExtensionClass,
  type ExtensionRelease,
  type ExtensionScope,
  parseExtensionRelease,
} from './extension-release.ts';
export { type ExtensionHost, judgeExtensionRelease } from './match.ts';
export {
  type ExtensionReleaseFile,
  listExtensionReleases,
  type PlacedExtensionRelease,
  readExtensionRelease,
} from './place.ts';
