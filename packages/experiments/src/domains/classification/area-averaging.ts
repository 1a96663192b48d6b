/**
 * Shrinks images of one channel by area averaging: each result pixel is the mean of the source area that it covers,
 * with fractional pixels at the borders (105 to 28 is a factor of 3.75). Returns a function from `height * width`
 * bytes to `toHeight * toWidth` bytes.
 */
export function areaAveraging(from: readonly [number, number], to: readonly [number, number]) {
  const [height, width] = from;
  const [toHeight, toWidth] = to;
  const rows = coverage(height, toHeight);
  const columns = coverage(width, toWidth);
  const narrow = new Float64Array(height * toWidth);

  return (source: Uint8Array): Uint8Array => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < toWidth; x++) {
        const { start, weights } = columns[x]!;
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i]! * source[y * width + start + i]!;
        narrow[y * toWidth + x] = sum;
      }
    }
    const result = new Uint8Array(toHeight * toWidth);
    for (let y = 0; y < toHeight; y++) {
      const { start, weights } = rows[y]!;
      for (let x = 0; x < toWidth; x++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i]! * narrow[(start + i) * toWidth + x]!;
        result[y * toWidth + x] = Math.round(sum);
      }
    }
    return result;
  };
}

function coverage(from: number, to: number): { start: number; weights: number[] }[] {
  return Array.from({ length: to }, (_, index) => {
    const low = (index * from) / to;
    const high = ((index + 1) * from) / to;
    const start = Math.floor(low);
    const weights: number[] = [];
    for (let i = start; i < Math.min(from, Math.ceil(high)); i++) {
      weights.push(((Math.min(i + 1, high) - Math.max(i, low)) * to) / from);
    }
    return { start, weights };
  });
}
