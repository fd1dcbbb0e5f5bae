// Prints the SHA-256 of a file: node sha256.ts FILE
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';

const [digest] = await openHashingPool().digestFile(process.argv[2] ?? '', ['sha256']);
console.log(digest?.hex);
