import type { PixelReading } from "../../io.js";
import { isRecord } from "../../options/outside-text.js";
import type { DataSpec } from "../domain.js";
import { type ImageEncoderRecord, isImageEncoderRecord } from "../image-encoders.js";
import { areScales, type ColumnScales } from "./column-scales.js";
import type { SeenExamples } from "./seen-examples.js";

/** A record of a data set of classes, which a run keeps: enough to notice that it has changed, and to read images as it did. */
export interface ClassificationSpec extends DataSpec {
  /** Classes that training had. */
  readonly trainClasses?: number;
  /** What the columns of a data set of rows were scaled by; none where they were taken as they are. */
  readonly scales?: ColumnScales;
  /** Whether images were inverted when they were read. */
  readonly invert?: boolean;
  /** Whether its images, as the model sees them, are dark ink on light paper; where it is unknown, none are inverted. */
  readonly darkOnLight?: boolean;
  /** How the pixels of image files became bytes; records of before there was a choice have none. */
  readonly pixels?: PixelReading;
  /** The examples that a class needs to be held out; records of before it mattered have none. */
  readonly leastExamples?: number;
  /** What tells classes that were trained on, or validated on, from new ones. */
  readonly seen?: SeenExamples;
  /** What made features of its images; `exampleShape` is theirs. None where examples are what was read. */
  readonly backbone?: ImageEncoderRecord;
}

/** Numbers of an example: a colour image of 4,000 by 4,000, or a very wide row. */
const largestExample = 2 ** 24;

const isWhole = (n: unknown, least: number): n is number => Number.isSafeInteger(n) && (n as number) >= least;

/** Whether a value is the part that all specs have, with a shape of examples that can be. */
export function isDataSpec(value: unknown): value is DataSpec {
  if (!isRecord(value)) return false;
  const { name, sha256, folder, exampleShape } = value;
  return (
    typeof name === "string" &&
    typeof sha256 === "string" &&
    ["undefined", "string"].includes(typeof folder) &&
    !String(folder).includes("\0") &&
    Array.isArray(exampleShape) &&
    exampleShape.length <= 8 &&
    exampleShape.every((n) => isWhole(n, 1)) &&
    exampleShape.reduce((a: number, b: number) => a * b, 1) <= largestExample
  );
}

/** The spec in a value from a file; undefined where it is none. */
export function parseClassificationSpec(value: unknown): ClassificationSpec | undefined {
  if (!isDataSpec(value)) return undefined;
  const { trainClasses, darkOnLight, invert, scales, pixels, leastExamples, seen, backbone } =
    value as unknown as Readonly<Record<string, unknown>>;
  const isSpec =
    (trainClasses === undefined || (isWhole(trainClasses, 0) && trainClasses <= largestExample)) &&
    ["undefined", "boolean"].includes(typeof darkOnLight) &&
    ["undefined", "boolean"].includes(typeof invert) &&
    (scales === undefined || areScales(scales, value.exampleShape)) &&
    (pixels === undefined || isPixelReading(pixels)) &&
    (leastExamples === undefined || isWhole(leastExamples, 1)) &&
    ["undefined", "string"].includes(typeof seen) &&
    (backbone === undefined || isImageEncoderRecord(backbone));
  return isSpec ? (value as ClassificationSpec) : undefined;
}

/** The question whether a value from a file says how pixels become bytes. */
export function isPixelReading(value: unknown): value is PixelReading {
  if (!isRecord(value)) return false;
  const { background, depth } = value;
  return (background === "white" || background === "black") && [8, 10, 12, 16].includes(depth as number);
}
