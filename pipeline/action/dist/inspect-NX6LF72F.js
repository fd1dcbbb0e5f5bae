import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-3GTX5VSY.js";import"./chunk-GIMECXZ4.js";import"./chunk-PQNPIZJL.js";import"./chunk-SUO2LK53.js";import"./chunk-JYH4B7GM.js";import"./chunk-ZZUQQ63T.js";import"./chunk-2V54QS7K.js";import"./chunk-3V3MPAEE.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
