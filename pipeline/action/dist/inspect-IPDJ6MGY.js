import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-2FTNLP5T.js";import"./chunk-7N2KJ5ZS.js";import"./chunk-Q34IIG6Z.js";import"./chunk-UCJITU4A.js";import"./chunk-FVUJSIWQ.js";import"./chunk-CW6Z5HGT.js";import"./chunk-KXPSMXKT.js";import"./chunk-I6RLIENL.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
