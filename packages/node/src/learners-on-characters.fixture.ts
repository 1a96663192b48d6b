/** Learners of the catalogue, trained for a moment on real strokes: each is to be better than without training. */
import {
  adam,
  allClasses,
  buildLearner,
  crossEntropy,
  defaultsOf,
  type Evaluation,
  episodes,
  evaluate,
  fromScratch,
  key,
  type LabelledExamples,
  type Learner,
  type LearnerEntry,
  type LearnerName,
  learnerCatalogue,
  learnerNames,
  type Optimizer,
  selectClasses,
  sgd,
  train,
} from "@innerloop/core";
import { networkCatalogue } from "@innerloop/core/learners";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hanziExamples } from "./data/sets/hanzi.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const [ways, shots, queries] = [5, 1, 3];
/** Half the size of the preset's: strokes can be told apart, in a quarter of the time. */
const side = 14;
const imageShape = [side, side, 1] as const;
interface Schedule {
  readonly iterations: number;
  readonly optimizer: Optimizer;
  readonly innerOptimizer: "sgd" | "adam";
  readonly innerRate: number;
  readonly steps: number;
}

const stepping = (innerRate: number, steps: number) => ({ innerRate, steps, innerOptimizer: "sgd" }) as const;

const usual: Schedule = {
  ...stepping(0.4, 1),
  iterations: 300,
  optimizer: adam({ learningRate: 3e-3 }),
};

/** Comparing embeddings is learned sooner. */
const sooner: Partial<Schedule> = { iterations: 200 };

/** Learners that want another schedule than the usual one. */
const schedules: Partial<Record<LearnerName, Partial<Schedule>>> = {
  reptile: {
    steps: 5,
    innerOptimizer: "adam",
    innerRate: 3e-3,
    optimizer: sgd({ learningRate: 0.5 }),
    iterations: 300,
  },
  anil: { ...stepping(0.4, 3), iterations: 200 },
  boil: { iterations: 200 },
  "maml++": { ...stepping(0.2, 3), iterations: 120 },
  "learned-sgd": { ...stepping(0.2, 3), iterations: 120 },
  "lstm-optimizer": { ...stepping(0.2, 3), iterations: 100 },
  cavia: { ...stepping(1, 2), iterations: 400 },
  imaml: stepping(0.2, 5),
  gates: stepping(0.5, 5),
  widths: stepping(0.2, 5),
  ridge: sooner,
  logistic: sooner,
  svm: sooner,
  "ridge-prior": sooner,
  "logistic-prior": sooner,
  prototypical: sooner,
  matching: sooner,
  "matching-fce": sooner,
  relation: { iterations: 250 },
  siamese: { iterations: 200 },
  triplet: sooner,
  "semi-supervised": sooner,
  "simple-shot": { iterations: 300 },
  film: sooner,
};

/** Learners that come this far in thousands of updates: here they are to be better than the same adaptation untrained. */
const later: readonly LearnerName[] = ["fomaml", "reptile", "cavia", "imaml"];

/** Networks that take thousands of updates to learn to read a support set: they are tried on clusters. */
const slow: readonly LearnerName[] = ["cnp", "anp", "transformer", "snail", "mann"];

const shapes = { inputShape: imageShape, outputs: ways } as const;
const networks = networkCatalogue.conv.networks(shapes, {
  ...defaultsOf(networkCatalogue.conv.options),
  filters: 16,
  blocks: 3,
});

/** The learner of a name under a schedule, with what it has hyperparameters for. */
function learnerOf(name: LearnerName, { steps, innerRate, innerOptimizer, iterations }: Schedule): Learner {
  const { options } = learnerCatalogue[name] as LearnerEntry;
  const values = { steps, innerRate, innerOptimizer, units: 32, contextSize: 16 };
  const own = Object.entries(values).filter(([option]) => Object.hasOwn(options, option));
  const setting = { ...shapes, kind: "classification", networks, loss: crossEntropy, iterations } as const;
  return buildLearner(
    name,
    { ...setting, supportRows: ways * shots, trainClasses: 100 },
    Object.fromEntries(own) as Readonly<Record<string, unknown>>,
  );
}

const accuracyOf = ({ rows }: Evaluation) => rows.at(-1)!.figures.accuracy!;

/** The learners of classification that are tried on characters. */
export const learnersOnCharacters: readonly LearnerName[] = learnerNames.filter((name) => {
  const { kinds, family }: LearnerEntry = learnerCatalogue[name];
  return kinds.includes("classification") && family !== "baseline" && !slow.includes(name);
});

/** The tests of these learners. They share the characters, and what training from scratch makes of them. */
export function learnOnCharacters(names: readonly LearnerName[]): void {
  describe("on characters that were not trained on, 5-way 1-shot,", () => {
    // Files run side by side: one core for each.
    const executor = onnxruntimeExecutor({ threads: 1 });
    afterAll(() => executor.close());
    let characters: LabelledExamples;
    const part = (from: number, to: number) => selectClasses(characters, (_, i) => i >= from && i < to);
    const heldOut = () => episodes(part(100, 140), { ways, shots, queries });
    let scratch: number;

    beforeAll(async () => {
      characters = await hanziExamples({ characters: 140, side });
      const baseline = fromScratch({
        model: networks.model(),
        loss: crossEntropy,
        inner: adam({ learningRate: 0.01 }),
        steps: 50,
      });
      const evaluation = await evaluate({
        learner: baseline,
        params: baseline.init(key(0)),
        tasks: heldOut(),
        count: 100,
        executor,
      });
      const { mean, interval } = accuracyOf(evaluation);
      scratch = mean + interval;
    });

    test.each(names)("%s is better than training from scratch", async (name) => {
      const schedule = { ...usual, ...schedules[name] };
      const { options, tasks } = learnerCatalogue[name] as LearnerEntry;
      const batches = tasks?.(defaultsOf(options), "classification").kind === "batches of all classes";
      const run = await train({
        learner: learnerOf(name, schedule),
        tasks: {
          train: batches
            ? allClasses(part(0, 100), { batch: 64 })
            : episodes(part(0, 100), { ways, shots: name === "reptile" ? 5 : shots, queries }),
          validation: heldOut(),
        },
        optimizer: schedule.optimizer,
        metaBatchSize: batches ? 1 : 8,
        iterations: schedule.iterations,
        executor,
        onEvent: () => undefined,
      });
      const { steps } = run.learner;
      const judged = {
        tasks: heldOut(),
        count: 100,
        steps: [steps ?? 0],
      };
      const { mean, interval } = accuracyOf(await run.evaluate(judged));
      let least = scratch;
      if (later.includes(name)) {
        const { learner } = run;
        const untrained = accuracyOf(await evaluate({ ...judged, learner, params: learner.init(key(0)), executor }));
        least = untrained.mean + untrained.interval;
      }
      expect(mean - interval, `${mean} ± ${interval}`).toBeGreaterThan(least);
    });
  });
}
