/** What a mount's place in the table is told by. */
type Mounted = { readonly id: number; readonly parentId: number; readonly mountPoint: string };
type Located = Mounted & { readonly device: string; readonly root: string };

/**
 * The mounts of one mount point from the lowest to the uppermost, by their parents: a mount over another has that one as
 * its parent. The order of the lines says nothing since Linux 6.8, which sorts them by age.
 */
export function stackMounts<M extends Mounted>(mounts: readonly M[], mountPoint: string): readonly M[] {
  const here = mounts.filter((mount) => mount.mountPoint === mountPoint);
  const ids = new Set(here.map((mount) => mount.id));
  const children = Map.groupBy(here, (mount) => mount.parentId);
  const stack = new Set<M>();
  let level = here.filter((mount) => !ids.has(mount.parentId));
  while (level.length > 0) {
    const fresh = level.filter((mount) => !stack.has(mount));
    for (const mount of fresh) stack.add(mount);
    level = fresh.flatMap((mount) => children.get(mount.id) ?? []);
  }
  // Parents in a circle: no kernel prints that, and nothing of it may be passed over.
  return [...stack, ...here.filter((mount) => !stack.has(mount))];
}

/** Whether a mount is what systemd-sysext or systemd-confext mount: an overlay whose source is their word. */
export function isMerge(
  mount: { readonly fileSystem: string; readonly source: string },
  word: 'sysext' | 'confext',
): boolean {
  return mount.fileSystem === 'overlay' && mount.source === word;
}

/**
 * Tells for a path what it is on: the device, and the path inside its file system. As the kernel looks a path up: from the
 * root down, at each directory into what is mounted there on the mount that was reached.
 */
export function locateOn(mounts: readonly Located[]): (path: string) => string | undefined {
  const children = new Map<string, Located>();
  for (const mount of mounts)
    if (mount.id !== mount.parentId) children.set(`${mount.parentId} ${mount.mountPoint}`, mount);
  const root = stackMounts(mounts, '/').at(-1);
  const enter = (mount: Located, place: string) => {
    let top = mount;
    // No more steps than there are mounts: parents in a circle end here, too.
    for (let steps = 0; steps < mounts.length; steps++) {
      const over = children.get(`${top.id} ${place}`);
      if (over === undefined) break;
      top = over;
    }
    return top;
  };
  return (path) => {
    if (root === undefined) return undefined;
    let mount = root;
    const parts = path.split('/').filter((part) => part !== '');
    for (const at of parts.keys()) mount = enter(mount, `/${parts.slice(0, at + 1).join('/')}`);
    const inside = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
    return `${mount.device} ${`${mount.root}/${inside}`.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')}`;
  };
}
