/** Drawings as the learner of symbols knows them. */

/** A point of a stroke, in any unit, y down. */
export interface DrawnPoint {
  readonly x: number;
  readonly y: number;
}

/** Height and width of a picture. */
export const symbolSide = 28;
/** Pixels of the longer side of the ink: most pictures of training have 18 to 23. */
const longerSide = 20.5;
/** Width of the pen in pixels: of training 1.2 to 2.4. */
const penWidth = 1.8;

/**
 * The picture of a drawing as `innerloop:symbols` was trained on them: bytes [28, 28, 1], ink 255 on 0. The ink is in the
 * middle, its longer side 20.5 pixels, and the pen 1.8 pixels wide, however large and wherever it was drawn. A dot, or a stroke
 * far shorter than `least`, is not made larger than that.
 *
 * @param strokes points that the pen went through, from pen down to pen up
 * @param least a length in the unit of the points: ink whose longer side is shorter counts as so long; 0 unless given
 * @returns a picture of nothing, zeros, where there is no point
 * @example const pixels = symbolPicture([[{ x: 10, y: 10 }, { x: 90, y: 80 }]]);
 */
export function symbolPicture(
  strokes: readonly (readonly DrawnPoint[])[],
  { least = 0 }: { readonly least?: number } = {},
): Uint8Array {
  const picture = new Uint8Array(symbolSide * symbolSide);
  const points = strokes.flat();
  if (points.length === 0) return picture;
  const [left, right] = ends(points.map(({ x }) => x));
  const [top, bottom] = ends(points.map(({ y }) => y));
  const longest = Math.max(right - left, bottom - top, least);
  // The pen's width is ink, too.
  const scale = longest > 0 ? (longerSide - penWidth) / longest : 0;
  const place = ({ x, y }: DrawnPoint): DrawnPoint => ({
    x: (x - (left + right) / 2) * scale + symbolSide / 2,
    y: (y - (top + bottom) / 2) * scale + symbolSide / 2,
  });
  for (const stroke of strokes) {
    const placed = stroke.map(place);
    placed.forEach((point, i) => {
      ink(picture, placed[Math.max(0, i - 1)]!, point);
    });
  }
  return picture;
}

function ends(values: readonly number[]): readonly [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** A round-ended line: a pixel is covered by 1/2 + radius - its distance from the middle of the line. */
function ink(picture: Uint8Array, from: DrawnPoint, to: DrawnPoint): void {
  const reach = penWidth / 2 + 0.5;
  const [ux, uy] = [to.x - from.x, to.y - from.y];
  const squared = ux * ux + uy * uy;
  const within = (value: number): number => Math.max(0, Math.min(symbolSide - 1, Math.floor(value)));
  for (let row = within(Math.min(from.y, to.y) - reach); row <= within(Math.max(from.y, to.y) + reach); row++)
    for (
      let column = within(Math.min(from.x, to.x) - reach);
      column <= within(Math.max(from.x, to.x) + reach);
      column++
    ) {
      const [px, py] = [column + 0.5 - from.x, row + 0.5 - from.y];
      const t = squared > 0 ? Math.min(1, Math.max(0, (px * ux + py * uy) / squared)) : 0;
      const coverage = Math.min(1, reach - Math.hypot(px - t * ux, py - t * uy));
      const at = row * symbolSide + column;
      const value = Math.round(255 * Math.max(0, coverage));
      if (value > picture[at]!) picture[at] = value;
    }
}
