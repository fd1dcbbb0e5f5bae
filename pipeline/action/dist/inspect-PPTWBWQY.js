import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-TGC7IFZ5.js";import"./chunk-MC3PZYZS.js";import"./chunk-4HPH7BVG.js";import"./chunk-JVARIF4W.js";import"./chunk-M3LRMJUA.js";import"./chunk-63SPSFFR.js";import"./chunk-IU4SK6GQ.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
