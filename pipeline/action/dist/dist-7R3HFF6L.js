import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{c as a}from"./chunk-UL4O6L3G.js";import"./chunk-LMWJ76UO.js";export default a();
