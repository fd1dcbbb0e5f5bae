import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-COJSEQCN.js";import"./chunk-QD56BS3K.js";import"./chunk-I6KI4IVC.js";import"./chunk-CTROALX3.js";import"./chunk-K5WKAXYC.js";import"./chunk-CK4Q7BZM.js";import"./chunk-3NYYX3EX.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
