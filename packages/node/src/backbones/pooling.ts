/** What is taken of the output of an encoder: plain loops over row-major values. */

/** States of the tokens of padded texts: [texts, tokens, features]. */
export interface TokenStates {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The mean of the states of the first `lengths[i]` tokens of each text: [texts, features]. */
export function meanStates({ shape, data }: TokenStates, lengths: ArrayLike<number>): Float32Array {
  const [texts = 0, tokens = 0, features = 0] = shape;
  const pooled = new Float32Array(texts * features);
  const sum = new Float64Array(features);
  for (let text = 0; text < texts; text++) {
    const length = lengths[text]!;
    sum.fill(0);
    for (let token = 0; token < length; token++) {
      const from = (text * tokens + token) * features;
      for (let f = 0; f < features; f++) sum[f]! += data[from + f]!;
    }
    for (let f = 0; f < features; f++) pooled[text * features + f] = length > 0 ? sum[f]! / length : 0;
  }
  return pooled;
}

/** The states of one text at some of its tokens: [positions, features]. */
export function statesAt(states: TokenStates, text: number, positions: ArrayLike<number>): Float32Array {
  const [, tokens = 0, features = 0] = states.shape;
  const taken = new Float32Array(positions.length * features);
  for (let i = 0; i < positions.length; i++) {
    const from = (text * tokens + positions[i]!) * features;
    taken.set(states.data.subarray(from, from + features), i * features);
  }
  return taken;
}

/** Divides each row of so many numbers by its Euclidean length; a row of zeros stays. */
export function normalizeRows(rows: Float32Array, features: number): void {
  for (let from = 0; from < rows.length; from += features) {
    let squares = 0;
    for (let f = 0; f < features; f++) squares += rows[from + f]! ** 2;
    const length = Math.sqrt(squares);
    if (length > 0) for (let f = 0; f < features; f++) rows[from + f] = rows[from + f]! / length;
  }
}
