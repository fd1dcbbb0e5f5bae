export { type FlatcarLicense, parseFlatcarLicenses } from './flatcar-licenses.ts';
