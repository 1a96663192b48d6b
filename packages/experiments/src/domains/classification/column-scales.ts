/** Examples that are rows of numbers, whose columns may be of very different sizes: years beside incomes. */
import type { LabelledExamples } from "@innerloop/core";
import type { DataSplits } from "./data-splits.js";

/** The scales that bring the columns of examples to mean 0 and deviation 1: (value - mean) / deviation. */
export interface ColumnScales {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** The question whether examples are rows of numbers, such as those of a table. Bytes have a scale already, as have images. */
export const areRows = ({ exampleShape, classes }: LabelledExamples): boolean =>
  exampleShape.length === 1 && classes.every(({ examples }) => examples instanceof Float32Array);

/**
 * Mean and deviation of each column over all examples of these classes, which are to be those of training alone; the
 * deviation of a column that does not vary is taken as 1.
 */
export function columnScales({ exampleShape, classes }: LabelledExamples): ColumnScales {
  const [size = 1] = exampleShape;
  const rows = classes.reduce((sum, { count }) => sum + count, 0);
  const meanOf = (valueAt: (value: number, column: number) => number): number[] => {
    const sums = new Float64Array(size);
    for (const { examples } of classes) {
      for (let i = 0; i < examples.length; i++) sums[i % size]! += valueAt(examples[i]!, i % size);
    }
    return Array.from(sums, (sum) => sum / rows);
  };
  const mean = meanOf((value) => value);
  const variance = meanOf((value, column) => (value - mean[column]!) ** 2);
  // Of equal values the mean may be off by a rounding, and leave a deviation of about 1e-16 of them.
  const varies = (column: number): boolean => Math.sqrt(variance[column]!) > 1e-12 * Math.abs(mean[column]!);
  return { mean, deviation: variance.map((value, column) => (varies(column) ? Math.sqrt(value) : 1)) };
}

/** Examples with their columns brought to these scales, in arrays of their own. */
export function withScales(data: LabelledExamples, { mean, deviation }: ColumnScales): LabelledExamples {
  const size = mean.length;
  return {
    ...data,
    classes: data.classes.map((entry) => ({
      ...entry,
      examples: Float32Array.from(entry.examples, (value, i) => (value - mean[i % size]!) / deviation[i % size]!),
    })),
  };
}

/** The parts of a data set with scales of its training part; a part that is used twice stays one. */
export function splitsWithScales(splits: DataSplits, scales: ColumnScales): DataSplits {
  const train = withScales(splits.train, scales);
  const validation = splits.validation === splits.train ? train : withScales(splits.validation, scales);
  const test = splits.test === splits.validation ? validation : withScales(splits.test, scales);
  return { train, validation, test };
}

/**
 * Says so where columns of other data are of another size than those that the scales are of, in another unit perhaps:
 * scaled alike they are far from 0, or hardly vary.
 */
export function scalesWarning(data: LabelledExamples, name: string, trained: ColumnScales): string | undefined {
  const here = columnScales(data);
  const odd = trained.mean.flatMap((mean, column) => {
    const [deviation, own] = [trained.deviation[column]!, here.deviation[column]!];
    const isFar = Math.abs(here.mean[column]! - mean) > 10 * deviation;
    const ratio = own / deviation;
    if (!isFar && ratio < 30 && ratio > 1 / 30) return [];
    const shown = (value: number): string => value.toPrecision(3);
    return [
      `number ${column + 1} is ${shown(here.mean[column]!)} ± ${shown(own)} there, and was ${shown(mean)} ± ${shown(deviation)} in training`,
    ];
  });
  if (odd.length === 0) return undefined;
  const more = odd.length > 3 ? `; ${odd.length - 3} others are as far off` : "";
  return `the columns of ${name} are of another size than those of training: ${odd.slice(0, 3).join("; ")}${more}. Give them in the same unit`;
}

/** The question whether a value of a file is the scales of examples of this shape. */
export function areScales(value: unknown, exampleShape: readonly unknown[]): boolean {
  const { mean, deviation } = Object(value) as Partial<Record<"mean" | "deviation", unknown>>;
  const areNumbers = (list: unknown, isGood: (n: number) => boolean): boolean =>
    Array.isArray(list) &&
    list.length === exampleShape[0] &&
    list.every((n) => typeof n === "number" && Number.isFinite(n) && isGood(n));
  return exampleShape.length === 1 && areNumbers(mean, () => true) && areNumbers(deviation, (n) => n > 0);
}
