export { parseFlatcarLicenses } from './flatcar-licenses.ts';
