export { listProgramPaths, parseCommands, type UnitCommand } from './command-line.ts';
export { listEffective, listValues } from './effective-settings.ts';
export { listUnverifiedTransfers } from './transfers.ts';
export { listAliases, type PlacedSetting, readConfiguration, readUnit, type Unit, type UnitAliases } from './unit.ts';
export { type PlacedUnitFile, type UnitTree } from './unit-tree.ts';
