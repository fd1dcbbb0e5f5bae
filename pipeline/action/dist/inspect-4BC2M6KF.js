import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-LYQUCNGK.js";import"./chunk-7AKWBIZI.js";import"./chunk-JMKUUYNJ.js";import"./chunk-6KKWRTPZ.js";import"./chunk-DB3LAS7D.js";import"./chunk-DURTTIBZ.js";import"./chunk-KXZJCJDR.js";import"./chunk-UA34TFWW.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
