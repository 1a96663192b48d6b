import { key, type LabelledExamples, labelledExamples, random, train } from "@innerloop/core";
import { type Executor, leaves } from "@innerloop/graph";
import { afterAll, describe, expect, it } from "vitest";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import { splitData } from "./data-splits.js";
import { buildExperiment } from "./experiment.js";
import { defaultExperimentOptions, type ExperimentOptions } from "./option-table.js";
import { checkExperimentOptions } from "./option-values.js";
import { type Preset, type PresetName, presetNames, presets, resolveOptions } from "./presets.js";

const executor: Executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

/** Noise with as many classes as the data set of a preset. */
function madeUp(classes: number, perClass: number): LabelledExamples {
  const source = random(1);
  return labelledExamples({
    name: "made up",
    exampleShape: [28, 28, 1],
    classes: Array.from({ length: classes }, (_, c) => ({
      name: `c${c}`,
      examples: Uint8Array.from({ length: perClass * 784 }, () => source.integer(256)),
    })),
  });
}

const resolved = (name: PresetName, chosen: Partial<ExperimentOptions> = {}): ExperimentOptions =>
  resolveOptions(name, chosen, defaultExperimentOptions());

describe("presets", () => {
  it.each(presetNames)("%s holds valid options only", (name) => {
    const { options, learners = {}, models = {} }: Preset = presets[name];
    for (const part of [options, ...Object.values(learners), ...Object.values(models)]) {
      expect(checkExperimentOptions(part, name)).toEqual(part);
    }
  });

  it("a choice stands over a learner's own options, and these over the preset's", () => {
    expect(resolved("omniglot-5way-1shot").innerRate).toBe(0.4);
    expect(resolved("omniglot-5way-1shot", { learner: "reptile" })).toMatchObject({
      innerRate: 0.001,
      innerOptimizer: "adam",
      outerRate: 1,
      trainShots: 10,
    });
    expect(resolved("omniglot-5way-1shot", { learner: "reptile", innerRate: 0.5 }).innerRate).toBe(0.5);
    expect(resolved("omniglot-20way-1shot")).toMatchObject({ innerRate: 0.1, steps: 5, metaBatch: 16 });
  });

  const data = { sinusoid: undefined, mnist: madeUp(10, 300), hanzi: madeUp(40, 20) };
  const small = { metaBatch: 2, iterations: 2, filters: 4, validationClasses: 10, testClasses: 10 };

  it.each(
    presetNames.flatMap((name) =>
      (["maml", "fomaml", "reptile", "anil", "boil", "meta-sgd", "joint"] as const).map(
        (learner) => [name, learner] as const,
      ),
    ),
  )("%s takes a step with %s", async (name, learner) => {
    // One preset of each kind with every learner, the others with their own.
    if (learner !== "maml" && !["sinusoid", "hanzi"].includes(name))
      return expect(resolved(name, { learner }).learner).toBe(learner);
    const options = resolved(name, { ...small, learner, ways: Math.min(5, resolved(name).ways) });
    const examples = name === "sinusoid" ? data.sinusoid : name === "mnist" ? data.mnist : data.hanzi;
    const experiment = buildExperiment(options, examples && splitData(examples, options));
    const losses: number[] = [];
    const run = await train({
      learner: experiment.learner,
      tasks: experiment.tasks,
      optimizer: experiment.optimizer,
      metaBatchSize: options.metaBatch,
      iterations: options.iterations,
      executor,
      onEvent: (event) => {
        if (event.type === "iteration") losses.push(event.loss);
      },
    });
    expect(losses).toHaveLength(2);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(leaves(run.params).every((leaf) => Array.from(leaf.data as Float32Array).every(Number.isFinite))).toBe(true);
    return undefined;
  });
});

describe("--init", () => {
  it.each([
    ["glorot", Math.sqrt(2 / (784 + 256))],
    ["he", Math.sqrt(2 / 784)],
    ["small", 0.01 * 0.8796],
  ] as const)("%s has its deviation", (init, deviation) => {
    const options = resolved("mnist", { init });
    const { learner } = buildExperiment(options, splitData(madeUp(10, 200), options));
    const first = leaves(learner.init(key(0))).find(({ shape }) => shape.join() === "784,256")!;
    const values = Array.from(first.data as Float32Array);
    expect(Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)).toBeCloseTo(deviation, 3);
  });

  it("is Glorot's for MNIST, as before it had a name", () => {
    expect(resolved("mnist").init).toBe("glorot");
    expect(resolved("sinusoid").init).toBe("small");
    expect(resolved("hanzi", { model: "mlp" }).init).toBe("small");
  });
});

describe("splits", () => {
  it("hold out whole classes, the same ones for every seed, and turn training classes only", () => {
    const data = madeUp(40, 2);
    const parts = splitData(data, {
      split: "classes",
      validationClasses: 0,
      testClasses: 0,
      ways: 5,
      classOrder: "shuffled",
      rotations: "yes",
    });
    expect([parts.train, parts.validation, parts.test].map(({ classes }) => classes.length)).toEqual([27 * 4, 5, 8]);
    expect(parts.test.classes.every(({ rotation }) => rotation === undefined)).toBe(true);
    const names = (part: LabelledExamples): Set<string> => new Set(part.classes.map(({ name }) => name.split(" ")[0]!));
    expect(
      [...names(parts.test)].some((name) => names(parts.train).has(name) || names(parts.validation).has(name)),
    ).toBe(false);
  });

  it("hold out examples of the same classes", () => {
    const parts = splitData(madeUp(3, 100), {
      split: "examples",
      validationClasses: 0,
      testClasses: 0,
      ways: 3,
      classOrder: "shuffled",
      rotations: "no",
    });
    expect([parts.train, parts.validation, parts.test].map(({ classes }) => classes[0]!.count)).toEqual([80, 5, 15]);
    expect(parts.train.classes[0]!.examples.byteOffset + parts.train.classes[0]!.examples.length).toBe(
      parts.validation.classes[0]!.examples.byteOffset,
    );
  });

  it("refuse data with too few classes", () => {
    expect(() =>
      splitData(madeUp(12, 2), {
        split: "classes",
        validationClasses: 0,
        testClasses: 0,
        ways: 5,
        classOrder: "shuffled",
        rotations: "no",
      }),
    ).toThrow(
      /made up has 12 classes, too few to hold out 5 for validation and 5 for evaluation and train on 5-way tasks\. Lower --ways/,
    );
  });
});
