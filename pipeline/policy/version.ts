/** Compares dotted versions number by number, missing parts as 0; undefined where one is not of that form. */
export function compareVersions(left: string, right: string): number | undefined {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  if (a === undefined || b === undefined) return undefined;
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** A version that does not compare is below any floor. */
export function isBelowFloor(version: string | null, floor: string): boolean {
  return (compareVersions(version ?? '', floor) ?? -1) < 0;
}

function numbersOf(version: string): readonly number[] | undefined {
  return /^\d{1,9}(?:\.\d{1,9}){0,5}$/.test(version) ? version.split('.').map(Number) : undefined;
}
