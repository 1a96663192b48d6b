import {
  adam,
  binaryCrossEntropy,
  crossEntropy,
  defaultsOf,
  episodes,
  evaluate,
  evaluateOpenSet,
  groupedRegression,
  type Learner,
  labelledExamples,
  maml,
  meanSquaredError,
  mlp,
  openSetEpisodes,
  prototypicalNetwork,
  type Run,
  random,
  sgd,
  sinusoids,
  type Task,
  type TaskSource,
  train,
} from "@innerloop/core";
import { planRun, trainingOptions } from "@innerloop/experiments";
import { input, type Tensor, tensor } from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

// A law over all doors by which values come in: whatever wrong value is put wherever, what comes out is an error with a
// code that names the place; never a number, nor an error about what the value broke further in.

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const exampleShape = [2, 2];
const classes = Array.from({ length: 12 }, (_, c) => {
  const source = random(3, c);
  return { name: `class ${c}`, examples: Array.from({ length: 6 }, () => rowsOf(2, 2, () => source.normal())) };
});
const data = labelledExamples({ name: "points", exampleShape, classes });
const pictures = episodes(data, { ways: 3, shots: 2, queries: 2 });
/** A user's own source, which does not say what its tasks look like. */
const { spec: _, ...undeclared } = pictures;

function rowsOf(rows: number, columns: number, value: () => number): number[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, value));
}

const setting = { inner: sgd({ learningRate: 0.1 }), steps: 1 };
const classifier = maml({ model: mlp({ sizes: [4, 8, 3] }), loss: crossEntropy, ...setting });
const curve = maml({ model: mlp({ sizes: [1, 8, 1] }), loss: meanSquaredError, ...setting });
const trained = (learner: Learner, tasks: TaskSource, iterations = 2) =>
  train({ learner, tasks, optimizer: adam({ learningRate: 1e-3 }), metaBatchSize: 2, iterations, executor });

let classifying: Run;
let regressing: Run;
beforeAll(async () => {
  classifying = await trained(classifier, undeclared);
  regressing = await trained(curve, sinusoids({ shots: 4 }));
});

/** The error that something ends with; a test fails where there is none. */
async function errorOf(act: () => unknown): Promise<Error> {
  try {
    await act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

const circular: unknown[] = [];
circular.push(circular);
const sparse: unknown[] = [];
sparse[2 ** 31] = 1;

/** What is no number, in whatever place one is expected. */
const noNumbers: readonly unknown[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e39, -1e300],
  ...[undefined, null, "cat", "1", "", 3n, new Date(), {}, [], [[1]], () => 1, Symbol("one"), /1/, circular],
];
/** What is no set of values at all. */
const noValues: readonly unknown[] = [
  ...[undefined, null, "cat", 5, Number.NaN, 3n, new Date(), {}, [], new Map(), circular, sparse, () => 1],
  ...[new DataView(new ArrayBuffer(8)), new Float32Array(0), input([3, 2, 2]), tensor(new Float32Array(7), [7])],
  ...[[[1, 2, 3], [1]], [1, [2]], [["a", "b"]], new Array(4)],
];

/** The same nested arrays with another value in one place. */
function withValue(nested: unknown, value: unknown, place: readonly number[]): unknown {
  const [first, ...rest] = place;
  if (first === undefined || !Array.isArray(nested)) return value;
  return nested.map((part: unknown, i) => (i === first ? withValue(part, value, rest) : part));
}

const good = {
  x: Array.from({ length: 6 }, (_, i) => [
    [i, 1],
    [2, 3],
  ]),
  y: [0, 1, 2, 0, 1, 2],
};

describe("run.adapt and task.predict", () => {
  const refused = /^ILR105 run\.adapt: (x|y|present)\b.*\. [A-Z`]/s;
  const adapt = (support: unknown) => classifying.adapt(support as Parameters<Run["adapt"]>[0]);

  test("take tensors, nested arrays and typed arrays, flat or a row each, and answer alike", async () => {
    const flat = Float32Array.from(good.x.flat(2));
    const answers: number[][] = [];
    for (const x of [
      good.x,
      flat,
      Float64Array.from(flat),
      tensor(flat, [6, 2, 2]),
      tensor(good.x, undefined, "float64"),
    ])
      for (const y of [good.y, Int32Array.from(good.y), Uint8Array.from(good.y), tensor(good.y, [6], "float32")]) {
        const task = await adapt({ x, y });
        answers.push(Array.from((await task.predict(x)).data as Float32Array));
      }
    answers.push(
      Array.from(
        (await (await adapt({ x: good.x.map((row) => Float32Array.from(row.flat())), y: good.y })).predict(flat))
          .data as Float32Array,
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  test("leave out rows that are not present", async () => {
    const more = {
      x: [
        ...good.x,
        [
          [9, 9],
          [9, 9],
        ],
      ],
      y: [...good.y, 2],
      present: [1, 1, 1, 1, 1, 1, 0],
    };
    const values = async (support: unknown) =>
      Array.from((await (await adapt(support)).predict(good.x)).data as Float32Array);
    const [alone, padded] = [await values(good), await values(more)];
    padded.forEach((value, i) => {
      expect(value).toBeCloseTo(alone[i]!, 5);
    });
    expect(await values({ ...more, present: undefined })).not.toEqual(padded);
  });

  test("refuse every wrong value in every place, with its name", async () => {
    const source = random(7);
    const bytes = new Uint8Array(24);
    for (const value of noNumbers) {
      const place = [source.integer(6), source.integer(2), source.integer(2)];
      const named = `x[${place.join("][")}]`;
      for (const x of [withValue(good.x, value, place), withValue(good.x, value, place.slice(0, 1))]) {
        const error = await errorOf(() => adapt({ ...good, x }));
        expect(error.message, String(place)).toMatch(refused);
        expect(error.message).toContain(named.slice(0, 4));
        expect((await errorOf(async () => (await adapt(good)).predict(x as number[]))).message).toMatch(
          /^ILR105 task\.predict: x\[/,
        );
      }
      const error = await errorOf(() => adapt({ ...good, y: withValue(good.y, value, place) }));
      expect(error.message).toMatch(refused);
      expect(error.message).toContain(`y[${place[0]}]`);
      if (value !== undefined)
        expect(
          (await errorOf(() => adapt({ ...good, present: withValue([1, 1, 1, 1, 1, 1], value, place) }))).message,
        ).toMatch(refused);
    }
    for (const value of [...noValues, bytes, [bytes]]) {
      expect((await errorOf(() => adapt({ ...good, x: value }))).message).toMatch(refused);
      if (!(value instanceof Uint8Array))
        expect((await errorOf(() => adapt({ ...good, y: value }))).message).toMatch(refused);
      expect((await errorOf(async () => (await adapt(good)).predict(value as number[]))).message).toMatch(
        /^ILR105 task\.predict: x\b/,
      );
      expect((await errorOf(() => adapt(value))).message).toMatch(/^ILR105 run\.adapt: (the support set|x|y) /);
    }
  });

  test("refuse labels of no class, other rows and other widths, in the user's words", async () => {
    for (const [support, says] of [
      [
        { ...good, y: [0, 1, 2, 7, 1, 2] },
        "y[3] is 7, and this run tells 3 classes apart (0 to 2). Number the classes",
      ],
      [
        { ...good, y: [0, 1, 2, -1, 1, 2] },
        "y[3] is -1, and this run tells 3 classes apart (0 to 2). Number the classes",
      ],
      [{ ...good, y: Float32Array.of(0, 0.5, 1, 1, 1, 1) }, "y[1] is 0.5, and this run tells 3 classes apart"],
      [{ ...good, y: ["cat", "dog"] }, 'y[0] is "cat" (text), where a number was expected. Number the classes'],
      [{ ...good, y: [0, 1, 2] }, "x has 6 rows and y 3. Give as many rows of y as of x"],
      [{ ...good, present: [1, 1] }, "x has 6 rows and present 2. Give as many rows of present as of x"],
      [{ ...good, present: [0, 0, 0, 0, 0, 0] }, "x holds no examples. Give at least one"],
      [{ ...good, present: [0.5, 1, 1, 1, 1, 1] }, "present[0] is 0.5"],
      [{ ...good, x: rowsOf(6, 3, () => 1) }, "x[0] has 3 values, where 4 were expected. Give x as [examples, 2, 2]"],
    ] as const) {
      const { message } = await errorOf(() => adapt(support));
      expect(message.startsWith(`ILR105 run.adapt: ${says}`), message).toBe(true);
    }
    const { message } = await errorOf(() =>
      regressing.adapt({
        x: [[1], [2]],
        y: [
          [1, 2],
          [3, 4],
        ],
      }),
    );
    expect(message).toBe(
      "ILR105 run.adapt: y[0] has 2 values, where 1 were expected. Give y as [examples, 1]: numbers, a list for each row",
    );
    const [one, other] = [
      await regressing.adapt({ x: [1, 2], y: [3, 4] }),
      await regressing.adapt({ x: [[1], [2]], y: [[3], [4]] }),
    ];
    expect((await one.predict([5])).toArray()).toEqual((await other.predict([[5]])).toArray());
  });

  test("answer with numbers or say that there are none, and why", async () => {
    const huge = await errorOf(() => regressing.adapt({ x: [[1e30]], y: [[1]] }, { steps: 3 }));
    expect(huge.message).toMatch(
      /^ILR106 run\.adapt: \S+ is (NaN|-?Infinity) after 3 steps\. Inputs here are up to 1\.00e\+30 and were up to \d\.\d+ in a training task/,
    );
    const steep = maml({ model: mlp({ sizes: [1, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 50 }) });
    const run = await trained(steep, sinusoids({ shots: 4 }), 0);
    const diverged = await errorOf(() => run.adapt({ x: [[4], [-4]], y: [[9], [9]] }, { steps: 60 }));
    expect(diverged.message).toMatch(/^ILR106 run\.adapt: .* after 60 steps\. Adaptation diverged: take fewer steps/);
    const task = await run.adapt({ x: [[4], [-4]], y: [[9], [9]] }, { steps: 2 });
    expect((await errorOf(() => task.predict([[3e38], [1]]))).message).toMatch(
      /^ILR106 task\.predict: the prediction\[0\]\[0\] is -?(Infinity|NaN)\. Inputs here are up to 3\.00e\+38/,
    );
  });

  test("take steps that are whole numbers, of learners without steps too, and blame what was adapted to", async () => {
    const prototypes = await trained(prototypicalNetwork({ model: mlp({ sizes: [4, 8] }), ways: 3 }), pictures);
    for (const steps of [-1, 1.5, Number.NaN, "3", null]) {
      const { message } = await errorOf(() => prototypes.adapt(good, { steps: steps as number }));
      expect(message).toBe(`ILR101 steps: ${steps}. Use a whole number, 0 or more`);
    }
    const task = await prototypes.adapt({ ...good, x: withValue(good.x, 1e30, [0, 0, 0]) as number[][][] });
    expect((await errorOf(() => task.predict(good.x))).message).toMatch(
      /^ILR106 task\.predict: .*\. Inputs here are up to 1\.00e\+30 and were up to/,
    );
  });
});

/** A source some of whose tasks are spoilt. */
const spoilt = (source: TaskSource, spoil: (task: Task) => unknown, at = 1): TaskSource => ({
  ...source,
  sample: (seed, index) => (index === at ? spoil(source.sample(seed, index)) : source.sample(seed, index)) as Task,
});

const changed = (values: Tensor, value: number, at: number): Tensor => {
  const copy = values.data!.slice() as Float32Array;
  copy[at] = value;
  return tensor(copy, values.shape, values.dtype);
};
const as = (values: Tensor, dtype: "float32" | "int64"): Tensor =>
  tensor(Array.from(values.data!, Number), values.shape, dtype);

/** How a task may be spoilt, and the place that errors name. */
const spoils: readonly (readonly [string, (task: Task) => unknown])[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY].flatMap((value) => [
    [
      "support\\.x\\[1\\]\\[0\\]\\[1\\]",
      ({ support, query }: Task) => ({ support: { ...support, x: changed(support.x, value, 5) }, query }),
    ] as const,
    [
      "query\\.x\\[0\\]\\[1\\]\\[1\\]",
      ({ support, query }: Task) => ({ support, query: { ...query, x: changed(query.x, value, 3) } }),
    ] as const,
  ]),
  ...[3, -1, 7, -2].flatMap((value) => [
    [
      "support\\.y\\[4\\]",
      ({ support, query }: Task) => ({ support: { ...support, y: changed(support.y, value, 4) }, query }),
    ] as const,
    [
      "query\\.y\\[2\\]",
      ({ support, query }: Task) => ({ support, query: { ...query, y: changed(query.y, value, 2) } }),
    ] as const,
  ]),
  ["support\\.y", ({ support, query }) => ({ support: { ...support, y: as(support.y, "float32") }, query })],
  ["support\\.x", () => undefined],
  ["it is a promise", async (task) => task],
  ["support\\.x", ({ query }) => ({ query })],
  ["query\\.x", ({ support }) => ({ support })],
  ["query\\.y", ({ support, query: { x } }) => ({ support, query: { x } })],
  ["support\\.x", ({ support, query }) => ({ support: { ...support, x: good.x }, query })],
  ["support\\.y", ({ support, query }) => ({ support: { ...support, y: ["cat"] }, query })],
  ["query\\.x", ({ support, query }) => ({ support, query: { ...query, x: input(query.x.shape) } })],
  [
    "support\\.x has 6 rows and support\\.y 2",
    ({ support, query }) => ({ support: { ...support, y: tensor([0, 1], [2], "int32") }, query }),
  ],
  [
    "support\\.x has 6 rows and support\\.present 2",
    ({ support, query }) => ({ support: { ...support, present: tensor([1, 1]) }, query }),
  ],
  [
    "support\\.present\\[2\\]",
    ({ support, query }) => ({ support: { ...support, present: tensor([1, 1, 0.5, 1, 1, 1]) }, query }),
  ],
  [
    "support\\.x holds no examples",
    ({ support, query }) => ({ support: { ...support, present: tensor(new Float32Array(6)) }, query }),
  ],
  [
    "support\\.x holds no examples",
    ({ query }) => ({ support: { x: tensor(new Float32Array(0), [0, 2, 2]), y: tensor(new Int32Array(0)) }, query }),
  ],
];

describe("tasks of a source", () => {
  test.each([
    ["that declares its classes", pictures],
    ["that does not", undeclared],
  ] as const)("%s: are refused with the task and the place, in training and evaluation", async (_name, source) => {
    for (const [place, spoil] of spoils) {
      const wanted = (operation: string) =>
        new RegExp(`^ILR105 ${operation}: task 1 of points 3-way 2-shot: ${place}.*\\. [A-Z]`);
      const tasks = spoilt(source, spoil);
      expect((await errorOf(() => trained(classifier, tasks))).message, place).toMatch(wanted("train"));
      const options = { learner: classifier, params: classifying.params, tasks, count: 4, executor };
      expect((await errorOf(() => evaluate(options))).message, place).toMatch(wanted("evaluate"));
    }
  });

  test("training takes sources alone", async () => {
    for (const tasks of [undefined, null, {}, { train: pictures }, { validation: pictures }, [pictures]])
      expect((await errorOf(() => trained(classifier, tasks as unknown as TaskSource))).message).toMatch(
        /^ILR101 tasks: .*\. Give a source, or \{ train, validation \}/,
      );
  });

  test("the first task is looked at before anything is made of it", async () => {
    for (const [place, spoil] of spoils) {
      const tasks = spoilt(undeclared, spoil, 0);
      for (const learner of [classifier, prototypicalNetwork({ model: mlp({ sizes: [4, 8] }), ways: 3 }) as Learner]) {
        const refused = new RegExp(`^ILR105 train: task 0 .*: ${place}`);
        expect((await errorOf(() => trained(learner, tasks))).message).toMatch(refused);
        // As the command does, which plans a run before there is a folder of it.
        const parts = { train: tasks, validation: undeclared, test: undeclared };
        const experiment = { learner, tasks: parts, optimizer: adam({ learningRate: 1e-3 }), baselines: [] };
        const options = { ...defaultsOf(trainingOptions), metaBatch: 2 };
        expect((await errorOf(() => planRun(experiment, options, executor))).message).toMatch(refused);
      }
    }
  });

  test("-1 is legal where the source declares it, and nowhere else", async () => {
    const open = openSetEpisodes(data, { ways: 3, shots: 1, queries: 1 });
    const tasks = { validation: open, test: open };
    const options = { learner: classifier, params: classifying.params, count: 4, executor };
    const { figures } = await evaluateOpenSet({ ...options, tasks });
    expect(figures.closedSetAccuracy.mean).toBeGreaterThanOrEqual(0);
    const bad = spoilt(open, ({ support, query }) => ({
      support: { ...support, y: changed(support.y, -1, 0) },
      query,
    }));
    expect((await errorOf(() => evaluateOpenSet({ ...options, tasks: { ...tasks, test: bad } }))).message).toMatch(
      /^ILR105 evaluateOpenSet: task 1 of .*: support\.y\[0\] is -1, and its tasks have 3 classes \(0 to 2\)/,
    );
  });

  test("targets are held to what the loss says of them", async () => {
    const binary = maml({ model: mlp({ sizes: [1, 4, 1] }), loss: binaryCrossEntropy, ...setting });
    expect((await errorOf(() => trained(binary, sinusoids({ shots: 4 })))).message).toMatch(
      /^ILR105 train: task 0 of sinusoids: support\.y\[0\]\[0\] is \S+, and negative log-likelihood takes whole numbers from 0 to 1/,
    );
  });

  test("a loss that is no number: the value out of proportion is to blame, not a rate", async () => {
    const waves = sinusoids({ shots: 4 });
    const tasks = spoilt(waves, ({ support, query }) => ({
      support: { ...support, x: changed(support.x, 1e30, 2) },
      query,
    }));
    expect((await errorOf(() => trained(curve, tasks))).message).toMatch(
      /^ILR102 train: the loss is \S+ at iteration 1: support\.x\[2\]\[0\] of task 1 of the batch is 1\.0*\d*e\+30\. Scale/,
    );
    const nothing = maml({
      ...setting,
      model: mlp({ sizes: [1, 4, 1] }),
      loss: Object.assign((p: Tensor, y: Tensor) => meanSquaredError(p, y), {}),
      inner: sgd({ learningRate: 1e30 }),
    });
    expect((await errorOf(() => trained(nothing, waves))).message).toMatch(
      /^ILR102 train: the loss is \S+ at iteration 1\. No update was made yet: lower the inner learning rate/,
    );
  });
});

describe("arrays and tables of one's own", () => {
  test("what holds the others is looked at as well", () => {
    for (const value of [undefined, null, 5, "cat", []] as never[]) {
      expect(() => labelledExamples(value)).toThrow(/^ILT201 labelledExamples: the data set is /);
      expect(() => labelledExamples({ name: "own", exampleShape: value, classes: [] })).toThrow(/^ILT201 /);
      expect(() => episodes(data, value)).toThrow(/^ILT201 episodes: the second argument is /);
      expect(() => groupedRegression({ name: "own", columns: {} }, value)).toThrow(/^ILT201 groupedRegression: /);
    }
    const absent = { ways: 2, shots: 1 } as { ways: number; shots: number; queries: number };
    expect(() => episodes(data, absent)).toThrow(/^ILT201 episodes: queries is undefined\. Give a whole number/);
  });

  test("labelledExamples refuses every wrong value with its class", () => {
    const make = (value: unknown) => labelledExamples({ name: "own", exampleShape, classes: value as [] });
    for (const value of noNumbers) {
      for (const place of [[1, 1, 0], [1, 0], [1]]) {
        // A number alone is an example of one value, which these have not.
        const examples = withValue(classes[0]!.examples, value, place);
        expect(() => make([classes[1], { name: "odd", examples }])).toThrow(/^ILT30[12] labelledExamples: class "odd"/);
      }
    }
    for (const value of [...noValues, new Uint8ClampedArray(8), [new Uint8ClampedArray(4)], [new BigInt64Array(4)]]) {
      expect(() => make([classes[1], { name: "odd", examples: value }])).toThrow(/^ILT301 labelledExamples: .*"odd"/);
      expect(() => make(value)).toThrow(/^ILT[23]01 labelledExamples: /);
      expect(() => make([classes[1], value])).toThrow(/^ILT301 labelledExamples: /);
    }
  });

  test("groupedRegression refuses every wrong value with its column and row", () => {
    const rows = Array.from({ length: 60 }, (_, i) => i);
    const columns = { group: rows.map((i) => `g${i % 6}`), input: rows.map((i) => i / 7), target: rows.map((i) => -i) };
    const make = (changedColumns: object) =>
      groupedRegression(
        { name: "rides", columns: { ...columns, ...changedColumns } },
        { groupColumn: "group", inputs: ["input"], targets: ["target"], shots: 2 },
      );
    expect(make({}).groups.train.length).toBeGreaterThan(1);
    for (const value of noNumbers) {
      for (const name of ["input", "target"] as const)
        expect(() => make({ [name]: withValue(columns[name], value, [9]) })).toThrow(
          new RegExp(`^ILT302 groupedRegression: column "${name}" of rides, row 9 holds `),
        );
      if (
        typeof value === "string" ||
        typeof value === "bigint" ||
        (typeof value === "number" && Number.isFinite(value))
      )
        continue;
      expect(() => make({ group: withValue(columns.group, value, [9]) })).toThrow(
        /^ILT302 groupedRegression: column "group" of rides, row 9 holds /,
      );
    }
    for (const value of [null, "cat", 5, new Map(), {}, new DataView(new ArrayBuffer(8)), [1, 2]])
      for (const name of ["input", "group"])
        expect(() => make({ [name]: value })).toThrow(/^ILT301 groupedRegression: column "(input|group)" of rides /);
  });
});
