import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-W4R5NSGZ.js";import"./chunk-H6UG7PSG.js";import"./chunk-SNRGBZVT.js";import"./chunk-DVO4XRPX.js";import"./chunk-364KQBU2.js";import"./chunk-22YP35SG.js";import"./chunk-KXZJCJDR.js";import"./chunk-5AVXPNVW.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
