import { sliceAxis, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { traitsOf } from "../../layers/parameter-roles.js";
import { withRunningStatistics } from "../../layers/running-statistics.js";
import { gradientError, namedValues, numbersOf, regressionTask, valuesIn } from "../../numerical.fixture.js";
import {
  difference,
  generalParams,
  ofLearned,
  padded,
  queryLoss,
  smallEmbedding,
  testModelBased,
} from "./model-based.fixture.js";
import type { ReadTask } from "./model-based-learner.js";
import { clusteringLoss, type TaskAdaptiveProcessOptions, taskAdaptiveProcess } from "./task-adaptive-process.js";

const small = { hidden: 4, layers: 1, decoderLayers: 2, clusters: 3 } as const;
const build = (more: Partial<TaskAdaptiveProcessOptions> = {}) =>
  taskAdaptiveProcess({ ...small, features: 2, outputs: 1, ...more });
const task = regressionTask(2, 1, 4, 4);
const keyOf = (n: number): Tensor => tensor(n, [], "int32");

testModelBased(
  (["film", "gating"] as const).map((modulation) => ({
    name: modulation,
    // A cluster's loss is small beside the likelihood's: with a large weight its part of the gradient shows.
    learner: taskAdaptiveProcess({
      ...small,
      // Of fewer units none might be above 0 in a layer: then nothing below it has a part.
      hidden: 8,
      model: smallEmbedding,
      features: 4,
      outputs: 2,
      modulation,
      clusterWeight: 5,
    }),
    task: regressionTask(3, 2, 4, 4),
  })),
);

describe("the objective", () => {
  const params = generalParams(build());

  test.each([false, true])("has the gradient of its differences where z is sampled by a key, padding %s", (pad) => {
    const given = pad ? { support: padded(task.support), query: padded(task.query) } : task;
    const learner = build();
    const { gradient, objective } = learner.metaGradient(params, given, keyOf(5));
    const f = ofLearned(learner, params, (at) => learner.metaGradient(at, given, keyOf(5)).objective!);
    expect(gradientError(f, params, gradient, { h: 1e-5 })).toBeLessThan(1e-6);
    const other = learner.metaGradient(params, given, keyOf(6)).objective!;
    expect(valuesIn(other)[0]).not.toBeCloseTo(valuesIn(objective!)[0]!, 3);
    expect(valuesIn(learner.metaGradient(params, given, keyOf(5)).objective!)).toEqual(valuesIn(objective!));
  });

  test("is the likelihood, the divergence shared by the queries, and the clustering loss by its weight", () => {
    const objectiveOf = (clusterWeight: number): number =>
      valuesIn(build({ clusterWeight }).metaGradient(params, task).objective!)[0]!;
    const { statistics } = build().metaGradient(params, task);
    const { mean: shares } = statistics!["network/pool"]!;
    const frequencies = tensor([1 / 3, 1 / 3, 1 / 3]);
    expect(objectiveOf(3) - objectiveOf(0)).toBeCloseTo(3 * valuesIn(clusteringLoss(shares, frequencies))[0]!, 8);
    // Without any query beside the support rows nothing is learned of z: what is left is the likelihood.
    const nothing = { ...task.query, present: tensor([0, 0, 0, 0]) };
    const learner = build({ clusterWeight: 0 });
    const { objective, loss } = learner.metaGradient(params, { ...task, query: nothing });
    expect(valuesIn(objective!)[0]).toBeCloseTo(valuesIn(loss)[0]!, 10);
    // And with them it costs.
    const own = learner.metaGradient(params, task);
    expect(Math.abs(valuesIn(own.objective!)[0]! - valuesIn(own.loss)[0]!)).toBeGreaterThan(1e-3);
  });

  test("is not what is reported: that is the loss of what the support set says alone, key or none", () => {
    const learner = build();
    const { loss } = learner.metaGradient(params, task, keyOf(5));
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, task))[0]!, 10);
  });
});

describe("clusters", () => {
  test("draw what belongs to them by KL(p || c), p as c squared over frequencies", () => {
    const shares = [0.5, 0.3, 0.2];
    const of = (frequencies: readonly number[]): number => {
      const weights = shares.map((c, j) => c ** 2 / frequencies[j]!);
      const total = weights.reduce((a, b) => a + b, 0);
      return weights.reduce((sum, w, j) => sum + (w / total) * Math.log(w / total / shares[j]!), 0);
    };
    for (const frequencies of [
      [1 / 3, 1 / 3, 1 / 3],
      [0.8, 0.1, 0.1],
    ])
      expect(valuesIn(clusteringLoss(tensor(shares), tensor(frequencies)))[0]).toBeCloseTo(of(frequencies), 6);
    // Shares as large as the frequencies are where they are to be.
    expect(valuesIn(clusteringLoss(tensor(shares), tensor(shares)))[0]).toBeCloseTo(0, 6);
  });

  test("have frequencies that are running averages of the shares, and that no gradient moves", () => {
    const learner = build();
    const params = generalParams(learner);
    const { statistics, gradient } = learner.metaGradient(params, task);
    const { mean, variance } = statistics!["network/pool"]!;
    const shares = valuesIn(mean);
    expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
    expect(
      difference(
        valuesIn(variance),
        shares.map((c) => c * (1 - c)),
      ),
    ).toBeLessThan(1e-12);
    expect(namedValues(gradient)["network/pool/frequencies"]).toEqual([0, 0, 0]);
    const after = withRunningStatistics(params, statistics!, params, traitsOf(learner));
    const expected = shares.map((c) => 0.9 / 3 + 0.1 * c);
    expect(difference(namedValues(after)["network/pool/frequencies"]!, expected)).toBeLessThan(1e-7);
  });

  test("are told by Student's t of the distance of the task to their centroids", () => {
    const learner = build({ freedom: 2 });
    const params = generalParams(learner) as { readonly network: { readonly pool: { centroids: Tensor } } };
    const sharesAt = (centroids: Tensor): number[] => {
      const { network } = params;
      const at = { ...params, network: { ...network, pool: { ...network.pool, centroids } } } as unknown as Tree;
      return valuesIn(learner.metaGradient(at, task).statistics!["network/pool"]!.mean);
    };
    const [a, b, c] = valuesIn(params.network.pool.centroids).map((value) => value) as [number, number, number];
    expect(new Set([a, b, c]).size).toBe(3);
    // Centroids far away on one axis: their distances to the task differ from one another as those from 0 do.
    const far = sharesAt(tensor([1e4, 0, 0, 0, 2e4, 0, 0, 0, 4e4, 0, 0, 0], [3, 4]));
    // (d^2 / 2)^(-3 / 2): in the ratio of 1, 1/8 and 1/64.
    expect(far[1]! / far[0]!).toBeCloseTo(1 / 8, 3);
    expect(far[2]! / far[0]!).toBeCloseTo(1 / 64, 3);
  });
});

describe("an adapted task", () => {
  test("keeps the mean of z, and a scale and a shift for each unit of each layer", () => {
    const learner = build();
    const { memory } = learner.adapt(generalParams(learner), task.support) as ReadTask;
    const shapes = Object.fromEntries(
      Object.entries(namedValues(memory)).map(([path, values]) => [path, values.length]),
    );
    expect(shapes).toEqual({
      z: 4,
      "modulations/0/scale": 4,
      "modulations/0/shift": 4,
      "modulations/1/scale": 4,
      "modulations/1/shift": 4,
    });
  });

  test.each(["film", "gating"] as const)("is answered by units scaled and shifted by its kind: %s", (modulation) => {
    const learner = build({ modulation, decoderLayers: 1 });
    const params = generalParams(learner);
    const { memory } = learner.adapt(params, task.support) as ReadTask;
    const at = namedValues(params);
    const found = namedValues(memory);
    const generated = modulation === "film" ? 2 : 4;
    const kind = kindOf(at, learner, params);
    const numbers = Array.from({ length: generated * 4 }, (_, unit) =>
      kind.reduce((sum, o, i) => sum + o * at["network/decoder/generators/0/weight"]![i * generated * 4 + unit]!, 0),
    );
    const part = (index: number): number[] => numbers.slice(4 * index, 4 * index + 4);
    const open = modulation === "film" ? [1, 1, 1, 1] : part(2).map((d) => 1 / (1 + Math.exp(-d)));
    const instead = modulation === "film" ? [0, 0, 0, 0] : part(3).map(Math.tanh);
    const gated = (values: number[]): number[] =>
      values.map((value, i) => open[i]! * Math.tanh(value) + (1 - open[i]!) * instead[i]!);
    expect(difference(found["modulations/0/scale"]!, gated(part(0)))).toBeLessThan(1e-10);
    expect(difference(found["modulations/0/shift"]!, gated(part(1)))).toBeLessThan(1e-10);

    // One query by hand: [x, z], the layer, its scale and shift, relu, head.
    const x = valuesIn(sliceAxis(task.query.x, 0, 0, 1));
    const inputs = [...x, ...found.z!];
    const layer = (name: string, values: readonly number[], width: number): number[] =>
      Array.from({ length: width }, (_, j) =>
        values.reduce((sum, v, i) => sum + v * at[`${name}/weight`]![i * width + j]!, at[`${name}/bias`]![j]!),
      );
    const hidden = layer("network/decoder/layers/0", inputs, 4).map((h, i) =>
      Math.max(0, h * found["modulations/0/scale"]![i]! + found["modulations/0/shift"]![i]!),
    );
    const [mean, spread] = layer("network/decoder/head", hidden, 2) as [number, number];
    const told = valuesIn(learner.predict(learner.adapt(params, task.support), sliceAxis(task.query.x, 0, 0, 1)));
    expect(difference(told, [mean, 0.1 + 0.9 * Math.log(1 + Math.exp(spread))])).toBeLessThan(1e-7);
  });
});

/** o = t + sum of c_j a_j, of the parameters by path: t by its network of one hidden layer. */
function kindOf(at: Record<string, number[]>, learner: ReturnType<typeof build>, params: Tree): number[] {
  const layer = (index: number, values: readonly number[], width: number): number[] =>
    Array.from({ length: width }, (_, j) =>
      values.reduce(
        (sum, v, i) => sum + v * at[`network/identity/${index}/weight`]![i * width + j]!,
        at[`network/identity/${index}/bias`]![j]!,
      ),
    );
  const [x, y] = numbersOf([task.support.x, task.support.y]) as [number[], number[]];
  const rows = y.map((value, row) =>
    layer(
      3,
      layer(1, [...x.slice(2 * row, 2 * row + 2), value], 4).map((h) => Math.max(0, h)),
      4,
    ),
  );
  const t = [0, 1, 2, 3].map((i) => rows.reduce((sum, row) => sum + row[i]! / rows.length, 0));
  const centroids = at["network/pool/centroids"]!;
  const kernel = [0, 1, 2].map((j) => 1 / (1 + t.reduce((sum, v, i) => sum + (v - centroids[4 * j + i]!) ** 2, 0)));
  const total = kernel.reduce((a, b) => a + b, 0);
  const shares = kernel.map((k) => k / total);
  const { statistics } = learner.metaGradient(params, task);
  expect(difference(valuesIn(statistics!["network/pool"]!.mean), shares)).toBeLessThan(1e-10);
  return t.map((v, i) => v + shares.reduce((sum, c, j) => sum + c * centroids[4 * j + i]!, 0));
}

test("says what its figures depend on", () => {
  expect(taskAdaptiveProcess({ features: 1, outputs: 1 })).toMatchObject({
    name: "task-adaptive neural process",
    description: { hidden: 64, layers: 2, decoderLayers: 3, clusters: 7, clusterWeight: 0.1, modulation: "film" },
  });
});

test("refuses sizes and weights out of range", () => {
  const refused = (more: Partial<TaskAdaptiveProcessOptions>) => expect(() => build(more));
  refused({ hidden: 0 }).toThrow("IL102 taskAdaptiveProcess: hidden is 0");
  refused({ layers: 1.5 }).toThrow("IL102 taskAdaptiveProcess: layers is 1.5");
  refused({ decoderLayers: 0 }).toThrow("IL102 taskAdaptiveProcess: decoderLayers is 0");
  refused({ clusters: 1 }).toThrow("IL102 taskAdaptiveProcess: clusters is 1");
  refused({ clusterWeight: -1 }).toThrow("IL102 taskAdaptiveProcess: clusterWeight is -1");
  refused({ freedom: 0 }).toThrow("IL102 taskAdaptiveProcess: freedom 0");
  refused({ outputs: 0 }).toThrow("IL102 taskAdaptiveProcess: outputs is 0");
});
