import { join } from 'node:path';
import type { BenchCase } from '../case.ts';
import { bundleCli, findProblem, findTool, findTrueSizeFile, hasCommand, makeTrueSize } from '../tools.ts';

/** We read the packed sysext, syft the tree it was made of: it cannot open squashfs. */
const sbom: BenchCase = {
  name: 'sbom',
  rounds: 5,
  prepare(scratch) {
    const sysext = findTrueSizeFile('kubernetes.raw');
    const tree = findTrueSizeFile('kubernetes');
    const syft = findTool('syft');
    if (sysext === undefined || tree === undefined) return { skipped: makeTrueSize };
    if (syft === undefined) return { skipped: 'no syft: build it and set PEERS_DIR' };
    if (!hasCommand('sbom')) return { skipped: 'there is no `nodeproof sbom` yet' };
    const argv = [...bundleCli(scratch), 'sbom', sysext];
    const problem = findProblem(argv, 'pkg:golang/');
    if (problem !== undefined) return { failed: `nodeproof sbom ${sysext}: ${problem}` };
    return {
      ours: { name: 'nodeproof sbom of kubernetes.raw', argv },
      yardstick: {
        name: 'syft of the unpacked tree',
        argv: [
          '/usr/bin/env',
          'SYFT_CHECK_FOR_APP_UPDATE=false',
          syft,
          'scan',
          '-q',
          `dir:${tree}`,
          '-o',
          `cyclonedx-json=${join(scratch, 'syft.json')}`,
        ],
      },
      bars: [
        { measure: 'wallSeconds', atMost: 0.6, of: 'yardstick' },
        { measure: 'rssBytes', atMost: 300 * 1024 * 1024, of: 'itself' },
      ],
    };
  },
};

export default sbom;
