import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
var[n=0]=process.versions.node.split(".").map(Number);n>=24?await r():s();async function r(){let{runAction:e}=await import("./program-QCLL2IML.js");process.exitCode=await e({directory:process.env.GITHUB_WORKSPACE??process.cwd(),environment:process.env,now:()=>new Date,write:o=>{process.stdout.write(o)}})}function s(){process.stdout.write(`::error title=nodeproof usage.node::Cannot run on Node ${process.versions.node}: want 24%0Anext: Update the runner to 2.334 or newer
`),process.exitCode=2}
