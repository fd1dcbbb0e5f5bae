export { type EbuildPackage, parseEbuildPackage } from './ebuild-package.ts';
