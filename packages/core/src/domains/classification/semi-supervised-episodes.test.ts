import { describe, expect, test } from "vitest";
import { fromScratch } from "../../learners/baselines/baselines.js";
import { crossEntropy } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import { type Examples, withoutPadding } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { labelledExamples } from "./labelled-examples.js";
import { semiSupervisedEpisodes, unlabelledLabel, withoutUnlabelled } from "./semi-supervised-episodes.js";

// Example e of class c is the number 100 c + e.
const data = labelledExamples({
  name: "numbers",
  exampleShape: [1],
  classes: Array.from({ length: 6 }, (_, c) => ({
    name: `class ${c}`,
    examples: Array.from({ length: 9 }, (_, e) => [100 * c + e]),
  })),
});
const options = { ways: 3, shots: 2, queries: 3, unlabelled: 4, distractorClasses: 2 };
const source = semiSupervisedEpisodes(data, options);
const numbers = (x: { readonly data?: unknown }): number[] => Array.from(x.data as Float32Array);

describe("semiSupervisedEpisodes", () => {
  test("labelled rows by class, then unlabelled rows of these classes and of the distractors, no example twice", () => {
    for (let index = 0; index < 30; index++) {
      const { support, query } = source.sample(1, index);
      const [x, y] = [numbers(support.x), numbers(support.y)];
      expect(y).toEqual([0, 0, 1, 1, 2, 2, ...new Array<number>(20).fill(unlabelledLabel)]);
      expect(numbers(query.y)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
      const classOf = (value: number): number => Math.floor(value / 100);
      const chosen = [0, 2, 4].map((row) => classOf(x[row]!));
      const hidden = x.slice(6).map(classOf);
      expect(hidden.slice(0, 12)).toEqual(chosen.flatMap((c) => [c, c, c, c]));
      expect(numbers(query.x).map(classOf)).toEqual(chosen.flatMap((c) => [c, c, c]));
      const others = new Set(hidden.slice(12));
      expect(others.size).toBe(2);
      for (const c of chosen) expect(others.has(c)).toBe(false);
      expect(new Set([...x, ...numbers(query.x)]).size).toBe(x.length + 9);
    }
  });

  test("is a function of the address, says its protocol, and its unlabelled rows pass the check of labels", () => {
    expect(numbers(source.sample(1, 2).support.x)).toEqual(numbers(source.sample(1, 2).support.x));
    expect(source.description).toEqual({ data: "numbers", classes: 6, ...options, skippedClasses: 0 });
    expect(sampleTasks(source, 1, 0, 2).support.y.shape).toEqual([2, 26]);
    const { unlabelled: _, ...spec } = source.spec;
    const unmarked = { ...source, spec };
    expect(() => sampleTasks(unmarked, 1, 0, 2)).toThrow(/^ILR105 tasks: .*: support\.y\[6\] is -1, .*`unlabelled`/);
  });

  test("withoutUnlabelled: other learners adapt as to the labelled rows alone", () => {
    const labelled = withoutUnlabelled(source);
    expect(labelled.description).toEqual({ ...source.description, unlabelledUsed: false });
    // Its labels pass the check of sources whose examples all have one.
    expect(labelled.spec.unlabelled).toBeUndefined();
    expect(sampleTasks(labelled, 1, 0, 2).support.present!.shape).toEqual([2, 26]);
    const [task, all] = [labelled.sample(1, 2), source.sample(1, 2)];
    expect(numbers(task.query.x)).toEqual(numbers(all.query.x));
    const alone = withoutPadding(task).support;
    expect(numbers(alone.x)).toEqual(numbers(all.support.x).slice(0, 6));
    expect(numbers(alone.y)).toEqual([0, 0, 1, 1, 2, 2]);
    const learner = fromScratch({
      model: mlp({ sizes: [1, 4, 3], activation: "tanh" }),
      loss: crossEntropy,
      inner: sgd({ learningRate: 0.5 }),
      steps: 3,
    });
    const params = learner.init(key(1));
    const logits = (support: Examples): number[] => valuesIn(learner.predict(learner.adapt(params, support), alone.x));
    const distance = (a: number[], b: number[]): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
    expect(distance(logits(task.support), logits(alone))).toBeLessThan(1e-6);
    expect(distance(logits(all.support), logits(alone))).toBeGreaterThan(1e-2);
  });

  test("refuses what cannot be", () => {
    expect(() => semiSupervisedEpisodes(data, { ...options, unlabelled: 0 })).toThrow(/^ILT201 .*unlabelled is 0/);
    expect(() => semiSupervisedEpisodes(data, { ...options, distractorClasses: -1 })).toThrow(/^ILT201 .*-1/);
    expect(() => semiSupervisedEpisodes(data, { ...options, unlabelled: 5 })).toThrow(/^ILT401 .*take 10/);
    expect(() => semiSupervisedEpisodes(data, { ...options, distractorClasses: 4 })).toThrow(/^ILT402 /);
  });
});
