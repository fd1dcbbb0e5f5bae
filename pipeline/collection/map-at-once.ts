/** Maps with so many steps under way at once, in the order of the items. */
export async function mapAtOnce<T, U>(
  atOnce: number,
  items: readonly T[],
  step: (item: T) => Promise<U>,
): Promise<U[]> {
  const results: U[] = [];
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [at, item] of queue) results[at] = await step(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  return results;
}
