import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-I4SFV2FS.js";import"./chunk-ZWK6A4LE.js";import"./chunk-2WSNBMRH.js";import"./chunk-QHLTDX57.js";import"./chunk-VHVNIGXV.js";import"./chunk-F22D24P4.js";import"./chunk-EXXKYN3D.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
