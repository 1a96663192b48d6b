/** What a detector on a grid is to say of a picture: maps made from boxes. */
import { TaskError, wholeNumber } from "../../tasks/task.js";
import type { MarkedObject } from "./marked-pictures.js";

/** The grid that a detector looks at a picture by. */
export interface DetectionGrid {
  /** Rows and columns of cells. */
  readonly grid: readonly [rows: number, columns: number];
  /** Pixels of a cell's side. */
  readonly stride: number;
  /** Classes of a task (N). */
  readonly classes: number;
}

/** Places of the maps among the numbers of a cell. */
export interface DetectionChannels {
  /** A Gaussian about the centre cell of each object, from 0 to 1. */
  readonly objectness: 0;
  /** 1 in centre cells. */
  readonly centre: 1;
  /** The first of N numbers: 1 for the class of the object that owns the cell. */
  readonly names: 2;
  /** 1 where an object of none of the classes owns the cell: the last of the N + 1 names. */
  readonly none: number;
  /** The first of four numbers: left, top, right and bottom from the cell's middle to the edges of its object's box, in cells. */
  readonly box: number;
  /** 1 in cells that count, 0 in those to be ignored. */
  readonly weight: number;
  /** Numbers of a cell, N + 8. */
  readonly count: number;
}

/** The places of the maps for so many classes. */
export const detectionChannels = (classes: number): DetectionChannels => ({
  objectness: 0,
  centre: 1,
  names: 2,
  none: classes + 2,
  box: classes + 3,
  weight: classes + 7,
  count: classes + 8,
});

/** A box reaches at least so many cells from the middle of its centre cell: what exp of a number can say. */
export const leastReach = 1 / 8;

/**
 * The maps of a picture's objects, packed: float32, row-major [rows, columns, N + 8], in the order of `detectionChannels`.
 *
 *     objectness[i, j] = max over objects of exp(-((i - ci)^2 + (j - cj)^2) / (2 s^2)),   s = max(0.7, min(w, h) / 6)
 *
 * (ci, cj) is the centre cell, which holds the middle of the box, and w, h are its sides, all in cells. An object claims the
 * 3 x 3 cells about its centre cell. Of several that claim a cell, the one owns it whose centre cell is nearest; of equally
 * near ones the smaller box, then the earlier object. So each object owns its centre cell, unless two share it. Names are
 * those of owners, 1 in one of N + 1 channels, 0 in all where nobody owns the cell. So are boxes, in cells whose middle lies
 * inside the box of their owner and in its centre cell, 0 in all others; a side that is nearer than `leastReach` to the
 * middle of the centre cell, or short of it, which boxes thinner than a cell have, is told as `leastReach`.
 *
 * The label -1 is of objects of none of the classes. Objects that are `difficult` or a `crowd` are in no map; the weight is 0
 * in cells whose middle lies in their boxes, but for those with their middle in the box of an object that counts, and for
 * those that such an object owns.
 *
 * Zhou, Wang and Krahenbuhl 2019, "Objects as points", for Gaussians about centres; there their radius is found from an
 * overlap, here it is a third of half the shorter side. Tian et al. 2019, "FCOS", for boxes as four distances.
 *
 * @throws ILT201 where the grid is none; ILT313 where a box has no area or its middle lies outside of the grid, or a label is
 * not one of -1 to N - 1
 */
export function detectionMaps(objects: readonly MarkedObject[], setting: DetectionGrid): Float32Array {
  const { rows, columns, classes } = checkedGrid(setting);
  const channels = detectionChannels(classes);
  const maps = new Float32Array(rows * columns * channels.count);
  for (let at = channels.weight; at < maps.length; at += channels.count) maps[at] = 1;
  const counted: GridObject[] = [];
  const ignored: GridObject[] = [];
  objects.forEach((object, i) => {
    (object.crowd || object.difficult ? ignored : counted).push(onGrid(object, i, setting));
  });
  for (const object of counted) addGaussian(maps, object, { rows, columns, width: channels.count });
  // The last to write to a cell owns it: far objects first, of equally near ones the larger and then the later.
  const claims = counted.flatMap((object) => claimsOf(object, rows, columns));
  claims.sort((a, b) => b.distance - a.distance || b.object.area - a.object.area || b.object.place - a.object.place);
  for (const { object, row, column, distance } of claims) {
    const cell = (row * columns + column) * channels.count;
    maps.fill(0, cell + channels.names, cell + channels.weight);
    maps[cell + (object.label < 0 ? channels.none : channels.names + object.label)] = 1;
    const reaches = reachesFrom(object, row, column);
    const isCentre = distance === 0;
    if (isCentre) maps[cell + channels.centre] = 1;
    if (!isCentre && reaches.some((reach) => reach <= 0)) continue;
    maps.set(isCentre ? reaches.map((reach) => Math.max(reach, leastReach)) : reaches, cell + channels.box);
  }
  const owned = new Set(claims.map(({ row, column }) => row * columns + column));
  for (const object of ignored) {
    for (const [row, column] of cellsInside(object, rows, columns)) {
      const cell = row * columns + column;
      if (owned.has(cell) || counted.some((other) => holds(other, row, column))) continue;
      maps[cell * channels.count + channels.weight] = 0;
    }
  }
  return maps;
}

const operation = "detectionMaps";

/** An object in cells of the grid. */
interface GridObject {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly area: number;
  /** Its centre cell. */
  readonly row: number;
  readonly column: number;
  readonly label: number;
  /** Its place in the list. */
  readonly place: number;
}

/** @throws ILT201 */
function checkedGrid({ grid, stride, classes }: DetectionGrid) {
  const rows = wholeNumber(grid[0], operation, "grid[0]");
  const columns = wholeNumber(grid[1], operation, "grid[1]");
  wholeNumber(classes, operation, "classes");
  if (stride > 0 && stride < Number.POSITIVE_INFINITY) return { rows, columns, classes };
  throw new TaskError("ILT201", operation, `stride is ${stride}`, "Give the pixels of a cell's side");
}

/** @throws ILT313 */
function onGrid({ box, label }: MarkedObject, place: number, { grid, stride, classes }: DetectionGrid): GridObject {
  const refuse = (problem: string, remedy: string): never => {
    throw new TaskError("ILT313", operation, `object ${place}: ${problem}`, remedy);
  };
  const { x, y, width, height } = box;
  const shown = `[${x}, ${y}, ${width}, ${height}]`;
  if (!(width > 0 && height > 0)) refuse(`its box is ${shown}`, "Leave out boxes without area");
  const [row, column] = [Math.floor((y + height / 2) / stride), Math.floor((x + width / 2) / stride)];
  if (!(row >= 0 && row < grid[0] && column >= 0 && column < grid[1])) {
    const problem = `the middle of its box ${shown} lies outside of ${grid.join(" x ")} cells of ${stride} pixels`;
    refuse(problem, "Cut boxes to the picture, and let the grid cover it");
  }
  if (!(Number.isInteger(label) && label >= -1 && label < classes))
    refuse(`its label is ${label}`, `Give a class below ${classes}, or -1 for none of them`);
  return {
    left: x / stride,
    top: y / stride,
    right: (x + width) / stride,
    bottom: (y + height) / stride,
    area: width * height,
    row,
    column,
    label,
    place,
  };
}

/** Raises the objectness to that of one more object. */
function addGaussian(
  maps: Float32Array,
  { left, top, right, bottom, row, column }: GridObject,
  { rows, columns, width }: { readonly rows: number; readonly columns: number; readonly width: number },
): void {
  const deviation = Math.max(0.7, Math.min(right - left, bottom - top) / 6);
  const along = (count: number, centre: number): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => Math.exp(-((i - centre) ** 2) / (2 * deviation ** 2)));
  const [down, across] = [along(rows, row), along(columns, column)];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = (i * columns + j) * width;
      const value = down[i]! * across[j]!;
      if (value > maps[at]!) maps[at] = value;
    }
  }
}

interface Claim {
  readonly object: GridObject;
  readonly row: number;
  readonly column: number;
  /** Squared, between the middles of the cell and of the object's centre cell, in cells. */
  readonly distance: number;
}

function claimsOf(object: GridObject, rows: number, columns: number): Claim[] {
  const claims: Claim[] = [];
  for (let row = Math.max(0, object.row - 1); row <= Math.min(rows - 1, object.row + 1); row++) {
    for (let column = Math.max(0, object.column - 1); column <= Math.min(columns - 1, object.column + 1); column++) {
      claims.push({ object, row, column, distance: (row - object.row) ** 2 + (column - object.column) ** 2 });
    }
  }
  return claims;
}

/** Left, top, right, bottom from the middle of a cell; below 0 where it lies outside of the box. */
const reachesFrom = ({ left, top, right, bottom }: GridObject, row: number, column: number): number[] => [
  column + 0.5 - left,
  row + 0.5 - top,
  right - column - 0.5,
  bottom - row - 0.5,
];

const holds = (object: GridObject, row: number, column: number): boolean =>
  reachesFrom(object, row, column).every((reach) => reach > 0);

/** Cells whose middle lies in a box. */
function cellsInside(object: GridObject, rows: number, columns: number): [row: number, column: number][] {
  const cells: [number, number][] = [];
  for (let row = Math.max(0, Math.floor(object.top)); row < Math.min(rows, object.bottom); row++) {
    for (let column = Math.max(0, Math.floor(object.left)); column < Math.min(columns, object.right); column++) {
      if (holds(object, row, column)) cells.push([row, column]);
    }
  }
  return cells;
}
