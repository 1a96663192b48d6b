/** What to ask a user of whom little is known: items that many know, and whose ratings tell most about all others. */

/** The items that questions are chosen among, at most: those that most have rated. What few know, few can answer. */
export const mostAsked = 10_000;

/**
 * Places of the items that most have rated, the most first; of as many ratings the earlier ones. Items without ratings are
 * not among them: nobody is known to know them.
 */
export function popularItems(
  counts: ArrayLike<number>,
  { count, leftOut }: { readonly count: number; readonly leftOut: ReadonlySet<number> },
): readonly number[] {
  return Array.from({ length: counts.length }, (_, place) => place)
    .filter((place) => counts[place]! > 0 && !leftOut.has(place))
    .sort((a, b) => counts[b]! - counts[a]! || a - b)
    .slice(0, count);
}

/**
 * Rows of the items to ask about, one after another: a greedy D-optimal design (Chaloner & Verdinelli 1995), each item
 * weighted by how many know it, as Rashid et al. (2002) weigh entropy.
 *
 * A rating is seen as level + w . z_i + noise, all of variance 1, where z are the features less their mean, scaled so
 * that their mean squared length is 1. With x_i = [1, z_i] and the posterior covariance S after the items so far,
 *
 *   the next is the i of the largest  c_i log(1 + x_i' S x_i),   S <- S - S x x' S / (1 + x' S x)
 *
 * which is the growth of log det S^-1, times the share c_i of users who have rated it. Ties are by row.
 *
 * @param features [rows, width]
 * @param setting.known rows that the user has rated already, which are not asked again
 * @param setting.counts how many have rated each
 */
export function informativeRows(
  features: Float32Array,
  {
    width,
    counts,
    known,
    count,
  }: {
    readonly width: number;
    readonly counts: ArrayLike<number>;
    readonly known: readonly number[];
    readonly count: number;
  },
): readonly number[] {
  const rows = counts.length;
  const design = scaledDesign(features, rows, width);
  const columns = width + 1;
  const variances = Float64Array.from({ length: rows }, (_, row) => {
    const x = design.subarray(row * columns, (row + 1) * columns);
    return x.reduce((sum, value) => sum + value * value, 0);
  });
  // S = I - sum of u u', one for each item so far.
  const updates: Float64Array[] = [];
  const taken = new Uint8Array(rows);
  const take = (row: number): void => {
    taken[row] = 1;
    const x = design.subarray(row * columns, (row + 1) * columns);
    const u = x.slice();
    for (const before of updates) {
      const share = dot(before, x);
      for (let j = 0; j < columns; j++) u[j]! -= share * before[j]!;
    }
    const scale = 1 / Math.sqrt(1 + variances[row]!);
    for (let j = 0; j < columns; j++) u[j]! *= scale;
    updates.push(u);
    for (let i = 0; i < rows; i++) {
      const share = dot(u, design.subarray(i * columns, (i + 1) * columns));
      variances[i]! -= share * share;
    }
  };
  for (const row of known) take(row);
  const chosen: number[] = [];
  while (chosen.length < count) {
    let best = -1;
    let most = 0;
    for (let i = 0; i < rows; i++) {
      if (taken[i]) continue;
      const gain = counts[i]! * Math.log1p(Math.max(0, variances[i]!));
      if (gain > most) [best, most] = [i, gain];
    }
    if (best < 0) break;
    take(best);
    chosen.push(best);
  }
  return chosen;
}

/**
 * Evidence candidates (Lee et al. 2019, section 3.3): places of the items of the largest
 *
 *   d_i p_i,  d_i = mean step of i / the largest,  p_i = ratings of i / the most
 *
 * where the step of a rating is the length of the first step of adaptation to it, and its mean is over users of training:
 * where squared errors are made small it grows with the error, where absolute ones are it is the same for all users. Theirs
 * is over the gradient of all of a user's ratings at once, by unit error, which is the same for all items that a user has
 * rated. Ties are by place; items without ratings are not among them.
 *
 * @param steps of each item the sum of the steps over its ratings
 * @param counts of each item the ratings that there are
 */
export function evidenceCandidates(
  { steps, counts }: { readonly steps: ArrayLike<number>; readonly counts: ArrayLike<number> },
  { count, leftOut }: { readonly count: number; readonly leftOut: ReadonlySet<number> },
): readonly number[] {
  const means = Float64Array.from({ length: counts.length }, (_, i) => (counts[i]! > 0 ? steps[i]! / counts[i]! : 0));
  let [furthest, most] = [0, 0];
  for (let i = 0; i < means.length; i++) {
    furthest = Math.max(furthest, means[i]!);
    most = Math.max(most, counts[i]!);
  }
  // Where nothing moves the learner, all items say as much: what is left is how many know them.
  const scores = means.map((mean, i) => (furthest > 0 ? mean / furthest : 1) * (counts[i]! / most));
  return Array.from({ length: means.length }, (_, place) => place)
    .filter((place) => counts[place]! > 0 && !leftOut.has(place))
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count);
}

/** [1, z]: features less their mean, of mean squared length 1. */
function scaledDesign(features: Float32Array, rows: number, width: number): Float64Array {
  const means = new Float64Array(width);
  for (let at = 0; at < rows * width; at++) means[at % width]! += features[at]! / rows;
  let squares = 0;
  for (let at = 0; at < rows * width; at++) squares += (features[at]! - means[at % width]!) ** 2;
  const scale = squares > 0 ? Math.sqrt(rows / squares) : 1;
  const columns = width + 1;
  const design = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    design[row * columns] = 1;
    for (let j = 0; j < width; j++) design[row * columns + 1 + j] = (features[row * width + j]! - means[j]!) * scale;
  }
  return design;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}
