import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { BenchCase } from '../case.ts';
import {
  bundleCli,
  bundleProgram,
  findTool,
  findTrueSizeFile,
  hasCommand,
  makeTrueSize,
  nodeProgram,
  runForOutput,
} from '../tools.ts';

const programs = [
  'usr/bin/kubelet',
  'usr/bin/kubectl',
  'usr/bin/kubeadm',
  'usr/local/bin/cni/bridge',
  'usr/local/bin/cni/host-local',
];

/** A set of a node image and five extensions, each of one Go program, attested with a key. */
const attest: BenchCase = {
  name: 'attest',
  rounds: 3,
  prepare(scratch) {
    const image = findTrueSizeFile('flatcar_production_image.bin');
    const tree = findTrueSizeFile('kubernetes');
    const mksquashfs = findTool('mksquashfs');
    if (image === undefined || tree === undefined) return { skipped: makeTrueSize };
    if (mksquashfs === undefined) return { skipped: 'mksquashfs is not installed (Debian: squashfs-tools)' };
    if (!hasCommand('attest')) return { skipped: 'there is no `nodeproof attest` yet' };
    const sysexts = programs.map((program) => makeSysext(scratch, mksquashfs, join(tree, program)));
    const out = join(scratch, 'release');
    const options = ['--image', image, '--sysext', ...sysexts, '--name', 'bench', '--key', makeKey(scratch)];
    const ours = [...bundleCli(scratch), 'attest', ...options, '--out', out];
    runForOutput(ours);
    const written = new Set(readdirSync(out));
    const lacking = sysexts.map((path) => `${basename(path)}.sbom.sigstore.json`).filter((name) => !written.has(name));
    if (lacking.length > 0) return { failed: `nodeproof attest wrote no ${lacking.join(', ')}` };
    return {
      ours: { name: 'nodeproof attest of an 8 GiB image and 5 extensions, bundled', argv: ours },
      yardstick: {
        name: 'reading, decompressing and hashing the same once',
        argv: bundleProgram(scratch, 'test/bench/programs/read-and-hash.ts', image, ...sysexts),
      },
      bars: [{ measure: 'wallSeconds', atMost: 1.15, of: 'yardstick' }],
      beforeEach: () => rmSync(out, { recursive: true, force: true }),
      details: {
        name: 'stages',
        argv: nodeProgram('test/bench/programs/attest-stages.ts', image, ...sysexts),
      },
    };
  },
};

export default attest;

function makeSysext(scratch: string, mksquashfs: string, program: string): string {
  const name = basename(program);
  const tree = join(scratch, `${name}.tree`);
  const image = join(scratch, `${name}.raw`);
  const releases = join(tree, 'usr/lib/extension-release.d');
  mkdirSync(releases, { recursive: true });
  writeFileSync(join(releases, `extension-release.${name}`), 'ID=_any\n');
  cpSync(program, join(tree, 'usr/bin', name));
  const compression = ['-comp', 'zstd', '-Xcompression-level', '3'];
  runForOutput([mksquashfs, tree, image, '-all-root', '-noappend', '-quiet', '-no-progress', ...compression]);
  rmSync(tree, { recursive: true });
  return image;
}

function makeKey(scratch: string): string {
  const path = join(scratch, 'key.pem');
  writeFileSync(path, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return path;
}
