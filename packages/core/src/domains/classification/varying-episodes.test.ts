import { leaves, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { flatten, linear, sequential, tanh } from "../../layers/layers.js";
import { maml } from "../../learners/gradient/maml.js";
import { type Learner, meanMetaGradient } from "../../learners/learner.js";
import { prototypicalNetwork } from "../../learners/metric/prototypical.js";
import { crossEntropy } from "../../losses/losses.js";
import { asFunction, noise, numbersOf } from "../../numerical.fixture.js";
import { applyUpdates } from "../../optimizers/gradient-transformation.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import { type Examples, type Task, withoutPadding } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { groupedRegression } from "../tables/grouped-regression.js";
import { type EpisodeOptions, episodes } from "./episodes.js";
import { type LabelledExamples, labelledExamples } from "./labelled-examples.js";
import { semiSupervisedEpisodes } from "./semi-supervised-episodes.js";

/** Class c, example e has the value 1000 c + e + 1: no example is zeros, and every row says where it came from. */
const tagged = (counts: readonly number[]): LabelledExamples =>
  labelledExamples({
    name: "tagged",
    exampleShape: [1, 2, 1],
    classes: counts.map((count, c) => ({
      name: `c${c}`,
      examples: Array.from({ length: count }, (_, e) => [1000 * c + e + 1, 1]),
    })),
  });

const many = tagged(new Array<number>(12).fill(40));
const tagsOf = ({ x }: Examples): number[] => Array.from(x.data as Float32Array).filter((_, i) => i % 2 === 0);
const presentOf = ({ present }: Examples): number[] => Array.from(present!.data as Float32Array);
/** Rows of each class that are there. */
function perClass({ y, present }: Examples): number[] {
  const counts: number[] = [];
  (present!.data as Float32Array).forEach((value, row) => {
    if (value === 1) counts[Number(y.data![row])] = (counts[Number(y.data![row])] ?? 0) + 1;
  });
  return counts;
}

describe("the pool of a source", () => {
  it.each([
    ["fixed", { ways: 5, shots: 2, queries: 3 }],
    ["varying", { ways: { from: 2, to: 6 }, shots: { from: 1, to: 4 }, queries: 2, balanced: false }],
  ] as const)("tells the classes of each task in the order of their labels: %s", (_what, options) => {
    const source = episodes(many, options);
    expect(source.pool).toMatchObject({ of: "classes", count: 12, examples: 480 });
    for (let index = 0; index < 40; index++) {
      const { support } = source.sample(7, index);
      const labels = Array.from(support.y.data as Int32Array);
      const present = support.present ? presentOf(support) : labels.map(() => 1);
      const found: number[] = [];
      tagsOf(support).forEach((tag, row) => {
        if (present[row] === 1) found[labels[row]!] = Math.floor(tag / 1000);
      });
      expect(source.pool!.drawn(7, index)).toEqual(found);
    }
  });

  it("does so for semi-supervised episodes, and knows the group of a table's task", () => {
    const hidden = semiSupervisedEpisodes(many, { ways: 3, shots: 1, queries: 1, unlabelled: 2, distractorClasses: 2 });
    const column = (of: (group: number, row: number) => number) =>
      Array.from({ length: 60 }, (_, i) => of(Math.floor(i / 6), i % 6));
    const table = {
      name: "t",
      columns: { group: column((group) => group).map(String), x: column((_, row) => row), y: column((group) => group) },
    };
    const { tasks } = groupedRegression(table, {
      groupColumn: "group",
      inputs: ["x"],
      targets: ["y"],
      shots: 2,
      standardize: false,
    });
    const groups = new Map<number, number>();
    expect(tasks.train.pool).toMatchObject({ of: "groups", count: 7, examples: 42 });
    for (let index = 0; index < 30; index++) {
      const { query } = hidden.sample(3, index);
      expect(hidden.pool!.drawn(3, index)).toEqual(tagsOf(query).map((tag) => Math.floor(tag / 1000)));
      const [drawn] = tasks.train.pool!.drawn(3, index);
      const group = Number(tasks.train.sample(3, index).query.y.data![0]);
      expect(groups.get(drawn!) ?? group).toBe(group);
      groups.set(drawn!, group);
    }
    expect(groups.size).toBeGreaterThan(3);
  });
});

describe("episodes that vary", () => {
  it("leave fixed numbers as they were", () => {
    const source = episodes(tagged([9, 12, 5, 7, 30]), { ways: 3, shots: 2, queries: 2 });
    // As sampled before there were ranges.
    const task = source.sample(7, 12345);
    expect(tagsOf(task.support)).toEqual([3003, 3002, 1004, 1011, 2003, 2001]);
    expect(tagsOf(task.query)).toEqual([3001, 3007, 1001, 1010, 2004, 2002]);
    expect([task.support.present, task.query.present]).toEqual([undefined, undefined]);
  });

  it("draw ways, shots and queries evenly from their ranges", () => {
    const source = episodes(many, { ways: { from: 2, to: 5 }, shots: { from: 1, to: 3 }, queries: { from: 2, to: 4 } });
    const n = 6000;
    const seen = new Map<string, number>();
    for (let index = 0; index < n; index++) {
      const { support, query } = source.sample(3, index);
      const [shots, queries] = [perClass(support), perClass(query)];
      expect(new Set(shots).size + new Set(queries).size, "classes of a balanced task have one size").toBe(2);
      const drawn = `${shots.length}-way ${shots[0]}-shot ${queries[0]}`;
      seen.set(drawn, (seen.get(drawn) ?? 0) + 1);
    }
    expect(seen.size).toBe(4 * 3 * 3);
    for (const [drawn, count] of seen) {
      const p = 1 / 36;
      expect(Math.abs(count - n * p) / Math.sqrt(n * p * (1 - p)), drawn).toBeLessThan(5);
    }
  });

  it("have the shapes of the largest task: rows first, then zeros of label 0 that are not present", () => {
    const source = episodes(many, { ways: { from: 2, to: 5 }, shots: { from: 1, to: 3 }, queries: 2 });
    expect(source.spec.y.classes?.count).toBe(5);
    for (let index = 0; index < 200; index++) {
      const task = source.sample(1, index);
      expect([task.support.x.shape, task.query.x.shape]).toEqual([
        [15, 1, 2, 1],
        [10, 1, 2, 1],
      ]);
      for (const set of [task.support, task.query]) {
        const present = presentOf(set);
        const rows = present.lastIndexOf(1) + 1;
        expect(present).toEqual(present.map((_, row) => (row < rows ? 1 : 0)));
        expect(set.present!.dtype).toBe("float32");
        const tags = tagsOf(set);
        const labels = Array.from(set.y.data!, Number);
        expect(new Set(tags.slice(0, rows)).size, "distinct examples").toBe(rows);
        expect(labels.slice(0, rows)).toEqual(labels.slice(0, rows).toSorted((a, b) => a - b));
        expect([...tags.slice(rows), ...labels.slice(rows)].every((value) => value === 0)).toBe(true);
      }
      // A label is one class in support and query, and no example is in both.
      const real = withoutPadding(task);
      const classOf = new Map<number, number>();
      for (const set of [real.support, real.query])
        tagsOf(set).forEach((tag, row) => {
          const label = Number(set.y.data![row]);
          expect(classOf.get(label) ?? Math.floor(tag / 1000)).toBe(Math.floor(tag / 1000));
          classOf.set(label, Math.floor(tag / 1000));
        });
      expect(new Set(classOf.values()).size).toBe(perClass(task.support).length);
      const all = [...tagsOf(real.support), ...tagsOf(real.query)];
      expect(new Set(all).size).toBe(all.length);
    }
  });

  it("are a function of the address", () => {
    const source = episodes(many, { ways: { from: 2, to: 5 }, shots: { from: 1, to: 3 }, queries: 2, balanced: false });
    const bits = (seed: number, index: number) => numbersOf(source.sample(seed, index)).join("|");
    expect(bits(4, 9)).toBe(bits(4, 9));
    expect(bits(4, 9)).not.toBe(bits(4, 10));
    expect(bits(4, 9)).not.toBe(bits(5, 9));
  });

  it("take from small classes what they have: one of each at least", () => {
    // count, then the shares of 5 shots and 4 queries, worked out by hand.
    const expected: readonly (readonly [number, number, number])[] = [
      [2, 1, 1],
      [3, 2, 1],
      [4, 2, 2],
      [6, 3, 3],
      [8, 4, 4],
      [9, 5, 4],
      [40, 5, 4],
    ];
    const data = tagged(expected.map(([count]) => count));
    const shots = { from: 5, to: 5 };
    const task = episodes(data, { ways: expected.length, shots, queries: { from: 4, to: 4 } }).sample(1, 0);
    const { support, query } = task;
    const real = withoutPadding(task).support;
    const classes = new Map(tagsOf(real).map((tag, row) => [Math.floor(tag / 1000), Number(real.y.data![row])]));
    const found = expected.map(([count], c) => {
      const label = classes.get(c)!;
      return [count, perClass(support)[label], perClass(query)[label]];
    });
    expect(found).toEqual(expected);
    // Few shots leave the rest to the queries.
    const queries = { from: 15, to: 15 };
    const small = episodes(tagged([10, 10, 16]), { ways: 3, shots: { from: 1, to: 1 }, queries });
    expect(small.description).toMatchObject({ queries: "15 to 15, fewer of small classes" });
    const few = small.sample(1, 0);
    expect([perClass(few.support), perClass(few.query).sort((a, b) => a - b)]).toEqual([
      [1, 1, 1],
      [9, 9, 15],
    ]);
  });

  it("give in full what is no range", () => {
    const source = episodes(tagged([6, 7, 20]), { ways: 3, shots: 5, queries: { from: 1, to: 9 } });
    for (let index = 0; index < 30; index++) expect(perClass(source.sample(1, index).support)).toEqual([5, 5, 5]);
    const asked = { ways: { from: 2, to: 3 }, shots: 5, queries: 4, skipSmallClasses: true };
    expect(episodes(tagged([6, 9, 20, 30]), asked).description).toMatchObject({ shots: 5, skippedClasses: 1 });
    expect(() => episodes(tagged([6, 9, 20]), { ...asked, skipSmallClasses: false })).toThrow(
      /^ILT401 .* has 6 examples; 5 shots and 4 queries take 9/,
    );
  });

  it("refuse ranges that begin with more than any class has", () => {
    const asked = { ways: 2, shots: { from: 25, to: 30 }, queries: 3 };
    expect(() => episodes(tagged([20, 20, 9]), asked).sample(1, 0)).toThrow(
      /^ILT402 episodes: tasks of 25 shots and 3 queries at least, and no class of tagged has more than 20 examples/,
    );
    expect(episodes(tagged([28, 20, 9]), asked).description).toMatchObject({
      shots: "25 to 30, fewer of small classes",
    });
  });

  it("draw shots for each class where they need not be balanced", () => {
    const options = { ways: 4, shots: { from: 1, to: 3 }, queries: 2, balanced: false };
    const source = episodes(many, options);
    const n = 4000;
    const pairs = new Map<string, number>();
    for (let index = 0; index < n; index++) {
      const [first, second] = perClass(source.sample(2, index).support);
      pairs.set(`${first} ${second}`, (pairs.get(`${first} ${second}`) ?? 0) + 1);
    }
    expect(pairs.size).toBe(9);
    for (const count of pairs.values()) expect(Math.abs(count - n / 9) / Math.sqrt((n * 8) / 81)).toBeLessThan(5);
  });

  it("say their ranges", () => {
    const source = episodes(many, {
      ways: { from: 2, to: 5 },
      shots: { from: 1, to: 3 },
      queries: 2,
      balanced: false,
    });
    expect(source.name).toBe("tagged 2 to 5-way 1 to 3-shot");
    expect(source.description).toEqual({
      data: "tagged",
      classes: 12,
      ways: "2 to 5",
      shots: "1 to 3",
      queries: 2,
      skippedClasses: 0,
      balanced: false,
    });
  });

  it("refuse ranges that are none, and classes without a query", () => {
    const make = (options: Partial<EpisodeOptions>) => () =>
      episodes(tagged([9, 9, 1]), { ways: 2, shots: 1, queries: 1, ...options });
    expect(make({ ways: { from: 3, to: 2 } })).toThrow(
      /ILT201 episodes: ways\.to is 2\. Give a whole number of at least 3/,
    );
    expect(make({ shots: { from: 0, to: 2 } })).toThrow(/ILT201 episodes: shots\.from is 0/);
    expect(make({ balanced: false })).toThrow(/ILT201 episodes: balanced is false, and shots are 1 for every class/);
    expect(make({ shots: { from: 1, to: 2 } })).toThrow(/ILT401 .*"c2".*has 1 examples; 1 shot and 1 query take 2/);
    expect(make({ ways: { from: 2, to: 3 }, skipSmallClasses: true })).toThrow(/ILT402 episodes: 3 ways of 2 classes/);
  });
});

describe("augmentation", () => {
  const data = tagged([9, 9, 9]);
  const options = { ways: 2, shots: { from: 1, to: 3 }, queries: 2 };

  it("changes each example once, in support and query, by numbers of its own", () => {
    const calls: (readonly number[])[] = [];
    const plain = episodes(data, options).sample(5, 6);
    const source = episodes(data, {
      ...options,
      augment: Object.assign(
        (pixels: Float32Array, offset: number, shape: readonly number[], random: { uniform(): number }) => {
          calls.push(shape);
          pixels[offset + 1] = 2 + random.uniform();
        },
        { description: "noise" },
      ),
    });
    const changed = source.sample(5, 6);
    expect([tagsOf(changed.support), tagsOf(changed.query)]).toEqual([tagsOf(plain.support), tagsOf(plain.query)]);
    const second = [changed.support, changed.query].flatMap(({ x, present }) =>
      Array.from(x.data as Float32Array).filter(
        (_, i) => i % 2 === 1 && presentOf({ present } as Examples)[i >> 1] === 1,
      ),
    );
    expect(calls).toHaveLength(second.length);
    expect(calls[0]).toEqual([1, 2, 1]);
    expect(second.every((value) => value >= 2 && value < 3)).toBe(true);
    expect(new Set(second).size).toBe(second.length);
    expect(numbersOf(source.sample(5, 6))).toEqual(numbersOf(changed));
    expect(source.description.augmentation).toBe("noise");
  });
});

describe("learners on episodes that vary", () => {
  const data = labelledExamples({
    name: "noise",
    exampleShape: [3],
    classes: Array.from({ length: 8 }, (_, c) => ({
      name: `c${c}`,
      // A centre of the class and noise around it.
      examples: Array.from({ length: 3 + c }, (_, e) => {
        const centre = noise(3, 50, c);
        return noise(3, c, e).map((value, i) => centre[i]! + 0.3 * value);
      }),
    })),
  });
  const options = { shots: { from: 1, to: 4 }, queries: { from: 1, to: 3 }, balanced: false };
  const source = episodes(data, { ...options, ways: { from: 2, to: 4 } });
  const learners: readonly Learner<Tree>[] = [
    prototypicalNetwork({ model: linear({ inputs: 3, outputs: 2 }), ways: 4 }) as Learner<Tree>,
    maml({
      model: sequential([flatten(), linear({ inputs: 3, outputs: 5 }), tanh(), linear({ inputs: 5, outputs: 4 })]),
      loss: crossEntropy,
      inner: sgd({ learningRate: 0.5 }),
      steps: 2,
    }) as Learner<Tree>,
  ];
  const lossOf = (learner: Learner<Tree>, task: Task) => {
    const { loss, gradient, metrics } = learner.metaGradient(learner.init(key(1)), task);
    return numbersOf({ loss, gradient, metrics } as unknown as Tree).flat();
  };

  it.each(learners)("$name: a padded task has the loss, accuracy and gradient of the same task unpadded", (learner) => {
    /** All rows are there, and which classes are is still to be worked out. */
    const marked = ({ x, y }: Examples): Examples => ({
      x,
      y,
      present: tensor(new Float32Array(y.size).fill(1), [y.size]),
    });
    for (let index = 0; index < 6; index++) {
      const padded = source.sample(1, index);
      const real = withoutPadding(padded);
      expect(real.support.x.shape[0]).toBeLessThan(16);
      const expected = lossOf(learner, { support: marked(real.support), query: marked(real.query) });
      lossOf(learner, padded).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 9);
      });
    }
    // Without any mask where all classes are there: means are then products with 1/n, a float32 constant.
    const padded = episodes(data, { ...options, ways: 4 }).sample(2, 0);
    const expected = lossOf(learner, withoutPadding(padded));
    lossOf(learner, padded).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 7);
    });
  });

  it.each(learners)("$name: one graph serves all tasks, and training by it lowers the loss", (learner) => {
    const batch = (index: number) => sampleTasks(source, 1, 4 * index, 4);
    const params = learner.init(key(1));
    const optimizer = sgd({ learningRate: 0.2 });
    const step = asFunction(
      (at: { readonly params: Tree; readonly tasks: Task }): Tree => {
        const { loss, gradient } = meanMetaGradient(learner, at.params, at.tasks);
        const { updates } = optimizer.update(gradient, optimizer.init(at.params), at.params);
        return { loss, params: applyUpdates(at.params, updates) };
      },
      { params, tasks: batch(0) },
    );
    const tasks = Array.from({ length: 5 }, (_, i) => batch(i));
    const sizes = new Set(tasks.flatMap(({ support }) => Array.from(support.present!.data as Float32Array).join("")));
    expect(sizes.size).toBeGreaterThan(3);
    let values = numbersOf(params);
    const losses: number[] = [];
    for (let iteration = 0; iteration < 30; iteration++) {
      const task = numbersOf(tasks[iteration % 5] as unknown as Tree);
      const [loss, ...next] = step([...values, ...task]);
      values = next;
      losses.push(loss![0]!);
    }
    expect(leaves(params)).toHaveLength(values.length);
    const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    expect(mean(losses.slice(-5))).toBeLessThan(0.9 * mean(losses.slice(0, 5)));
  });
});
