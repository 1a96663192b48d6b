/** Which inputs of which reader come when: each reader its share all along, so that a run may end at any time. */

/** Inputs that a worker takes at once, of readers of weight 1 and more. */
export const leaseSize = 64;

export interface Lease {
  readonly reader: string;
  readonly from: number;
  readonly count: number;
}

/**
 * Leases in turns by weight. They follow from the readers and their weights alone.
 *
 * @param skip inputs that were done before
 * @param total inputs in all
 */
export function* leases(
  readers: readonly { readonly name: string; readonly weight?: number }[],
  skip: number,
  total: number,
): Generator<Lease> {
  const states = readers.map(({ name, weight = 1 }) => {
    // Those of small weight take few at once: so their turn comes early too.
    const size = Math.max(1, Math.round(leaseSize * Math.min(1, weight)));
    return { name, weight, size, done: 0 };
  });
  const dueAt = ({ done, size, weight }: (typeof states)[number]): number => (done + size) / weight;
  for (let at = 0; at < skip + total; ) {
    const next = states.reduce((a, b) => (dueAt(b) < dueAt(a) ? b : a));
    const count = Math.min(next.size, skip + total - at);
    // The first may begin within a lease.
    const before = Math.min(count, Math.max(0, skip - at));
    if (before < count) yield { reader: next.name, from: next.done + before, count: count - before };
    next.done += count;
    at += count;
  }
}
