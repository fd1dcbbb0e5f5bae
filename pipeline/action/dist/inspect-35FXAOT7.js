import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-N35EBNHH.js";import"./chunk-SK4FXW7O.js";import"./chunk-VBMLNZUN.js";import"./chunk-P4JDZKUP.js";import"./chunk-AVS3OTLQ.js";import"./chunk-43XIQF47.js";import"./chunk-YJ3AQNQ4.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
