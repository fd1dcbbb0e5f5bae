import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-LB75KKS7.js";import"./chunk-5R7GFXVT.js";import"./chunk-KOG3DUGU.js";import"./chunk-IHNAGODS.js";import"./chunk-WZCDYSU4.js";import"./chunk-YQNKK32D.js";import"./chunk-VNC3Y2DC.js";import"./chunk-PR3YB7DS.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
