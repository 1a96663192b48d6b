/** Made characters, which a test can tell in a picture. */
import { random } from "../../random/random.js";
import { type LabelledExamples, labelledExamples } from "../classification/labelled-examples.js";

/** A drawing of a class, [height, width], of values from 0 to 1. */
type Glyph = (place: number, example: number) => readonly (readonly number[])[];

/** Characters of one shape. */
export const glyphs = (
  shape: readonly [number, number],
  classes: number,
  count: number,
  glyph: Glyph,
): LabelledExamples =>
  labelledExamples({
    name: "glyphs",
    exampleShape: [...shape, 1],
    classes: Array.from({ length: classes }, (_, place) => ({
      name: `glyph ${place}`,
      examples: Array.from({ length: count }, (_, example) =>
        Float32Array.from(glyph(place, example).flatMap((row) => [...row])),
      ),
    })),
  });

/** A drawing by what it has at (row, column). */
export const drawn = (
  [height, width]: readonly [number, number],
  value: (row: number, column: number) => number,
): number[][] =>
  Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, column) => value(row, column)));

/** Characters of four strokes at random on 28 x 28, each example a little otherwise; edges are soft. */
export const scribbles = (classes: number, count: number): LabelledExamples =>
  glyphs([28, 28], classes, count, (place, example) => {
    const source = random(11, place);
    const own = random(12, place, example);
    const strokes = Array.from({ length: 4 }, () =>
      Array.from({ length: 4 }, () => source.uniform(3, 25) + own.uniform(-1, 1)),
    );
    return drawn([28, 28], (row, column) => {
      const distances = strokes.map(([x = 0, y = 0, toX = 0, toY = 0]) => {
        const [dx, dy] = [toX - x, toY - y];
        const along = Math.min(1, Math.max(0, ((column - x) * dx + (row - y) * dy) / (dx * dx + dy * dy)));
        return Math.hypot(column - x - along * dx, row - y - along * dy);
      });
      return Math.min(1, Math.max(0, 1.6 - Math.min(...distances)));
    });
  });
