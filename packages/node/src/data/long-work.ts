/** Lets timers, signals and other requests have their turn between two pieces of computation. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Does something with each of some items, a few at a time, begun in their order.
 *
 * @throws what `work` throws first; no other item is begun then
 */
export async function someAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, place: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let isStopped = false;
  const takeTurns = async (): Promise<void> => {
    while (!isStopped && next < items.length) {
      const place = next++;
      try {
        await work(items[place]!, place);
      } catch (error) {
        isStopped = true;
        throw error;
      }
    }
  };
  const turns = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, takeTurns));
  const failure = turns.find((turn) => turn.status === "rejected");
  if (failure) throw failure.reason;
}
