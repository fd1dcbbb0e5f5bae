// Prints the SHA-256 of files, one after the other: node sha256.ts FILE…
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';

await using pool = openHashingPool();
for (const path of process.argv.slice(2)) {
  const [digest] = await pool.digestFile(path, ['sha256']);
  console.log(digest?.hex);
}
