import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
import{c as t}from"./chunk-VNC3Y2DC.js";var n="\r\x1B[2K";function l(e,i){if(!e.stderr.isTerminal)return{tell:()=>{},end:()=>{},[Symbol.dispose]:()=>{}};let r=s=>e.stderr.write(`${n}\u2026 ${t(s)}`),o=()=>e.stderr.write(n);return r(i),{tell:r,end:o,[Symbol.dispose]:o}}export{l as a};
