export { openFat } from './fat.ts';
