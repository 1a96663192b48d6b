/** How far each rating of training moves a learner that adapts by steps: what evidence candidates are chosen by. */
import type { FeatureRows, ResidualLearner, ResidualParameters } from "@innerloop/core/learners";
import { finiteResult } from "@innerloop/core/tasks";
import { type CompiledFunction, DescribedError, type Tensor, type Tree, tensor, vmap } from "@innerloop/graph";
import type { LongWork } from "../../io.js";
import { reasonOf } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { RankerSetting } from "../ranker.js";
import type { RatingValues } from "./options.js";
import { loadRatings, type RatingData } from "./reading.js";
import type { RatingSpec } from "./spec.js";

/** Ratings that are stepped to at once. */
const ratingsAtOnce = 1024;

/** Of each item of a run the sum of the lengths of the first steps, one for each of its ratings, and their number. */
export interface TrainingSteps {
  readonly steps: Float64Array;
  readonly counts: Int32Array;
}

/** The program of the steps to many ratings, each alone: lengths [ratings]. */
export type StepProgram = CompiledFunction<readonly Tree[], Tensor>;

/** That program, to be compiled: meta-parameters, bases [n, 1, 1], features [n, 1, width], ratings [n, 1, 1]. */
export const stepsOf =
  (learner: ResidualLearner) =>
  (params: Omit<ResidualParameters, "embedding">, base: Tensor, features: Tensor, rating: Tensor): Tensor =>
    vmap((b: Tensor, z: Tensor, r: Tensor) => learner.firstStep(params, { base: b, features: z, rating: r }))(
      base,
      features,
      rating,
    );

/** Items one after another, from a place on, as rows of features. */
export interface ItemRows {
  readonly from: number;
  readonly rows: FeatureRows;
}

/**
 * The steps to all ratings of training, each by itself: what a newcomer's first answer does. A rating's base is without
 * what its user says of the item, as in training. A run keeps no users: the ratings are read again from where it has them.
 *
 * @param parts rows of all items, in parts
 * @throws UsageError where the ratings are not there any more, or are others
 */
export async function trainingSteps(
  setting: StepSetting,
  program: StepProgram,
  parts: AsyncIterable<ItemRows>,
  work: LongWork,
): Promise<TrainingSteps> {
  const { spec } = setting;
  const { train } = (await ratingsOf(setting, work)).parts;
  const { logShrinkage, learner } = setting.params as ResidualParameters;
  const { mean, deviation } = spec.units;
  const items = spec.items.ids.length;
  const [steps, counts] = [new Float64Array(items), new Int32Array(items)];
  const column = (values: Float32Array): Tensor => tensor(values, [values.length, 1, 1]);
  const standardised = (values: Float32Array, places: readonly number[]): Tensor =>
    column(
      Float32Array.from({ length: ratingsAtOnce }, (_, i) => (values[places[i] ?? places[0]!]! - mean) / deviation),
    );
  let told = 0;
  for await (const { from, rows } of parts) {
    const [count, width] = rows.features.shape as readonly [number, number];
    const features = rows.features.data as Float32Array;
    const within = [...train.item.keys()].filter(
      (place) => train.item[place]! >= from && train.item[place]! < from + count,
    );
    for (let at = 0; at < within.length; at += ratingsAtOnce) {
      work.signal?.throwIfAborted();
      const places = within.slice(at, at + ratingsAtOnce);
      const z = new Float32Array(ratingsAtOnce * width);
      places.forEach((place, row) => {
        const item = train.item[place]! - from;
        z.set(features.subarray(item * width, (item + 1) * width), row * width);
      });
      const [base, rating] = [standardised(train.base, places), standardised(train.rating, places)];
      const asked = { features: tensor(z, [ratingsAtOnce, 1, width]), base, rating };
      const lengths = finiteResult(
        "recommend",
        await program({ ...(logShrinkage ? { logShrinkage } : {}), learner }, asked.base, asked.features, asked.rating),
        { x: asked, trained: () => undefined, steps: 1 },
      );
      places.forEach((place, row) => {
        const item = train.item[place]!;
        steps[item]! += Number(lengths.data![row]);
        counts[item]!++;
      });
      told += places.length;
      work.onProgress?.(told, train.item.length, "ratings");
    }
  }
  return { steps, counts };
}

type StepSetting = Pick<RankerSetting<RatingValues, RatingSpec>, "options" | "spec" | "io" | "name" | "params">;

/** The ratings that a run was trained on. */
async function ratingsOf({ options, spec, io, name }: StepSetting, work: LongWork): Promise<RatingData> {
  const remedy = "Ask by information or popularity, which need none";
  try {
    const { data, spec: found } = await loadRatings(options, io, work, { options, spec });
    if (found!.sha256 === spec.sha256) return data;
  } catch (error) {
    if (!(error instanceof DescribedError)) throw error;
    throw new UsageError(`evidence is of the ratings that ${name} was trained on: ${reasonOf(error)}`, remedy);
  }
  throw new UsageError(
    `evidence is of the ratings that ${name} was trained on, and ${spec.name} has others now`,
    remedy,
  );
}
