import { readFileSync } from "node:fs";
import { reshape, type Tree, transpose, unflatten } from "@innerloop/graph";
import { type ReferenceArguments, type ReferenceFile, referenceCases } from "@innerloop/graph/testing";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, conv2d, linear, maxPool, relu, sequential } from "../../layers/layers.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { numbersOf } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import { type Learner, meanMetaGradient } from "../learner.js";
import { anil, maml, metaSgd } from "./maml.js";

const file = new URL("../../../../graph/src/testing/fixtures/meta-gradients.json", import.meta.url);
const cases = referenceCases(JSON.parse(readFileSync(file, "utf8")) as ReferenceFile, "float64").filter(
  ({ name }) => !name.startsWith("proto"),
);

/** The network of the reference's convolutional cases, whose features are flattened channels first. */
function convolutional(downsampling: "Stride" | "Pool", features: number, ways: number): Layer {
  const strided = downsampling === "Stride";
  const block = (channelsIn: number): readonly Layer[] => [
    conv2d({ channelsIn, channelsOut: 4, stride: strided ? 2 : 1 }),
    batchNorm({ channels: 4, mode: "transductive" }),
    relu(),
    ...(strided ? [] : [maxPool(2)]),
  ];
  const channelsFirst = functionLayer((x) => reshape(transpose(x, [0, 3, 1, 2]), [x.shape[0]!, -1]));
  return sequential([...block(1), ...block(4), channelsFirst, linear({ inputs: features, outputs: ways })]);
}

function learnerFor(name: string, { params }: ReferenceArguments): Learner {
  const [, kind, steps, order] = /^(mlp|conv)\S*-(\d)step-order(\d)$/.exec(name) as unknown as [
    string,
    string,
    string,
    string,
  ];
  const head = params.at(-2)!.shape as [number, number];
  const [model, loss] =
    kind === "mlp"
      ? [mlp({ sizes: [1, 8, 8, 1], activation: name.includes("relu") ? "relu" : "tanh" }), meanSquaredError]
      : [convolutional(name.startsWith("convStride") ? "Stride" : "Pool", head[0], head[1]), crossEntropy];
  const options = { model, loss, steps: Number(steps), order: Number(order) as 1 | 2 };
  if (name.includes("metasgd")) return metaSgd(options);
  const all = { ...options, inner: sgd({ learningRate: kind === "mlp" ? 0.05 : 0.1 }) };
  return name.includes("anil") ? anil(all) : maml(all);
}

describe("learners reproduce the published meta-gradients of PyTorch to 1e-9", () => {
  test("all of them are here", () => expect(cases).toHaveLength(24));

  test.each(cases)("$name", ({ name, given, expected }) => {
    const learner = learnerFor(name, given);
    const start: Tree = unflatten(learner.init(key(0)), [...given.params, ...given.rates]);
    const { tasks } = given;
    const result = meanMetaGradient(learner, start, {
      support: { x: tasks.supportX, y: tasks.supportY },
      query: { x: tasks.queryX, y: tasks.queryY },
    });
    const values = numbersOf([result.loss, result.gradient]);
    expected.slice(0, values.length).forEach(({ what, values: wanted, scale }, i) => {
      expect(values[i], what).toHaveLength(wanted.length);
      const worst = wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - values[i]![at]!)), 0);
      expect(worst / scale, what).toBeLessThan(1e-9);
    });
  });
});
