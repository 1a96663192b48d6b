/** Small images as text, for terminals. */

/** Dots of one Braille character, two columns by four rows, as bits of its code point. */
const dots = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/**
 * A grey image (0 to 1, ink light) as lines of Braille characters: two pixels by four in each, so that a 28 x 28 image
 * takes 14 columns and 7 lines.
 */
export function brailleArt(pixels: ArrayLike<number>, height: number, width: number, threshold = 0.35): string[] {
  const lines: string[] = [];
  for (let top = 0; top < height; top += 4) {
    let line = "";
    for (let left = 0; left < width; left += 2) {
      let bits = 0;
      dots.forEach((row, y) => {
        row.forEach((bit, x) => {
          if (top + y < height && left + x < width && pixels[(top + y) * width + left + x]! > threshold) bits |= bit;
        });
      });
      line += String.fromCharCode(0x2800 + bits);
    }
    lines.push(line);
  }
  return lines;
}
