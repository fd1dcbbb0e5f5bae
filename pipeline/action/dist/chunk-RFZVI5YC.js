import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{a as o}from"./chunk-LMEOGU7M.js";import{resolve as i}from"node:path";function f(n,{directory:r,stderr:t}){if(n===void 0)return;let e=o(i(r,n));return e.problem!==null&&t.write(`Note: the digest cache is not used: ${e.problem}
`),e}export{f as a};
