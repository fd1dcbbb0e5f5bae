/** Type GUIDs that tell what a partition is for; labels and offsets do not. */
export const partitionType = Object.freeze({
  /** UEFI specification §5.3.3, table 5-7. */
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  /** Flatcar, build_library/disk_layout.json: USR-A and USR-B ("flatcar-rootfs"), and ROOT ("flatcar-resize"). */
  flatcarUsr: '5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6',
  flatcarRoot: '3884dd41-8582-4404-b9a8-e9b84f2df50e',
});

export type DiscoverableType = {
  readonly typeGuid: string;
  readonly tree: 'root' | 'usr';
  readonly architecture: 'x86-64' | 'arm64';
  readonly part: 'data' | 'verity' | 'verity-signature';
};

/** UAPI Group, Discoverable Partitions Specification: what the partitions of a disk image are to systemd. */
export const discoverableTypes: readonly DiscoverableType[] = Object.freeze(
  (
    [
      ['4f68bce3-e8cd-4db1-96e7-fbcaf984b709', 'root', 'x86-64', 'data'],
      ['2c7357ed-ebd2-46d9-aec1-23d437ec2bf5', 'root', 'x86-64', 'verity'],
      ['41092b05-9fc8-4523-994f-2def0408b176', 'root', 'x86-64', 'verity-signature'],
      ['b921b045-1df0-41c3-af44-4c6f280d3fae', 'root', 'arm64', 'data'],
      ['df3300ce-d69f-4c92-978c-9bfb0f38d820', 'root', 'arm64', 'verity'],
      ['6db69de6-29f4-4758-a7a5-962190f00ce3', 'root', 'arm64', 'verity-signature'],
      ['8484680c-9521-48c6-9c11-b0720656f69e', 'usr', 'x86-64', 'data'],
      ['77ff5f63-e7b6-4633-acf4-1565b864c0e6', 'usr', 'x86-64', 'verity'],
      ['e7bb33fb-06cf-4e81-8273-e543b413e2e2', 'usr', 'x86-64', 'verity-signature'],
      ['b0e01050-ee5f-4390-949a-9101b17104e9', 'usr', 'arm64', 'data'],
      ['6e11a4e7-fbca-4ded-b9e9-e1a512bb664e', 'usr', 'arm64', 'verity'],
      ['c23ce4ff-44bd-4b00-b2d4-b41b3419e02a', 'usr', 'arm64', 'verity-signature'],
    ] as const
  ).map(([typeGuid, tree, architecture, part]) => Object.freeze({ typeGuid, tree, architecture, part })),
);
