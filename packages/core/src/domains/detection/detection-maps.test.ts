import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import { type DetectionGrid, detectionChannels, detectionMaps, leastReach } from "./detection-maps.js";
import type { MarkedObject } from "./marked-pictures.js";

const object = (
  [x, y, width, height]: readonly [number, number, number, number],
  label: number,
  more: Partial<MarkedObject> = {},
): MarkedObject => ({ box: { x, y, width, height }, label, ...more });

/** One number of the maps, by the definition in words and a cell at a time. */
function defined(objects: readonly MarkedObject[], { stride, classes }: DetectionGrid, row: number, column: number) {
  const channels = detectionChannels(classes);
  const cell = new Float32Array(channels.count);
  const middle = { x: (column + 0.5) * stride, y: (row + 0.5) * stride };
  const inside = ({ box }: MarkedObject): boolean =>
    middle.x > box.x && middle.x < box.x + box.width && middle.y > box.y && middle.y < box.y + box.height;
  const centreOf = ({ box }: MarkedObject) => ({
    row: Math.floor((box.y + box.height / 2) / stride),
    column: Math.floor((box.x + box.width / 2) / stride),
  });
  const away = (other: MarkedObject): readonly [number, number] => {
    const centre = centreOf(other);
    return [Math.abs(row - centre.row), Math.abs(column - centre.column)];
  };
  const counted = objects.filter(({ crowd, difficult }) => !crowd && !difficult);
  for (const other of counted) {
    const [down, across] = away(other);
    const deviation = Math.max(0.7, Math.min(other.box.width, other.box.height) / stride / 6);
    cell[0] = Math.max(cell[0]!, Math.exp(-(down ** 2 + across ** 2) / (2 * deviation ** 2)));
  }
  let owner: MarkedObject | undefined;
  let nearest: readonly number[] = [];
  for (const other of counted) {
    const [down, across] = away(other);
    if (Math.max(down, across) > 1) continue;
    const rank = [down ** 2 + across ** 2, other.box.width * other.box.height];
    if (owner && (rank[0]! > nearest[0]! || (rank[0] === nearest[0] && rank[1]! >= nearest[1]!))) continue;
    [owner, nearest] = [other, rank];
  }
  const ignored = objects.filter((other) => !counted.includes(other));
  cell[channels.weight] = owner || counted.some(inside) || !ignored.some(inside) ? 1 : 0;
  if (!owner) return cell;
  cell[owner.label === -1 ? channels.none : channels.names + owner.label] = 1;
  const { x, y, width, height } = owner.box;
  const reaches = [middle.x - x, middle.y - y, x + width - middle.x, y + height - middle.y].map((d) => d / stride);
  if (nearest[0] === 0) {
    cell[channels.centre] = 1;
    cell.set(
      reaches.map((reach) => Math.max(leastReach, reach)),
      channels.box,
    );
  } else if (inside(owner)) cell.set(reaches, channels.box);
  return cell;
}

const grid: DetectionGrid = { grid: [7, 9], stride: 8, classes: 3 };

test("maps of random objects are as they are defined", () => {
  let [shared, ignored, thin, furthest] = [0, 0, 0, 0];
  for (let picture = 0; picture < 200; picture++) {
    const source = random(21, picture);
    const objects = Array.from({ length: source.integer(9) }, () => {
      const [width, height] = [source.uniform(1, 40), source.uniform(1, 40)];
      const [x, y] = [source.uniform(0, 72 - width), source.uniform(0, 56 - height)];
      const kind = source.integer(6);
      return object(
        [x, y, width, height],
        source.integer(4) - 1,
        kind === 0 ? { crowd: true } : kind === 1 ? { difficult: true } : {},
      );
    });
    const maps = detectionMaps(objects, grid);
    const { count, centre, weight, names, box } = detectionChannels(3);
    expect(maps).toHaveLength(7 * 9 * count);
    for (let row = 0; row < 7; row++) {
      for (let column = 0; column < 9; column++) {
        const found = maps.subarray((row * 9 + column) * count, (row * 9 + column + 1) * count);
        const wanted = defined(objects, grid, row, column);
        found.forEach((value, i) => {
          furthest = Math.max(furthest, Math.abs(value - wanted[i]!));
        });
        if (found[weight] === 0) ignored++;
        // An owner whose box the cell lies outside of, and centre cells outside of their thin boxes.
        if (found.subarray(names, names + 4).includes(1) && found[box] === 0) shared++;
        if (found[centre] === 1 && found.subarray(box, box + 4).includes(leastReach)) thin++;
      }
    }
  }
  expect(furthest).toBeLessThan(1e-5);
  // What the definition tells apart came up.
  expect(Math.min(shared, ignored, thin)).toBeGreaterThan(10);
});

describe("one object", () => {
  const { count, centre, none, names, box, weight } = detectionChannels(2);
  const setting: DetectionGrid = { grid: [8, 8], stride: 4, classes: 2 };
  const cellsOf = (objects: readonly MarkedObject[]) => {
    const maps = detectionMaps(objects, setting);
    return (row: number, column: number): number[] =>
      Array.from(maps.subarray((row * 8 + column) * count, (row * 8 + column + 1) * count));
  };

  test("has a peak of 1, its name in nine cells and its box in those inside of it", () => {
    // From 4 to 24 across and 8 to 16 down: the middle is in cell (3, 3), the deviation max(0.7, 2 / 6).
    const at = cellsOf([object([4, 8, 20, 8], 1)]);
    expect(at(3, 3)).toEqual([1, 1, 0, 1, 0, 2.5, 1.5, 2.5, 0.5, 1]);
    expect(at(2, 2)).toEqual([Math.fround(Math.exp(-2 / (2 * 0.49))), 0, 0, 1, 0, 1.5, 0.5, 3.5, 1.5, 1]);
    // Below the box: it has its name and no box.
    expect(at(4, 4).slice(1)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 1]);
    // Beyond the nine: objectness alone.
    expect(at(3, 5).slice(1)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(at(3, 5)[0]).toBeCloseTo(Math.exp(-4 / 0.98), 6);
  });

  test("of no class is an object with the last of the names", () => {
    const cell = cellsOf([object([4, 8, 20, 8], -1)])(3, 3);
    expect([cell[0], cell[centre], cell[names], cell[names + 1], cell[none]]).toEqual([1, 1, 0, 0, 1]);
  });

  test("of two about one middle the smaller owns all cells, of equal ones the earlier", () => {
    const [large, small] = [object([2, 2, 20, 20], 0), object([6, 6, 12, 12], 1)];
    for (const objects of [
      [large, small],
      [small, large],
    ])
      expect(cellsOf(objects)(3, 3).slice(names, weight)).toEqual([0, 1, 0, 2, 2, 1, 1]);
    expect(cellsOf([small, { ...small, label: 0 }])(3, 3).slice(names, box)).toEqual([0, 1, 0]);
  });

  test("that is difficult is in no map, and its cells have no weight", () => {
    const at = cellsOf([object([8, 8, 8, 8], 0, { difficult: true }), object([12, 0, 4, 4], 1)]);
    expect(at(3, 3)[weight]).toBe(0);
    expect(at(3, 2)[names]).toBe(0);
    expect(at(4, 4)[weight]).toBe(1);
    // Nine cells about (0, 3) are the other one's, though the box of the difficult one does not reach them.
    expect(at(2, 3)[weight]).toBe(0);
    expect(cellsOf([object([8, 0, 8, 8], 0, { crowd: true }), object([12, 0, 4, 4], 1)])(1, 3)[weight]).toBe(1);
  });
});

test.each([
  ["ILT313 detectionMaps: object 1: its box is [2, 2, 0, 4]", [2, 2, 0, 4], 0, {}],
  ["ILT313 detectionMaps: object 1: its box is [2, 2, NaN, 4]", [2, 2, Number.NaN, 4], 0, {}],
  ["the middle of its box [70, 2, 8, 4] lies outside of 7 x 9 cells of 8 pixels", [70, 2, 8, 4], 0, {}],
  ["its label is 3", [2, 2, 4, 4], 3, {}],
  ["its label is -2", [2, 2, 4, 4], -2, {}],
  ["its label is 0.5", [2, 2, 4, 4], 0.5, {}],
  ["ILT201 detectionMaps: stride is 0", [2, 2, 4, 4], 0, { stride: 0 }],
  ["ILT201 detectionMaps: classes is 0", [2, 2, 4, 4], 0, { classes: 0 }],
  ["ILT201 detectionMaps: grid[1] is 2.5", [2, 2, 4, 4], 0, { grid: [7, 2.5] as const }],
] as const)("what is no object on the grid is refused: %s", (problem, box, label, setting) => {
  expect(() => detectionMaps([object([1, 1, 4, 4], 0), object(box, label)], { ...grid, ...setting })).toThrow(problem);
});
