import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-GJCG3LH3.js";import"./chunk-EI6THTLK.js";import"./chunk-S565TLEM.js";import"./chunk-5OPXZKTV.js";import"./chunk-JX5HK5SU.js";import"./chunk-FENR7FSY.js";import"./chunk-KXZJCJDR.js";import"./chunk-JEV6XPEM.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
