export { parseUnitFile, splitCommand, type UnitSetting } from './systemd-unit.ts';
