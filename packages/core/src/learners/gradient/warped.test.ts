import { leaves, paths, type Tree, tensor, unflatten } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { frozen } from "../../layers/frozen.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, type LinearParameters, linear, sequential, tanh } from "../../layers/layers.js";
import { traitsOf } from "../../layers/parameter-roles.js";
import { mlp } from "../../networks/models.js";
import { namedValues, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import { base, curves, expectClose, largest } from "./gradient-options.fixture.js";
import { learnedRates } from "./learned-optimizers.js";
import { maml } from "./maml.js";
import { reptile } from "./reptile.js";
import { warped } from "./warped.js";

const task = curves();
const between = (layer: Layer): Layer =>
  sequential([linear({ inputs: 2, outputs: 3 }), layer, tanh(), linear({ inputs: 3, outputs: 1 })]);
const model = between(warped(linear({ inputs: 3, outputs: 3 })));
const isWarped = (path: string): boolean => path.startsWith("1/");

describe("warped", () => {
  test("its layer as it is, with parameters below `warped`", () => {
    const inner = linear({ inputs: 2, outputs: 3 });
    const layer = warped(inner);
    const params = layer.init(key(1));
    expect(paths(params)).toEqual(["warped/weight", "warped/bias"]);
    const x = noiseTensor([4, 2], 1);
    expect(valuesIn(layer.apply(params, x))).toEqual(valuesIn(inner.apply(params.warped, x)));
    const deep = warped(sequential([linear({ inputs: 2, outputs: 2 }), batchNorm({ channels: 2, mode: "support" })]));
    expect([deep.head, deep.batchNorm]).toEqual(["warped/1", "support"]);
    expect(warped(mlp({ sizes: [2, 5] })).outputShape).toEqual([5]);
    const seen: string[] = [];
    sequential([tanh(), deep]).apply({ "0": {}, "1": deep.init(key(0)) }, x, { record: (path) => seen.push(path) });
    expect(seen).toEqual(["1/warped/1"]);
  });

  test("the inner loop leaves it alone, whatever is to adapt; outer gradients do not", () => {
    const params = model.init(key(2));
    const before = namedValues(params);
    for (const learner of [
      maml({ ...base, model }),
      maml({ ...base, model, adapts: () => true }),
      maml({ ...base, model, adapts: "body" }),
    ]) {
      const after = namedValues(learner.adapt(params, task.support).params);
      for (const path of Object.keys(before)) if (isWarped(path)) expect(after[path], path).toEqual(before[path]);
      expect(after["0/weight"]).not.toEqual(before["0/weight"]);
    }
    const slopes = namedValues(maml({ ...base, model }).metaGradient(params, task).gradient);
    expect(Math.max(...slopes["1/warped/weight"]!.map(Math.abs))).toBeGreaterThan(1e-3);
    expect(() => reptile({ ...base, model })).toThrow(/^IL102 reptile: 1\/warped\/weight is shared by all tasks/);
    expect(() => maml({ ...base, model, adapts: isWarped }).adapt(params, task.support)).toThrow(/^IL102 adapt: none/);
  });

  test("learned rates are of what adapts", () => {
    const { inner } = maml({ ...base, model, inner: learnedRates({ per: "element" }) }).init(key(2)) as { inner: Tree };
    expect(paths(inner)).toEqual(["0/weight", "0/bias", "3/weight", "3/bias"]);
  });

  test("an identity that is warped is MAML without it", () => {
    const plain = between(functionLayer((x) => x));
    const params = model.init(key(2));
    const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    const names = paths(params);
    const start = unflatten(
      params,
      leaves(params).map((leaf, i) => (names[i] === "1/warped/weight" ? tensor(identity, [3, 3]) : leaf)),
    );
    const others = Object.fromEntries(Object.entries(start).filter(([name]) => name !== "1"));
    const expected = maml({ ...base, model: plain }).metaGradient({ ...others, "1": {} }, task);
    const { loss, gradient } = maml({ ...base, model }).metaGradient(start, task);
    const { "1": warp, ...rest } = gradient as { [name: string]: Tree };
    expectClose({ loss, rest }, { loss: expected.loss, rest: expected.gradient });
    expect(largest(warp!)).toBeGreaterThan(1e-3);
  });

  test("it is by their role that its parameters stay, not by a name; what is fixed or averaged within is so still", () => {
    const named: Layer<{ readonly warped: Tree }> = {
      init: (drawn) => ({ warped: linear({ inputs: 3, outputs: 3 }).init(drawn) }),
      apply: (params, x) => linear({ inputs: 3, outputs: 3 }).apply(params.warped as LinearParameters, x),
    };
    const other = between(named as Layer);
    const params = other.init(key(2));
    const after = namedValues(maml({ ...base, model: other }).adapt(params, task.support).params);
    expect(after["1/warped/weight"]).not.toEqual(namedValues(params)["1/warped/weight"]);
    const traits = traitsOf(
      warped(sequential([frozen(linear({ inputs: 1, outputs: 2 })), batchNorm({ channels: 2, mode: "running" })])),
    );
    expect(Object.fromEntries([...traits].map(([path, { role }]) => [path, role]))).toEqual({
      "warped/0/weight": "fixed",
      "warped/0/bias": "fixed",
      "warped/1/scale": "shared",
      "warped/1/shift": "shared",
      "warped/1/runningMean": "averaged",
      "warped/1/runningVariance": "averaged",
    });
  });
});
