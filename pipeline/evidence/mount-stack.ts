/** What a mount's place in the table is told by. */
type Mounted = { readonly id: number; readonly parentId: number; readonly mountPoint: string };

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
