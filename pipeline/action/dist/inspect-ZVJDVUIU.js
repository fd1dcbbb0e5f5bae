import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-EBDFHPEM.js";import"./chunk-MC3PZYZS.js";import"./chunk-XCFX4V5N.js";import"./chunk-JVARIF4W.js";import"./chunk-M3LRMJUA.js";import"./chunk-2AOWOFSU.js";import"./chunk-KXZJCJDR.js";import"./chunk-IU4SK6GQ.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
