import {
  adam,
  crossEntropy,
  maml,
  meanSquaredError,
  mlp,
  sgd,
  sinusoids,
  type TaskSource,
  type TrainingEvent,
  train,
} from "@innerloop/core";
import { linear } from "@innerloop/core/layers";
import {
  compile,
  gather,
  grad,
  leaves,
  pow,
  sum,
  type Tensor,
  type Tree,
  tensor,
  toNumbers,
  vmap,
  where,
} from "@innerloop/graph";
import { afterAll, describe, expect, test, vi } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { MemoryStore } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

const regression = (learningRate: number) => ({
  learner: maml({ model: mlp({ sizes: [1, 8, 1] }), loss: meanSquaredError, inner: sgd({ learningRate }) }),
  tasks: sinusoids({ shots: 5 }),
  optimizer: adam({ learningRate: 0.01 }),
  metaBatchSize: 4,
  executor,
});

const values = (tree: Tree): number[][] => leaves(tree).map(toNumbers);

describe("the best parameters of a run", () => {
  const validated = { ...regression(0.01), iterations: 12, validation: { every: 2, count: 10 } };

  test("are those of the validation with the smallest loss, and the run can go on with them", async () => {
    const scores: { iteration: number; score: number }[] = [];
    const onEvent = (event: TrainingEvent): void => {
      if (event.type !== "validation") return;
      scores.push({ iteration: event.iteration, score: event.evaluation.rows.at(-1)!.figures.loss!.mean });
    };
    const run = await train({ ...validated, onEvent });
    const best = scores.reduce((a, b) => (b.score < a.score ? b : a));
    expect(run.best).toMatchObject(best);
    expect(run.atBest().iteration).toBe(best.iteration);
    expect(run.atBest().params).toBe(run.best!.params);
  });

  test("come back when a run is resumed", async () => {
    const store = new MemoryStore();
    const checkpoints = { store, every: 1, resume: true };
    const whole = await train({ ...validated, checkpoints });
    const again = await train({ ...validated, checkpoints });
    expect(again.best!.iteration).toBe(whole.best!.iteration);
    expect(values(again.best!.params)).toEqual(values(whole.best!.params));
  });

  test("without a validation there are none", async () => {
    const run = await train({ ...regression(0.01), iterations: 1, onEvent: () => undefined });
    expect(run.best).toBeUndefined();
    expect(run.atBest()).toBe(run);
  });
});

describe("an adaptation that does not help", () => {
  test("is warned of at the end where validation is off, on the console where nobody listens", async () => {
    const events: TrainingEvent[] = [];
    await train({ ...regression(0), iterations: 1, onEvent: (event) => events.push(event) });
    expect(events.map(({ type }) => type)).toEqual(["start", "iteration", "warning", "end"]);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await train({ ...regression(0), iterations: 1 });
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/^innerloop: after 1 update, adaptation does not help/)]]);
    warn.mockRestore();
  });
});

describe("class indices", () => {
  const labelled = (labels: readonly number[]): TaskSource => {
    const examples = { x: tensor([[0.1], [0.9]]), y: tensor(labels, [2], "int32") };
    return {
      name: "two points",
      description: { ways: 2 },
      spec: {
        x: { shape: [1], dtype: "float32" },
        y: { shape: [], dtype: "int32", classes: { count: 2 } },
        support: { rows: 2 },
        query: { rows: 2 },
      },
      sample: () => ({ support: examples, query: examples }),
    };
  };
  const options = {
    learner: maml({ model: linear({ inputs: 1, outputs: 2 }), loss: crossEntropy, inner: sgd({ learningRate: 0.1 }) }),
    optimizer: adam({ learningRate: 0.01 }),
    metaBatchSize: 2,
    iterations: 1,
    executor,
  };

  test("out of range are refused in training and in adapting, not trained on in silence", async () => {
    await expect(train({ ...options, tasks: labelled([1, 2]) })).rejects.toThrow(
      /^ILR105 train: task 0 of two points: support\.y\[1\] is 2, and its tasks have 2 classes/,
    );
    const run = await train({ ...options, tasks: labelled([0, 1]), onEvent: () => undefined });
    await expect(run.adapt({ x: [[0.5]], y: [-1] })).rejects.toThrow(/^ILR105 run\.adapt: y\[0\] is -1/);
  });
});

describe("programs on onnxruntime", () => {
  test("an index out of range of one task reads no other task's rows", async () => {
    const rows = compile(
      vmap((x: Tensor, i: Tensor) => gather(x, i, 0)),
      { executor },
    );
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(toNumbers(await rows(x, tensor([[1], [0]], undefined, "int32")))).toEqual([2, 3]);
    await expect(rows(x, tensor([[2], [0]], undefined, "int32"))).rejects.toThrow(/IL403/);
    await expect(rows(x, tensor([[0], [-1]], undefined, "int32"))).rejects.toThrow(/IL403/);
  });

  test("where chooses between truth values", async () => {
    const bool = (list: readonly number[]): Tensor => tensor(list, undefined, "bool");
    const chosen = compile((c: Tensor, a: Tensor, b: Tensor) => where(c, a, b), { executor });
    const result = await chosen(bool([1, 1, 0, 0]), bool([1, 0, 1, 0]), bool([0, 1, 0, 1]));
    expect(toNumbers(result)).toEqual([1, 0, 0, 1]);
  });

  test("powers have derivatives at 0", async () => {
    const slope = (exponent: number) =>
      compile((x: Tensor) => grad((at: Tensor) => sum(pow(at, exponent)))(x), { executor });
    expect(toNumbers(await slope(0)(tensor([0, 2])))).toEqual([0, 0]);
    expect(toNumbers(await slope(2)(tensor([0, 3])))).toEqual([0, 6]);
  });
});

test("typed arrays of other kinds need a type; numbers of a program that has not run are an error", () => {
  expect(() => tensor(new Int16Array([1, 2]) as unknown as Int32Array)).toThrow(/IL103/);
  expect(toNumbers(tensor(new Int16Array([1, 2]) as unknown as Int32Array, [2], "float32"))).toEqual([1, 2]);
  expect(() => toNumbers(pow(tensor([1]), 2))).toThrow(/IL402 toNumbers/);
});
