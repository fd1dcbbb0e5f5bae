import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
function o(e){return e.replaceAll(/[|<>`*_[\]\\\p{Cc}\u2028\u2029]/gu,n=>/[\p{Cc}\u2028\u2029]/u.test(n)?" ":`\\${n}`)}function p(e,n){let r=Math.max(2,...[...n.matchAll(/`+/g)].map(([c])=>c.length)),t="`".repeat(r+1);return`${t}${e}
${n}
${t}`}function u(e){return`\`${e.replaceAll(/[`|\p{Cc}\u2028\u2029]/gu," ")}\``}export{o as a,p as b,u as c};
