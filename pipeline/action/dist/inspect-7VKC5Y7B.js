import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-EZSK4YJX.js";import"./chunk-TSWAXCZK.js";import"./chunk-NFOO2BAI.js";import"./chunk-MGZ24RIV.js";import"./chunk-DN23RYEQ.js";import"./chunk-3TRSQU6S.js";import"./chunk-2QBXVNEW.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
