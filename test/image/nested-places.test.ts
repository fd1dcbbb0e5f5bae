import { describe, expect, it } from 'vitest';
import { limits } from '../../pipeline/core/index.ts';
import type { FileTree } from '../../pipeline/formats/file-tree/index.ts';
import { findNestedFiles, type NodeImage, placeTree } from '../../pipeline/image/index.ts';
import { buildMemoryTree, type MemoryEntry } from '../support/memory-tree.ts';

type Entries = Readonly<Record<string, MemoryEntry>>;

/** A node image of which only the file systems matter. */
function imageOf(usr: Entries, root: Entries | null = null, oem: Entries | null = null): NodeImage {
  const open = (entries: Entries | null): FileTree | null => (entries === null ? null : buildMemoryTree(entries));
  const tree = placeTree(buildMemoryTree(usr), 'usr');
  return { usr: { tree }, root: open(root), oem: open(oem) } as unknown as NodeImage;
}

const link = (target: string) => ({ target });
const flatcar = {
  '/share/flatcar/sysext/docker-flatcar.raw': 'docker',
  '/share/flatcar/sysext/containerd-flatcar.raw': 'containerd',
  '/share/flatcar/etc/extensions/docker-flatcar.raw': link('/usr/share/flatcar/sysext/docker-flatcar.raw'),
  '/share/flatcar/etc/extensions/containerd-flatcar.raw': link('../../sysext/containerd-flatcar.raw'),
} satisfies Entries;
const statesOf = (image: NodeImage) => findNestedFiles(image).files.map(({ name, state, path }) => [name, state, path]);

describe('the extensions inside a node image', () => {
  it('are those that the links of /etc lead to, each once', () => {
    expect(statesOf(imageOf(flatcar))).toEqual([
      ['containerd-flatcar', 'merged', '/usr/share/flatcar/sysext/containerd-flatcar.raw'],
      ['docker-flatcar', 'merged', '/usr/share/flatcar/sysext/docker-flatcar.raw'],
    ]);
  });

  it('have the name of the link in a baked image, and the path of the file', () => {
    const root = {
      '/etc/extensions/kubernetes.raw': link('/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw'),
      '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw': 'kubernetes',
    };
    expect(statesOf(imageOf({}, root))).toEqual([
      ['kubernetes', 'merged', '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw'],
    ]);
  });

  it('are masked by a link to /dev/null, and by an empty directory, in an earlier directory', () => {
    const root = {
      '/etc/extensions/docker-flatcar.raw': link('/dev/null'),
      '/etc/extensions/containerd-flatcar': { kind: 'directory' as const },
    };
    expect(statesOf(imageOf(flatcar, root))).toEqual([
      ['containerd-flatcar', 'masked', '/usr/share/flatcar/sysext/containerd-flatcar.raw'],
      ['docker-flatcar', 'masked', '/usr/share/flatcar/sysext/docker-flatcar.raw'],
    ]);
  });

  it('are hidden by another of their name in an earlier directory', () => {
    const image = imageOf(
      { ...flatcar, '/lib/extensions/docker-flatcar.raw': 'third' },
      { '/etc/extensions/docker-flatcar.raw': 'mine' },
    );
    expect(statesOf(image)).toEqual([
      ['docker-flatcar', 'merged', '/etc/extensions/docker-flatcar.raw'],
      ['containerd-flatcar', 'merged', '/usr/share/flatcar/sysext/containerd-flatcar.raw'],
      ['docker-flatcar', 'hidden', '/usr/share/flatcar/sysext/docker-flatcar.raw'],
      ['docker-flatcar', 'hidden', '/usr/lib/extensions/docker-flatcar.raw'],
    ]);
  });

  it('of an OEM are not merged by themselves, but where ROOT links to them', () => {
    const oem = { '/sysext/oem-azure-4593.2.5.raw': 'azure', '/sysext/tools.raw': 'tools' };
    const root = { '/etc/extensions/tools.raw': link('/oem/sysext/tools.raw') };
    expect(statesOf(imageOf({}, root, oem))).toEqual([
      ['tools', 'merged', '/oem/sysext/tools.raw'],
      ['oem-azure-4593.2.5', 'oem', '/oem/sysext/oem-azure-4593.2.5.raw'],
    ]);
  });

  it('include configuration extensions, under names of their own', () => {
    const image = imageOf({
      '/lib/confexts/00-flatcar-default.raw': 'default',
      '/lib/extensions/00-flatcar-default.raw': 'x',
    });
    expect(statesOf(image)).toEqual([
      ['00-flatcar-default', 'merged', '/usr/lib/extensions/00-flatcar-default.raw'],
      ['00-flatcar-default', 'merged', '/usr/lib/confexts/00-flatcar-default.raw'],
    ]);
  });

  it('that are directories are told apart: they have no digest', () => {
    const root = {
      '/var/lib/extensions/my-tools/usr/bin/tool': 'x',
      '/etc/extensions/other': link('/opt/other'),
      '/opt/other/usr/a': '',
    };
    expect(findNestedFiles(imageOf(flatcar, root)).directories).toEqual(['/opt/other', '/var/lib/extensions/my-tools']);
  });

  it('are no files of other names, dangling links, links in a circle or links to nowhere known', () => {
    const root = {
      '/etc/extensions/README': 'text',
      '/etc/extensions/gone.raw': link('/opt/gone.raw'),
      '/etc/extensions/a.raw': link('/etc/extensions/b.raw'),
      '/etc/extensions/b.raw': link('/etc/extensions/a.raw'),
      '/etc/extensions/self.raw': link('self.raw'),
      '/etc/extensions/out.raw': link('/usr/../../../etc/passwd'),
      '/etc/extensions/oem.raw': link('/oem/x.raw'),
    };
    const attempt = () => statesOf(imageOf({}, root));
    try {
      expect(attempt()).toEqual([]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'limit.symlinks' });
    }
  });

  it('are refused where there are more than a limit, or more bytes', () => {
    const many = Object.fromEntries(
      Array.from({ length: limits.nestedImages + 1 }, (_, number) => [`/lib/extensions/${number}.raw`, 'x']),
    );
    expect(() => findNestedFiles(imageOf(many))).toThrow(
      expect.objectContaining({ code: 'limit.nested-images' }) as Error,
    );
  });
});
