import {
  type EvaluateOpenSetOptions,
  episodes,
  evaluate,
  evaluateOpenSet,
  key,
  labelledExamples,
  type OpenSetCalibration,
  openSetAnswers,
  openSetEpisodes,
  prototypicalNetwork,
  random,
  type TaskSource,
} from "@innerloop/core";
import { functionLayer } from "@innerloop/core/layers";
import { type DescribedTaskSource, splitSeed } from "@innerloop/core/tasks";
import { areaUnderRoc } from "@innerloop/core/training";
import { type Tensor, type Tree, tensor } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

/** Points around centres of their class, in the plane. */
const blobs = (seed: number) => {
  const source = random(seed);
  return labelledExamples({
    name: `blobs ${seed}`,
    exampleShape: [2],
    classes: Array.from({ length: 30 }, (_, c) => {
      const centre = [source.normal(0, 3), source.normal(0, 3)];
      const examples = Array.from({ length: 20 }, () => centre.map((at) => at + source.normal()));
      return { name: `c${c}`, examples };
    }),
  });
};

const shape = { ways: 3, shots: 2, queries: 4, unknownClasses: 2, unknownQueries: 5 };
const tasks = { validation: openSetEpisodes(blobs(1), shape), test: openSetEpisodes(blobs(2), shape) };
const learner = prototypicalNetwork({ model: functionLayer((x) => x), ways: 3 });
const given = {
  learner,
  params: learner.init(key(0)) as Tree,
  tasks,
  count: 60,
  validationCount: 50,
  seed: 4,
  executor,
} satisfies EvaluateOpenSetOptions;

/** Logits and labels of tasks, in plain arithmetic: -|x - mean of the class's two examples|^2. */
function judged(source: TaskSource, seed: number, count: number) {
  return Array.from({ length: count }, (_, index) => {
    const { support, query } = source.sample(seed, index);
    const at = (x: Tensor, row: number) => [Number(x.data![2 * row]), Number(x.data![2 * row + 1])] as const;
    const centres = [0, 1, 2].map((c) => {
      const [a, b] = [at(support.x, 2 * c), at(support.x, 2 * c + 1)];
      return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] as const;
    });
    return Array.from({ length: query.y.size }, (_, row) => {
      const [x, y] = at(query.x, row);
      const logits = centres.map((c) => -((x - c[0]) ** 2) - (y - c[1]) ** 2);
      const score = Math.max(...logits);
      return { label: Number(query.y.data![row]), score, guess: logits.indexOf(score) };
    });
  });
}
const validation = judged(tasks.validation, splitSeed(4, "validation"), 50);
const test_ = judged(tasks.test, splitSeed(4, "test"), 60);
const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;

describe("evaluateOpenSet", () => {
  test.each<[string, OpenSetCalibration]>([
    ["95%", { acceptance: 0.95 }],
    ["60%", { acceptance: 0.6 }],
    ["balanced", "balanced"],
  ])("has the figures that counting gives, threshold for %s", async (_name, calibration) => {
    const { rule, figures, values } = await evaluateOpenSet({ ...given, calibration });
    const all = validation.flat();
    const known = all.filter(({ label }) => label >= 0).map(({ score }) => score);
    const unknown = all.filter(({ label }) => label < 0).map(({ score }) => score);
    const share = (list: readonly number[], threshold: number) =>
      list.filter((s) => s >= threshold).length / list.length;
    // All thresholds that make a difference, tried one by one.
    const threshold =
      calibration === "balanced"
        ? known.reduce((best, t) => {
            const balance = (at: number) => share(known, at) - share(unknown, at);
            return balance(t) > balance(best) ? t : best;
          })
        : Math.max(...known.filter((t) => share(known, t) >= calibration.acceptance));
    expect(rule.threshold).toBeCloseTo(threshold, 4);

    const accepted = ({ score }: { score: number }) => score >= rule.threshold - 1e-4;
    const perTask = test_.map((rows) => {
      const [own, others] = [rows.filter(({ label }) => label >= 0), rows.filter(({ label }) => label < 0)];
      const right = ({ label, guess }: { label: number; guess: number }) => label === guess;
      const taken = own.filter(accepted);
      const answered = taken.filter(right).length + others.filter((row) => !accepted(row)).length;
      return {
        auroc: areaUnderRoc(
          own.map(({ score }) => score),
          others.map(({ score }) => score),
        ),
        knownAccepted: taken.length / own.length,
        unknownRejected: others.filter((row) => !accepted(row)).length / others.length,
        acceptedAccuracy: taken.filter(right).length / taken.length,
        closedSetAccuracy: own.filter(right).length / own.length,
        openSetAccuracy: answered / rows.length,
      };
    });
    for (const name of Object.keys(figures) as (keyof typeof figures)[]) {
      const expected = perTask.map((task) => task[name]);
      expect(Array.from(values[name]), name).toEqual(expected.map((value) => expect.closeTo(value, 5)));
      const defined = expected.filter((value) => !Number.isNaN(value));
      expect(figures[name].mean, name).toBeCloseTo(mean(defined), 5);
      expect(figures[name].interval, name).toBeGreaterThan(0);
    }
    // Overlapping classes: neither chance nor perfect.
    expect(figures.auroc.mean).toBeGreaterThan(0.6);
    expect(figures.auroc.mean).toBeLessThan(0.99);
  });

  test("leaves rows of padding out of its figures", async () => {
    // A row in front that is not there, of a known class and far from all of them.
    const withPadding = ({ spec, ...source }: DescribedTaskSource): TaskSource => ({
      ...source,
      spec: { ...spec, query: { rows: spec.query.rows + 1, present: true } },
      sample: (seed, index) => {
        const { support, query } = source.sample(seed, index);
        const n = query.y.size;
        return {
          support,
          query: {
            x: tensor([99, 99, ...(query.x.data as Float32Array)], [n + 1, 2], "float32"),
            y: tensor([1, ...(query.y.data as Int32Array)], [n + 1], "int32"),
            present: tensor([0, ...new Array<number>(n).fill(1)], [n + 1], "float32"),
          },
        };
      },
    });
    const plain = await evaluateOpenSet(given);
    const filled = await evaluateOpenSet({
      ...given,
      tasks: { validation: withPadding(tasks.validation), test: withPadding(tasks.test) },
    });
    expect(filled.rule.threshold).toBeCloseTo(plain.rule.threshold, 4);
    for (const name of Object.keys(plain.values) as (keyof typeof plain.values)[])
      expect(Array.from(filled.values[name]), name).toEqual(Array.from(plain.values[name]));
  });

  test("states its protocol and progress", async () => {
    const steps: string[] = [];
    const { protocol, learner: name } = await evaluateOpenSet({
      ...given,
      score: "energy",
      onProgress: (done, total) => steps.push(`${done}/${total}`),
    });
    expect(name).toBe("prototypical network");
    expect(protocol).toMatchObject({
      family: "blobs 2 3-way 2-shot, open set",
      unknownClasses: 2,
      unknownQueries: 5,
      distance: "squaredEuclidean",
      score: "energy",
      calibration: "95% of known validation queries accepted",
      validationTasks: 50,
      tasks: 60,
      seed: splitSeed(4, "test"),
    });
    expect(steps.at(-1)).toBe("110/110");
  });

  test("its rule answers as its figures count", async () => {
    const { rule, values } = await evaluateOpenSet(given);
    const logits = test_[0]!.map(({ guess, score }) => [0, 1, 2].map((c) => (c === guess ? score : score - 1)));
    const answers = openSetAnswers(tensor(logits), rule);
    const right = answers.filter(({ label }, i) => (label ?? -1) === test_[0]![i]!.label);
    expect(right.length / answers.length).toBeCloseTo(values.openSetAccuracy[0]!, 5);
  });

  test("refuses closed tasks and shares that are none; evaluate refuses open-set ones", async () => {
    const closed = episodes(blobs(1), { ways: 3, shots: 1, queries: 1 });
    await expect(evaluateOpenSet({ ...given, tasks: { ...tasks, test: closed } })).rejects.toThrow(
      /ILR101 evaluateOpenSet: blobs 1 3-way 1-shot has no queries of unknown classes\. Give tasks of openSetEpisodes/,
    );
    await expect(evaluateOpenSet({ ...given, calibration: { acceptance: 95 } })).rejects.toThrow(/acceptance is 95/);
    await expect(evaluate({ ...given, tasks: tasks.test })).rejects.toThrow(/ILR101 evaluate: .*Use evaluateOpenSet/);
    const ruined = { ...learner, predict: () => tensor(new Float32Array(66).fill(Number.NaN), [22, 3]) };
    await expect(evaluateOpenSet({ ...given, learner: ruined })).rejects.toThrow(/ILR102 evaluateOpenSet: the score/);
  });
});
