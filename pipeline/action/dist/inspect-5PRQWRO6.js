import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a}from"./chunk-Q762LKEB.js";import"./chunk-W7JLDMLQ.js";import"./chunk-Q34IIG6Z.js";import"./chunk-PCLU3CK3.js";import"./chunk-FVUJSIWQ.js";import"./chunk-ECR7JNXE.js";import"./chunk-KXPSMXKT.js";import"./chunk-I6RLIENL.js";import"./chunk-LMWJ76UO.js";export{a as runInspect};
