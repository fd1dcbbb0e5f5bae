// Recomputes the verity root hash of a partition and compares its stored tree: what `inspect` does to it, alone.
//   node verity-root.ts PARTITION HASH-OFFSET
import { openFileSource } from '../../../pipeline/edge/files/index.ts';
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { readVeritySuperblock, verifyVerityTree, verityTreeOffset } from '../../../pipeline/formats/verity/index.ts';

const [path = '', hashOffset = '0'] = process.argv.slice(2);
using source = openFileSource(path);
const parameters = readVeritySuperblock(source, Number(hashOffset));
const { rootHash, storedTree } = await verifyVerityTree({
  parameters,
  data: source,
  hashes: source,
  treeOffset: verityTreeOffset(Number(hashOffset), parameters.hashBlockSizeBytes),
  hashLeaves: openHashingPool().hashLeaves,
});
console.log(`${rootHash} ${JSON.stringify(storedTree)}`);
