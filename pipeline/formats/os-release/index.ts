export { type Assignments, parseEnvFile } from './env-file.ts';
export { type OsRelease, parseOsRelease } from './os-release.ts';
