/** Few-shot detection in pictures that an encoder has seen: episodes, addressed. */
import { type Tensor, tensor } from "@innerloop/graph";
import { random } from "../../random/random.js";
import { type DescribedTaskSource, type Examples, TaskError, wholeNumber } from "../../tasks/task.js";
import { requireObject } from "../../tasks/value-gate.js";
import { detectionChannels, detectionMaps } from "./detection-maps.js";
import type { MarkedObject } from "./marked-pictures.js";
import { boxRows, type DetectionTargets, numbersOfBox } from "./scene-episodes.js";

/** A picture as an encoder has seen it. */
export interface SeenPicture {
  /** In pixels of the square that the encoder was shown. */
  readonly objects: readonly MarkedObject[];
  /** float32, row-major [rows, columns, features]. */
  readonly cells: Float32Array;
}

/** Marked pictures by the cells that an encoder makes of them. */
export interface SeenPictures {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly grid: readonly [rows: number, columns: number];
  /** Numbers of a cell. */
  readonly features: number;
  /** Pixels of a cell's side. */
  readonly stride: number;
  readonly pictures: readonly SeenPicture[];
}

/** Options of `pictureEpisodes`. */
export interface PictureEpisodeOptions {
  /** Support pictures (K). */
  readonly shots: number;
  /** Query pictures: all of `asked` unless given. */
  readonly queries?: number | undefined;
  /** The pictures that queries are of, where these are others than those of support sets. */
  readonly asked?: SeenPictures | undefined;
}

/**
 * Episodes of detection in given pictures: K of them with all that is marked are the support set, and as many more as it takes
 * until every class has an object there; others are asked about. Classes are those of the data, in its order, in every task.
 *
 * Support pictures are drawn without putting back, in a random order that is a function of (seed, index): a picture beyond
 * the K is taken where it shows a class that no picture before it has. So a support set has K to K + N - 1 pictures, `present`
 * is 1 for those that are there. Query pictures are the next of that order; or those of `asked`, all of them where no number
 * is given, so that a task's average precision is over them together.
 *
 * Shapes: x [pictures, rows, columns, features] float32, y `DetectionTargets`.
 *
 * @throws ILT201 where an option is out of range; ILT314 for cells of other sizes than said; ILT402 where a class has no object
 * in the pictures for support sets, or there are too few pictures
 * @example pictureEpisodes(known, { shots: 5, asked: test })
 */
export function pictureEpisodes(
  data: SeenPictures,
  options: PictureEpisodeOptions,
): DescribedTaskSource<Tensor, DetectionTargets> {
  requireObject(options, operation, "the second argument", "Give { shots, asked }");
  const { shots, asked, queries = asked?.pictures.length } = options;
  wholeNumber(shots, operation, "shots");
  wholeNumber(queries as number, operation, "queries");
  const classes = data.classNames.length;
  requireAlike(data, asked);
  requireClasses(data);
  const mostSupport = Math.min(shots + classes - 1, data.pictures.length);
  const own = asked ? 0 : queries!;
  if (data.pictures.length < (asked ? shots : mostSupport + own))
    throw new TaskError(
      "ILT402",
      operation,
      `${data.name} has ${data.pictures.length} pictures, for ${shots} of a support set${asked ? "" : `, ${classes - 1} more where classes are missing, and ${own} queries`}`,
      "Mark more of them, or ask for fewer",
    );
  if (asked && queries! > asked.pictures.length) {
    const problem = `${queries} queries of the ${asked.pictures.length} pictures of ${asked.name}`;
    throw new TaskError("ILT402", operation, problem, "Ask for fewer");
  }
  const [rows, columns] = data.grid;
  const most = [...data.pictures, ...(asked?.pictures ?? [])].reduce(
    (n, { objects }) => Math.max(n, objects.length),
    1,
  );
  const cellShape = [rows, columns, data.features];
  const mapsShape = [rows, columns, detectionChannels(classes).count];
  const sets = { data, most };
  return {
    name: `${data.name} ${shots}-shot`,
    description: {
      data: data.name,
      pictures: data.pictures.length,
      classes,
      supportPictures: shots,
      queryPictures: queries!,
      ...(asked ? { asked: asked.pictures.length } : {}),
      stride: data.stride,
    },
    spec: {
      x: { shape: cellShape, dtype: "float32" },
      y: {
        maps: { shape: mapsShape, dtype: "float32" },
        boxes: { shape: [most, numbersOfBox], dtype: "float32" },
      },
      support: { rows: mostSupport, ...(mostSupport > shots ? { present: true as const } : {}) },
      query: { rows: queries! },
    },
    sample(seed, index) {
      const source = random(seed, index);
      const order = source.choose(data.pictures.length, data.pictures.length).map((place) => data.pictures[place]!);
      const support = supportOf(order, shots, classes);
      const taken = new Set(support);
      const query = asked
        ? chosenOf(asked.pictures, queries!, (count) => source.choose(asked.pictures.length, count))
        : order.filter((picture) => !taken.has(picture)).slice(0, queries);
      return {
        support: examplesOf(support, { ...sets, ...(mostSupport > shots ? { padTo: mostSupport } : {}) }),
        query: examplesOf(query, sets),
      };
    },
  };
}

const operation = "pictureEpisodes";

/** @throws ILT314 */
function requireAlike(data: SeenPictures, asked: SeenPictures | undefined): void {
  for (const { name, grid, features, pictures, classNames } of asked ? [data, asked] : [data]) {
    const numbers = grid[0] * grid[1] * features;
    const wrong = pictures.find(({ cells }) => cells.length !== numbers);
    if (wrong) {
      const problem = `a picture of ${name} has ${wrong.cells.length} numbers, and not ${grid.join(" x ")} cells of ${features}`;
      throw new TaskError("ILT314", operation, problem, "Encode all with one encoder, at one size");
    }
    const isSame =
      String([...grid, features, ...classNames]) === String([...data.grid, data.features, ...data.classNames]);
    if (!isSame) {
      const problem = `cells or classes of ${name} are others than those of ${data.name}`;
      throw new TaskError("ILT314", operation, problem, "Give pictures of the same classes, seen by the same encoder");
    }
  }
}

/** @throws ILT402 for a class that no support set could have */
function requireClasses({ name, classNames, pictures }: SeenPictures): void {
  if (classNames.length === 0) throw new TaskError("ILT402", operation, `${name} has no classes`, "Mark some objects");
  const there = new Set(pictures.flatMap(({ objects }) => objects.filter(counts).map(({ label }) => label)));
  const missing = classNames.filter((_, label) => !there.has(label));
  if (missing.length === 0) return;
  const problem = `no object of ${missing.slice(0, 3).join(", ")} is marked in the ${pictures.length} pictures of ${name} that support sets are drawn from`;
  throw new TaskError("ILT402", operation, problem, "Mark one of each class there, or leave the class out");
}

const counts = ({ crowd, difficult }: MarkedObject): boolean => !crowd && !difficult;

function supportOf(order: readonly SeenPicture[], shots: number, classes: number): readonly SeenPicture[] {
  const seen = new Set<number>();
  const support: SeenPicture[] = [];
  for (const picture of order) {
    if (support.length >= shots && seen.size === classes) break;
    const labels = picture.objects.filter(counts).map(({ label }) => label);
    if (support.length >= shots && labels.every((label) => seen.has(label))) continue;
    support.push(picture);
    for (const label of labels) seen.add(label);
  }
  return support;
}

/** All in their order, or some at random. */
const chosenOf = (
  pictures: readonly SeenPicture[],
  count: number,
  choose: (count: number) => readonly number[],
): readonly SeenPicture[] => (count === pictures.length ? pictures : choose(count).map((place) => pictures[place]!));

function examplesOf(
  pictures: readonly SeenPicture[],
  { data, most, padTo }: { readonly data: SeenPictures; readonly most: number; readonly padTo?: number },
): Examples<Tensor, DetectionTargets> {
  const { grid, stride, features, classNames } = data;
  const classes = classNames.length;
  const count = padTo ?? pictures.length;
  const cells = grid[0] * grid[1];
  const { count: channels } = detectionChannels(classes);
  const x = new Float32Array(count * cells * features);
  const maps = new Float32Array(count * cells * channels);
  const boxes = new Float32Array(count * most * numbersOfBox);
  pictures.forEach((picture, i) => {
    x.set(picture.cells, i * cells * features);
    maps.set(detectionMaps(picture.objects, { grid, stride, classes }), i * cells * channels);
    boxes.set(boxRows(picture.objects), i * most * numbersOfBox);
  });
  return {
    x: tensor(x, [count, ...grid, features]),
    y: { maps: tensor(maps, [count, ...grid, channels]), boxes: tensor(boxes, [count, most, numbersOfBox]) },
    ...(padTo === undefined
      ? {}
      : {
          present: tensor(
            Float32Array.from({ length: count }, (_, i) => (i < pictures.length ? 1 : 0)),
            [count],
          ),
        }),
  };
}
