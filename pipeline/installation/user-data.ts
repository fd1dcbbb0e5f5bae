/** Where a machine is given its document at its first boot, and how much of one it takes there. */
export const userDataRooms = [
  { place: 'EC2', bytes: 16 * 1024 },
  // Nova's 65,535 bytes are those of the base64 that the document is sent in.
  { place: 'OpenStack', bytes: Math.floor(65_535 / 4) * 3 },
  { place: 'Azure', bytes: 64 * 1024 },
  { place: 'GCE', bytes: 256 * 1024 },
] as const;

export type UserDataRoom = { readonly place: string; readonly bytes: number; readonly fits: boolean };

/** Where a document of a size fits. */
export function judgeUserData(sizeBytes: number): readonly UserDataRoom[] {
  return userDataRooms.map(({ place, bytes }) => ({ place, bytes, fits: sizeBytes <= bytes }));
}
