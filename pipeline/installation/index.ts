export { buildFragment, type NodePayload } from './fragment.ts';
export {
  dropInName,
  type Installation,
  type InstallationSettings,
  type InstalledDirectory,
  type InstalledFile,
  type InstalledLink,
  listInstallation,
  payload,
} from './installation.ts';
export { dropInPath, isOwnDropIn, isOwnUnit, ownUnits, requiredUnits, startingLinks } from './own-units.ts';
export { home, places, unitDirectory } from './places.ts';
export { judgeUserData, type UserDataRoom } from './user-data.ts';
export { mergingUnits, unitHeader } from './units.ts';
