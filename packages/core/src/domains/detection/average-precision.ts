/** Average precision and recall of detections, as COCO computes them. */
import { TaskError, wholeNumber } from "../../tasks/task.js";
import { type AreaRange, matchPicture, type Overlaps, outcomes, overlapsOf } from "./detection-matching.js";
import { byFallingScore, type Detection, requireDetection, requireLabelledBox } from "./detections.js";
import type { MarkedObject } from "./marked-pictures.js";

/** Objects that are marked in a picture, and those that a detector found in it. */
export interface JudgedPicture {
  readonly objects: readonly MarkedObject[];
  readonly detections: readonly Detection[];
}

/** COCO's thresholds of intersection over union: 0.5, 0.55, ... 0.95, to the bit as numpy's `linspace` gives them. */
export const cocoThresholds: readonly number[] = Array.from({ length: 10 }, (_, i) => 0.5 + i * ((0.95 - 0.5) / 9));

/** COCO's sizes of objects by their area in square pixels: small up to 32 x 32, medium up to 96 x 96, large from there on. */
export const cocoAreas = {
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, Number.POSITIVE_INFINITY],
} as const satisfies Readonly<Record<string, AreaRange>>;

/** Classes, thresholds and sizes by which detections are judged. */
export interface DetectionFigureOptions<Area extends string = keyof typeof cocoAreas> {
  /** The number of classes: labels are below it. */
  readonly classes: number;
  /**
   * Classes whose mean is taken; all unless given. The others count among the figures without names: distractors of a
   * scene, base classes beside novel ones.
   */
  readonly meanOver?: readonly number[];
  /** Overlaps from which a detection is a hit, above 0 and up to 1; `cocoThresholds` unless given. */
  readonly thresholds?: readonly number[];
  /** Detections that are judged of a picture and a class, the surest; 100 unless given. */
  readonly most?: number;
  /** Ranges of areas by name, in square pixels, both ends in them; `cocoAreas` unless given. */
  readonly areas?: Readonly<Record<Area, AreaRange>>;
}

/** Average precision and recall, as shares of 1. They are undefined where there is no object to find. */
export interface PrecisionFigures {
  /** Average precision: mean over thresholds and classes. */
  readonly ap: number | undefined;
  /** Average precision at an overlap of 0.5; undefined as well where that is not among the thresholds. */
  readonly ap50: number | undefined;
  /** Average precision at an overlap of 0.75; undefined as well where that is not among the thresholds. */
  readonly ap75: number | undefined;
  /** Average recall by the surest detection of each picture and class: mean over thresholds and classes. */
  readonly ar1: number | undefined;
  /** Average recall by the ten surest. */
  readonly ar10: number | undefined;
  /** Average recall by all that are judged. */
  readonly ar: number | undefined;
  /** Objects to be found. */
  readonly objects: number;
}

/** Figures of all classes, of each, by size and without names. */
export interface DetectionFigures<Area extends string = keyof typeof cocoAreas> extends PrecisionFigures {
  readonly perClass: readonly PrecisionFigures[];
  readonly perArea: Readonly<Record<Area, PrecisionFigures>>;
  /**
   * All classes taken as one: it tells wrong boxes from wrong names. As in COCOeval without `useCats`, `most` is then of a
   * picture, and of equal scores the detection of the lower class is first.
   */
  readonly classBlind: PrecisionFigures;
}

/**
 * COCO's figures of detections, equal to those of pycocotools' COCOeval for boxes to 1e-12 (Lin et al. 2014).
 *
 * At each threshold the detections of a picture choose by falling score: each takes the free object of its class that it
 * overlaps most, if by so much; of equal overlaps the later one. It is then a hit, else a miss; or it is ignored, where it
 * takes an object that has not to be found, or takes none and is of another size than is judged. Over the detections of a
 * class in all pictures, by falling score, with n objects to find and k hits among d hits and misses, recall is k / n and
 * precision k / d, and
 *
 *   AP = 1 / 101 sum over r = 0, 0.01, ... 1 of max { precision : recall >= r }
 *
 * Recall is that after all detections. A class without an object has neither, and is left out of means. Of equal scores the
 * detection of the earlier picture is first, then the earlier of the picture.
 *
 * `crowd` objects are COCO's. `difficult` ones, which COCOeval does not know, count for nothing, as in Pascal VOC: any
 * number of detections may take one by its intersection over union, where no other object will do, and is neither hit nor
 * miss.
 *
 * @throws TaskError ILT313 for boxes that are not of finite numbers, labels that are none, scores that are NaN
 * @throws TaskError ILT201 for options out of range
 * @example
 * const { ap50, perClass, classBlind } = detectionFigures(pictures, { classes: 3 });
 */
export function detectionFigures<Area extends string = keyof typeof cocoAreas>(
  pictures: readonly JudgedPicture[],
  options: DetectionFigureOptions<Area>,
): DetectionFigures<Area> {
  return pooledDetectionFigures(pictures, options)(new Uint8Array(pictures.length).fill(1));
}

/**
 * The figures of pictures of which each counts so many times, once they are matched: for a bootstrap over pictures, which
 * asks some hundred times. It is what `detectionFigures` gives of pictures that stand so many times one after another.
 *
 * @throws TaskError as `detectionFigures`
 * @example
 * const figuresOf = pooledDetectionFigures(pictures, { classes: 3, thresholds: [0.5], areas: {} });
 * const { ap50 } = figuresOf([2, 0, 1]);
 */
export function pooledDetectionFigures<Area extends string = keyof typeof cocoAreas>(
  pictures: readonly JudgedPicture[],
  options: DetectionFigureOptions<Area>,
): (times: ArrayLike<number>) => DetectionFigures<Area> {
  const operation = "detectionFigures";
  const { classes, meanOver, thresholds = cocoThresholds, most = 100, areas = cocoAreas } = options;
  requireOptions(operation, { classes, thresholds, most, areas, meanOver });
  pictures.forEach((picture, i) => {
    requirePicture(operation, `picture ${i}`, picture, classes);
  });
  const overlaps = overlapsByClass(pictures, classes, most);
  const matchesIn = (range: AreaRange): Matches[] => overlaps.map((each) => matchesOf(each, thresholds, range));
  const everyArea: AreaRange = [0, Number.POSITIVE_INFINITY];
  const all = matchesIn(everyArea);
  const byArea = Object.entries<AreaRange>(areas).map(([name, range]) => [name, matchesIn(range)] as const);
  const unnamed = pictures.map(({ objects, detections }, picture) =>
    overlapsOf(picture, [...objects].sort(byLabel), [...detections].sort(byLabel), most),
  );
  const blind = matchesOf(unnamed, thresholds, everyArea);
  const meanOfClasses = (figures: readonly ThresholdFigures[][]): PrecisionFigures =>
    precisionFigures(meanOver?.map((label) => figures[label]!) ?? figures, thresholds);
  return (times) => {
    requireTimes(operation, times, pictures.length);
    const figuresOf = (matches: Matches): ThresholdFigures[] => thresholdFigures(matches, thresholds.length, times);
    const ofClasses = all.map(figuresOf);
    return {
      ...meanOfClasses(ofClasses),
      perClass: ofClasses.map((figures) => precisionFigures([figures], thresholds)),
      perArea: Object.fromEntries(byArea.map(([name, each]) => [name, meanOfClasses(each.map(figuresOf))])) as Record<
        Area,
        PrecisionFigures
      >,
      classBlind: precisionFigures([figuresOf(blind)], thresholds),
    };
  };
}

interface Labelled {
  readonly label: number;
}

const byLabel = (a: Labelled, b: Labelled): number => a.label - b.label;

/** Of each class the pictures that have it, marked or found. */
function overlapsByClass(pictures: readonly JudgedPicture[], classes: number, most: number): Overlaps[][] {
  const found = Array.from({ length: classes }, (): Overlaps[] => []);
  pictures.forEach(({ objects, detections }, picture) => {
    for (const label of new Set([...objects, ...detections].map((each) => each.label))) {
      const isOfClass = (each: Labelled): boolean => each.label === label;
      found[label]!.push(overlapsOf(picture, objects.filter(isOfClass), detections.filter(isOfClass), most));
    }
  });
  return found;
}

/** One class in all pictures that have it, matched in one range of areas. */
interface Matches {
  /** Objects to be found, by picture. */
  readonly countable: readonly (readonly [picture: number, objects: number])[];
  /** Of each detection, by falling score: its picture, its place among those of that picture, its score. */
  readonly pictures: Uint32Array;
  readonly places: Uint32Array;
  readonly scores: Float64Array;
  /** Row by row of the thresholds. */
  readonly outcomes: Uint8Array;
}

function matchesOf(pictures: readonly Overlaps[], thresholds: readonly number[], range: AreaRange): Matches {
  const matched = pictures.map((overlaps) => ({ ...overlaps, ...matchPicture(overlaps, thresholds, range) }));
  const found = matched.flatMap((own) => own.detections.map(({ score }, place) => ({ own, place, score })));
  // Stable: of equal scores, that of the earlier picture.
  found.sort(byFallingScore);
  const rows = new Uint8Array(thresholds.length * found.length);
  found.forEach(({ own, place }, i) => {
    for (let t = 0; t < thresholds.length; t++) {
      rows[t * found.length + i] = own.outcomes[t * own.detections.length + place]!;
    }
  });
  return {
    countable: matched.map(({ picture, countable }) => [picture, countable] as const),
    pictures: Uint32Array.from(found, ({ own }) => own.picture),
    places: Uint32Array.from(found, ({ place }) => place),
    scores: Float64Array.from(found, ({ score }) => score),
    outcomes: rows,
  };
}

/** Figures of one class at one threshold, where it has an object to be found. */
interface ThresholdFigures {
  readonly objects: number;
  readonly precision: number;
  /** By the surest detection, by ten, by all. */
  readonly recalls: readonly [one: number, ten: number, all: number];
}

/** The figures at each threshold; none where there is no object to be found. */
function thresholdFigures(matches: Matches, thresholds: number, times: ArrayLike<number>): ThresholdFigures[] {
  const objects = matches.countable.reduce((total, [picture, n]) => total + n * times[picture]!, 0);
  if (objects === 0) return [];
  return Array.from({ length: thresholds }, (_, t) => {
    const precisions: number[] = [];
    let [misses, byOne, byTen] = [0, 0, 0];
    const { pictures, places, scores } = matches;
    const row = matches.outcomes.subarray(t * scores.length, (t + 1) * scores.length);
    for (let from = 0, to = 0; from < scores.length; from = to) {
      // Detections of one picture and one score stay together when their picture comes again.
      const picture = pictures[from];
      while (to < scores.length && pictures[to] === picture && scores[to] === scores[from]) to++;
      for (let time = 0; time < times[picture!]!; time++) {
        for (let i = from; i < to; i++) {
          if (row[i] === outcomes.miss) misses++;
          if (row[i] !== outcomes.hit) continue;
          const hits = precisions.length + 1;
          // COCOeval's, whose epsilon makes 1 of 1 a little less than 1.
          precisions.push(hits / (misses + hits + Number.EPSILON));
          if (places[i]! < 1) byOne++;
          if (places[i]! < 10) byTen++;
        }
      }
    }
    return {
      objects,
      precision: averagePrecision(precisions, objects),
      recalls: [byOne / objects, byTen / objects, precisions.length / objects],
    };
  });
}

/**
 * Mean over 101 recalls of the highest precision at that recall or a higher one; 0 for recalls that are not reached.
 *
 * @param precisions after each hit: recall rises at hits alone, and precision falls between them
 */
function averagePrecision(precisions: number[], objects: number): number {
  for (let i = precisions.length - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i]!, precisions[i + 1]!);
  let total = 0;
  let hit = 0;
  for (let i = 0; i <= 100; i++) {
    while (hit < precisions.length && (hit + 1) / objects < i * 0.01) hit++;
    if (hit === precisions.length) break;
    total += precisions[hit]!;
  }
  return total / 101;
}

const meanOf = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Means over classes, and over thresholds where the figure is of no single one. */
function precisionFigures(
  classes: readonly (readonly ThresholdFigures[])[],
  thresholds: readonly number[],
): PrecisionFigures {
  const there = classes.filter((figures) => figures.length > 0);
  const all = there.flat();
  const at = (threshold: number): number | undefined => {
    const t = thresholds.indexOf(threshold);
    return t < 0 ? undefined : meanOf(there.map((figures) => figures[t]!.precision));
  };
  return {
    ap: meanOf(all.map(({ precision }) => precision)),
    ap50: at(0.5),
    ap75: at(0.75),
    ar1: meanOf(all.map(({ recalls }) => recalls[0])),
    ar10: meanOf(all.map(({ recalls }) => recalls[1])),
    ar: meanOf(all.map(({ recalls }) => recalls[2])),
    objects: there.reduce((total, figures) => total + figures[0]!.objects, 0),
  };
}

/** Options, with those that were left out. */
type Checked = Required<Omit<DetectionFigureOptions<string>, "meanOver">> & {
  readonly meanOver: readonly number[] | undefined;
};

/** @throws TaskError ILT201 for options out of range */
function requireOptions(operation: string, { classes, meanOver, thresholds, most, areas }: Checked): void {
  const refuse = (problem: string, remedy: string): never => {
    throw new TaskError("ILT201", operation, problem, remedy);
  };
  wholeNumber(classes, operation, "classes");
  wholeNumber(most, operation, "most");
  if (thresholds.length === 0) refuse("there are no thresholds", "Give at least one");
  for (const threshold of thresholds) {
    if (!(threshold > 0 && threshold <= 1)) refuse(`a threshold is ${threshold}`, "Give numbers above 0 and up to 1");
  }
  if (meanOver?.length === 0) refuse("meanOver is empty", "Name at least one class, or leave it out for all");
  meanOver?.forEach((label, i) => {
    if (!Number.isSafeInteger(label) || label < 0 || label >= classes) {
      refuse(`meanOver has class ${label}`, `Give whole numbers from 0 to ${classes - 1}`);
    }
    if (meanOver.indexOf(label) < i) refuse(`meanOver has class ${label} twice`, "Give each class once");
  });
  for (const [name, [least, most]] of Object.entries(areas)) {
    if (!(least <= most)) refuse(`areas.${name} is from ${least} to ${most}`, "Give two numbers, the lower first");
  }
}

/** @throws TaskError ILT201 for times that are not whole numbers, one for each picture */
function requireTimes(operation: string, times: ArrayLike<number>, pictures: number): void {
  if (times.length !== pictures) {
    const problem = `${times.length} times for ${pictures} pictures`;
    throw new TaskError("ILT201", operation, problem, "Give one for each picture");
  }
  for (let i = 0; i < pictures; i++) wholeNumber(times[i]!, operation, `times[${i}]`, 0);
}

/** @throws TaskError ILT313 for objects and detections that are none */
function requirePicture(
  operation: string,
  place: string,
  { objects, detections }: JudgedPicture,
  classes: number,
): void {
  objects.forEach((object, i) => {
    requireLabelledBox(operation, `${place}, object ${i}`, object, classes);
    const { area = 0 } = object;
    if (Number.isFinite(area) && area >= 0) return;
    const problem = `${place}, object ${i} has area ${area}`;
    throw new TaskError("ILT313", operation, problem, "Give a finite number not below 0, or none");
  });
  detections.forEach((detection, i) => {
    requireDetection(operation, `${place}, detection ${i}`, detection, classes);
  });
}
