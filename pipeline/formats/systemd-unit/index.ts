export { parseUnitFile, splitCommand, splitWords, type UnitSetting } from './systemd-unit.ts';
