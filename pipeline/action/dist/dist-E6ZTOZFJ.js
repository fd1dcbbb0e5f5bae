import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-SHLS5V6M.js";import"./chunk-LMWJ76UO.js";export default a();
