import { join } from 'node:path';
import { limits } from '../../../pipeline/core/index.ts';
import { asked, nextStatement, RefreshedNode, sign } from '../../cli/refreshed-node.ts';
import { stranger } from '../../policy/red-team-release.ts';
import type { BenchCase } from '../case.ts';
import { bundleCli, findProblem } from '../tools.ts';

const MiB = 1024 * 1024;

/** A refresh from a store that offers what fills a memory: bundles as large as are read, well-formed, by a stranger. */
const trustRefresh: BenchCase = {
  name: 'trust-refresh',
  rounds: 3,
  prepare(scratch) {
    const node = new RefreshedNode(scratch);
    node.writePolicy({ issuedAt: '2020-01-01T00:00:00Z', expiresAt: '2099-01-01T00:00:00Z' });
    node.writePack({ expiresAt: null });
    const filling = 'x'.repeat((limits.refreshBundleBytes / 4) * 3 - 8192);
    const offered = Array.from({ length: 27 }, (_, at) =>
      sign(stranger, { ...nextStatement, predicate: { at, filling } }),
    );
    node.offer(offered, Object.values(asked));
    const argv = [
      ...bundleCli(scratch),
      'trust',
      'refresh',
      `--policy=${join(scratch, 'policy.yaml')}`,
      `--trust-pack=${node.packPath}`,
      `--root=${join(scratch, 'root')}`,
      `--from=directory:${join(scratch, 'store')}`,
    ];
    const problem = findProblem(argv, 'signature.no-key');
    if (problem !== undefined) return { failed: `nodeproof trust refresh: ${problem}` };
    return {
      ours: { name: 'nodeproof trust refresh', argv },
      bars: [
        { measure: 'rssBytes', atMost: 400 * MiB, of: 'itself' },
        { measure: 'wallSeconds', atMost: 15, of: 'itself' },
      ],
    };
  },
};

export default trustRefresh;
