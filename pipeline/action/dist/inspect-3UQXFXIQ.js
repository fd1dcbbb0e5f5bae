import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-PQCYTRIE.js";import"./chunk-4S7WDGRQ.js";import"./chunk-JFW2VTGY.js";import"./chunk-WYMDJA5E.js";import"./chunk-ZJ4VM5XG.js";import"./chunk-P4OEHLC3.js";import"./chunk-7HQBP47R.js";import"./chunk-62AXULU3.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
