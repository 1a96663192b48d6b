/** Answers of exported programs beside those that they should give. */
import type { PortableArrays } from "@innerloop/graph";

/** The most by which programs may differ from what they were made of: a share of the largest number among the answers. */
export const tolerance = 1e-4;

/** Logits of classes that a task has not are 10^9 below the others, and of no account. */
const ofNoAccount = -1e6;

/**
 * The largest difference between answers, as a share of the largest number that is expected: 0 where all are equal, infinite
 * where one is no number, or there are others than expected.
 */
export function differenceOf(found: PortableArrays, expected: PortableArrays): number {
  return Object.entries(expected).reduce((most, [name, { data: right }]) => {
    const here = found[name]?.data;
    if (!here || here.length < right.length) return Number.POSITIVE_INFINITY;
    let [off, largest] = [0, 0];
    for (let i = 0; i < right.length; i++) {
      const [a, b] = [Number(here[i]), Number(right[i])];
      if (b < ofNoAccount && a < ofNoAccount) continue;
      if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
      off = Math.max(off, Math.abs(a - b));
      largest = Math.max(largest, Math.abs(b));
    }
    return Math.max(most, off === 0 ? 0 : off / largest);
  }, 0);
}
