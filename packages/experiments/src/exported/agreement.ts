/** Answers of exported programs beside those that they should give. */
import { type OpenSetRule, openSetScores } from "@innerloop/core/exported";
import type { PortableArrays } from "@innerloop/graph";

/** The most by which programs may differ from what they were made of: a share of the largest number among the answers. */
export const tolerance = 1e-4;

/** Ten times as near as answers may be: a score is a difference of larger numbers. */
const nearThreshold = 1e-3;

/** Logits of classes that a task has not are 10^9 below the others, and of no account. */
const ofNoAccount = -1e6;

/** Infinite where an input is rejected or taken against a rule, and its score is not next to the threshold; else 0. */
function rejectionDifference(
  found: PortableArrays,
  expected: PortableArrays,
  { score, threshold }: OpenSetRule,
): number {
  const { logits, rejected } = expected;
  const [rows = 0, classes = 0] = logits!.shape;
  for (let row = 0; row < rows; row++) {
    const here = found.rejected?.data[row];
    if (here !== undefined && Number(here) === Number(rejected!.data[row])) continue;
    const own = openSetScores[score](Array.from(logits!.data.slice(row * classes, (row + 1) * classes), Number));
    if (here === undefined || !(Math.abs(own - threshold) <= nearThreshold * Math.max(1, Math.abs(threshold))))
      return Number.POSITIVE_INFINITY;
  }
  return 0;
}

/**
 * The largest difference between answers, as a share of the largest number that is expected: 0 where all are equal, infinite
 * where one is no number, there are others than expected, or an input is rejected against the rule.
 */
export function differenceOf(found: PortableArrays, expected: PortableArrays, openSet?: OpenSetRule): number {
  const rejections = openSet ? rejectionDifference(found, expected, openSet) : 0;
  return Object.entries(expected).reduce((most, [name, { dtype, data: right }]) => {
    if (dtype === "bool") return most;
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
  }, rejections);
}
