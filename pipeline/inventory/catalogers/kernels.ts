import type { PathCataloger } from '../cataloger.ts';
import { buildComponent, type Component, type Evidence } from '../component.ts';
import type { Digest } from '../../core/index.ts';
import { renderPurl } from '../purl.ts';

/** A kernel's release, as uname(2) tells it and depmod(8) names directories: `6.12.102-flatcar`. */
const modulesDirectory = /^\/usr\/lib\/modules\/(\d+\.\d+[\w.+~-]{0,100})$/;
const kernelFile = /^\/usr\/lib\/modules\/(\d+\.\d+[\w.+~-]{0,100})\/vmlinuz$/;

/** Kernels, by their directory of modules and the kernel file where a distribution keeps it there. */
export const kernels: PathCataloger = {
  looksAt: 'paths',
  name: 'kernels',
  catalog(path, digest) {
    const release = (digest === null ? modulesDirectory : kernelFile).exec(path)?.[1];
    return release === undefined ? [] : [buildKernel(release, { path, technique: 'filename' }, digest)];
  },
};

/** A Linux kernel of a release, for a kernel that stands outside the tree, too. */
export function buildKernel(release: string, evidence: Evidence, digest: Digest | null): Component {
  const version = /^\d+\.\d+(?:\.\d+)?/.exec(release)?.[0] ?? release;
  return buildComponent({
    kind: 'kernel',
    key: `kernel:${release}`,
    name: 'linux-kernel',
    version: release,
    purl: renderPurl({ type: 'generic', name: 'linux-kernel', version: release }),
    cpe: /^[\d.]+$/.test(version) ? `cpe:2.3:o:linux:linux_kernel:${version}:*:*:*:*:*:*:*` : null,
    digest,
    evidence: [evidence],
  });
}
