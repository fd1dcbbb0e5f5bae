import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-5JNTKP5K.js";import"./chunk-QZOUZDYV.js";import"./chunk-B6YYKVPY.js";import"./chunk-4ZOMFCFL.js";import"./chunk-63CLKLM6.js";import"./chunk-WAAOPM3B.js";import"./chunk-2GFDGJGT.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
