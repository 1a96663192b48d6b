/** The best parameters of a training, by the loss and by other figures. */
import {
  type CheckpointStore,
  crossEntropy,
  type Evaluation,
  episodes,
  key,
  type Learner,
  labelledExamples,
  maml,
  type PooledMetric,
  pooledFigure,
  prototypicalNetwork,
  random,
  sgd,
  type TaskMetric,
  type TrainOptions,
  train,
  withMetrics,
} from "@innerloop/core";
import { linear } from "@innerloop/core/layers";
import { checkpointSummary, decodeSafetensors } from "@innerloop/core/training";
import { leaves, mean, ones, sum, type Tensor, type Tree, toNumbers } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

/** Classes that lie on top of each other, but for one direction of four. */
const data = labelledExamples({
  name: "points",
  exampleShape: [4],
  classes: Array.from({ length: 20 }, (_, c) => {
    const source = random(9, c);
    const centre = source.normal(0, 1.5);
    return {
      name: `c${c}`,
      examples: Array.from({ length: 8 }, () => [
        centre + source.normal(),
        source.normal(),
        source.normal(),
        source.normal(),
      ]),
    };
  }),
});
const tasks = episodes(data, { ways: 3, shots: 2, queries: 4 });

/** The first logit of the last row over all tasks: what a rate this large makes of it goes up and down. */
const drift: PooledMetric = {
  name: "drift",
  title: "drift",
  better: "higher",
  pooled: pooledFigure({
    statistics: (logits: Tensor, y: Tensor, present = ones(y.shape)) => ({ total: sum(logits), rows: sum(present) }),
    combine: (all) => {
      const totals = all.map(({ total, rows }) => [toNumbers(total)[0]!, toNumbers(rows)[0]!] as const);
      return (times) => {
        const over = (which: 0 | 1): number => totals.reduce((sum_, each, i) => sum_ + times[i]! * each[which], 0);
        return over(0) / over(1);
      };
    },
  }),
};
const spread: TaskMetric = { name: "spread", title: "spread of logits", compute: (logits) => mean(logits) };

const learner = maml({
  model: linear({ inputs: 4, outputs: 3 }),
  loss: withMetrics(crossEntropy, [drift, spread]),
  inner: sgd({ learningRate: 0.4 }),
  steps: 2,
});

function inMemory(): CheckpointStore & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    load: async (name) => kept.get(name),
    save: async (name, bytes) => {
      kept.set(name, bytes);
    },
  };
}

type Params = ReturnType<typeof learner.init>;

async function trained(by: string | undefined, more: Partial<TrainOptions<Params>> = {}) {
  const evaluations: { readonly iteration: number; readonly evaluation: Evaluation; readonly best: boolean }[] = [];
  const store = inMemory();
  const run = await train({
    learner,
    tasks,
    // A rate that is too large: figures go up and down, each in its own way.
    optimizer: sgd({ learningRate: 1.5 }),
    metaBatchSize: 1,
    iterations: 12,
    seed: 3,
    executor,
    chunkSize: 1,
    recompute: false,
    checkpoints: { store, every: 4 },
    onEvent: (event) => {
      if (event.type === "validation") evaluations.push(event);
    },
    ...more,
    validation: { every: 1, count: 12, ...(by === undefined ? {} : { by }), ...more.validation },
  });
  return { run, store, evaluations };
}

/** Where the figure is the largest, or the smallest, the first of several. */
function expectedBest(evaluations: Awaited<ReturnType<typeof trained>>["evaluations"], name: string, sign: 1 | -1) {
  const scores = evaluations.map(({ iteration, evaluation }) => ({
    iteration,
    score: evaluation.rows.at(-1)!.figures[name]!.mean,
  }));
  return scores.reduce((best, each) => (sign * each.score > sign * best.score ? each : best));
}

const trainingIn = (bytes: Uint8Array) =>
  JSON.parse(decodeSafetensors(bytes).metadata.training!) as { best: object; sinceBest: number };

describe("the best parameters", () => {
  test("are judged after as many adaptation steps as validation names, of learners that take some", async () => {
    const { run, evaluations } = await trained("accuracy", { validation: { every: 1, count: 12, steps: 6 } });
    expect(new Set(evaluations.map(({ evaluation }) => evaluation.rows.map(({ steps }) => steps).join()))).toEqual(
      new Set(["0,6"]),
    );
    const best = expectedBest(evaluations, "accuracy", 1);
    expect(run.best).toMatchObject({ iteration: best.iteration, score: best.score });
    const untouched = await trained("accuracy", { validation: { every: 1, count: 12, steps: 0 } });
    expect(untouched.evaluations[0]!.evaluation.rows.map(({ steps }) => steps)).toEqual([0]);
    await expect(trained("accuracy", { validation: { every: 1, steps: -1 } })).rejects.toThrow(/validation\.steps/);
  });

  test("are those of the least loss, unless another figure is named: accuracy and a pooled one choose others", async () => {
    const runs = { loss: await trained(undefined), accuracy: await trained("accuracy"), drift: await trained("drift") };
    const best = {
      loss: expectedBest(runs.loss.evaluations, "loss", -1),
      accuracy: expectedBest(runs.loss.evaluations, "accuracy", 1),
      drift: expectedBest(runs.loss.evaluations, "drift", 1),
    };
    expect(new Set(Object.values(best).map(({ iteration }) => iteration)).size).toBe(3);
    for (const name of ["loss", "accuracy", "drift"] as const) {
      const { run, store, evaluations } = runs[name];
      const named = name === "loss" ? {} : { by: name };
      expect(run.best).toMatchObject({ ...best[name], ...named });
      expect(evaluations.findLast((event) => event.best)!.iteration).toBe(best[name].iteration);
      expect(checkpointSummary(store.kept.get("best")!).iteration).toBe(best[name].iteration);
      expect(trainingIn(store.kept.get("last")!).best).toEqual({ ...best[name], ...named });
    }
  });

  test("by the loss are kept in the same bytes whether it is named or not", async () => {
    const [silent, named] = [await trained(undefined), await trained("loss")];
    for (const name of ["best", "last"]) expect(named.store.kept.get(name)).toEqual(silent.store.kept.get(name));
  });

  test("may be the first ones, where these are judged too and nothing gets better", async () => {
    // Up the gradient: every update makes it worse.
    const worse = { optimizer: sgd({ learningRate: -1.5 }), validation: { every: 4, count: 12, start: true } } as const;
    const { run, store, evaluations } = await trained("loss", worse);
    expect(evaluations.map(({ iteration, best }) => [iteration, best])).toEqual([
      [0, true],
      [4, false],
      [8, false],
      [12, false],
    ]);
    expect(run.best!.iteration).toBe(0);
    const numbers = (params: Tree): number[][] => leaves(params).map((leaf) => [...toNumbers(leaf)]);
    expect(numbers(run.best!.params)).toEqual(numbers(learner.init(key(3))));
    const unjudged = await trained("loss", { ...worse, validation: { every: 4, count: 12 } });
    expect(unjudged.evaluations[0]!.iteration).toBe(4);
    expect(unjudged.store.kept.get("last")).not.toEqual(store.kept.get("last"));
    expect(numbers(unjudged.run.params)).toEqual(numbers(run.params));
  });

  test("decide when a training stops early", async () => {
    const { evaluations } = await trained("accuracy");
    const patience = 2;
    let [best, since, expected] = [Number.NEGATIVE_INFINITY, 0, 12];
    for (const { iteration, evaluation } of evaluations) {
      const score = evaluation.rows.at(-1)!.figures.accuracy!.mean;
      [best, since] = score > best ? [score, 0] : [best, since + 1];
      if (since === patience) {
        expected = iteration;
        break;
      }
    }
    expect(expected).toBeLessThan(12);
    const { run } = await trained("accuracy", { validation: { every: 1, count: 12, by: "accuracy", patience } });
    expect([run.iteration, run.reason]).toEqual([expected, "early stop"]);
  });

  test("go on by the same figure after a stop, and by no other", async () => {
    const whole = await trained("accuracy");
    const store = inMemory();
    const first = await trained("accuracy", { iterations: 5, checkpoints: { store, every: 5 } });
    expect(first.run.iteration).toBe(5);
    const resume = { checkpoints: { store, every: 4, resume: true } };
    await expect(trained("drift", resume)).rejects.toThrow(
      /^ILR202 checkpoint: its best parameters were chosen by accuracy, and this run goes by drift\. Resume with validation\.by: "accuracy"/,
    );
    await expect(trained(undefined, resume)).rejects.toThrow(/chosen by accuracy, and this run goes by loss/);
    const { run } = await trained("accuracy", resume);
    expect(run.best!.iteration).toBe(whole.run.best!.iteration);
    expect(store.kept.get("last")).toEqual(whole.store.kept.get("last"));
  });

  test("are by a figure that there is, of which more or less is better", async () => {
    await expect(trained("f1")).rejects.toThrow(
      /^ILR101 validation\.by: "f1" is no figure of MAML on these tasks\. Name one of drift, loss, accuracy, calibrationError/,
    );
    await expect(trained("spread")).rejects.toThrow(
      /^ILR101 validation\.by: of the spread of logits, neither more nor less is better\. Name one of drift/,
    );
  });
});

test("training begins by saying what its figures are", async () => {
  const told: unknown[] = [];
  const metric = prototypicalNetwork({ model: linear({ inputs: 4, outputs: 2 }), ways: 3 }) as Learner<Tree>;
  await train({
    learner: metric,
    tasks,
    optimizer: sgd({ learningRate: 0.1 }),
    metaBatchSize: 1,
    iterations: 1,
    executor,
    onEvent: (event) => {
      if (event.type === "start") told.push(event.figures.map(({ name, title, better }) => [name, title, better]));
    },
  });
  expect(told).toEqual([
    [
      ["accuracy", "accuracy", "higher"],
      ["loss", "negative log-likelihood", "lower"],
      ["calibrationError", "calibration error", "lower"],
    ],
  ]);
});
