import type { Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { crossEntropy } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { classificationTask, flat, namedValues, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { adam, rmsProp, sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import { cavia, contextualMlp } from "./cavia.js";
import type { AdaptedModel } from "./gradient-adaptation.js";
import { anil, boil, fomaml, maml, metaSgd } from "./maml.js";
import { reptile } from "./reptile.js";

// Tasks of no shots, as those of `domainTasks` may be: the support set is all padding, and a learner predicts by what it has
// learned over tasks.

const ways = 3;
const model = mlp({ sizes: [4, 6, ways], activation: "tanh" });
const normalized = (mode: "transductive" | "support" | "running") =>
  sequential([
    linear({ inputs: 4, outputs: 6 }),
    batchNorm({ channels: 6, mode }),
    tanh(),
    linear({ inputs: 6, outputs: ways }),
  ]);
const setting = { loss: crossEntropy, inner: sgd({ learningRate: 0.4 }), steps: 2 };

const learners: readonly (readonly [string, Learner])[] = [
  ["MAML", maml({ model, ...setting })],
  ["MAML, momentum", maml({ model, ...setting, inner: sgd({ learningRate: 0.4, momentum: 0.9 }) })],
  ["MAML, Adam", maml({ model, ...setting, inner: adam({ learningRate: 0.1, beta1: 0 }) })],
  ["MAML, RMSprop", maml({ model, ...setting, inner: rmsProp({ learningRate: 0.1 }) })],
  ["MAML, proximal term", maml({ model, ...setting, proximal: 0.5 })],
  ["MAML, mini-batches", maml({ model, ...setting, minibatch: { size: 2, accumulate: 2 } })],
  ["MAML, transductive batch normalisation", maml({ model: normalized("transductive"), ...setting })],
  ["MAML, batch normalisation by averages", maml({ model: normalized("running"), ...setting })],
  ["MAML, batch normalisation by the support set", maml({ model: normalized("support"), ...setting })],
  ["FOMAML", fomaml({ model, ...setting })],
  ["ANIL", anil({ model, ...setting })],
  ["BOIL", boil({ model, ...setting })],
  ["Meta-SGD", metaSgd({ model, loss: crossEntropy, steps: 2, learningRate: 0.3 })],
  ["CAVIA", cavia({ model: contextualMlp({ sizes: [4, 6, ways], contextSize: 3, activation: "tanh" }), ...setting })],
  ["Reptile", reptile({ model, ...setting, innerBatchSize: 2 })],
  ["Reptile, Adam", reptile({ model, ...setting, inner: adam({ learningRate: 0.1, beta1: 0 }) })],
];

const { support, query } = classificationTask([4], ways, 2, 3);
const none: Task = { support: { ...support, present: flat(new Array(6).fill(0), [6]) }, query };
const finite = (tree: Tree): boolean => numbersOf(tree).flat().every(Number.isFinite);

describe.each(learners)("%s, of no shots", (_, learner) => {
  const params = learner.init(key(4));

  test("adapts to nothing: parameters and predictions are those of before, number for number", () => {
    const adapted = learner.adapt(params, none.support) as AdaptedModel;
    const still = learner.adapt(params, none.support, { steps: 0 }) as AdaptedModel;
    expect(namedValues(adapted.params)).toEqual(namedValues(still.params));
    const [after, before] = [adapted, still].map((at) => valuesIn(learner.predict(at, query.x)));
    expect(after).toEqual(before);
    // Of classes, and not of how few numbers float32 has beside 1e9.
    expect(new Set(after!.slice(0, ways)).size).toBe(ways);
    expect(after!.every((z) => Math.abs(z) < 100)).toBe(true);
  });

  test("learns from its queries, by a gradient that is finite", () => {
    const { loss, gradient, metrics } = learner.metaGradient(params, none);
    expect(finite([loss, gradient, { ...metrics }])).toBe(true);
    expect(valuesIn(loss)[0]).toBeLessThan(10);
  });
});

test("the meta-gradient of no shots is the plain gradient of the query loss", () => {
  const learner = maml({ model, ...setting });
  const params = learner.init(key(4));
  const still = maml({ model, ...setting, steps: 0 });
  const [own, plain] = [learner, still].map((each) => numbersOf(each.metaGradient(params, none).gradient).flat());
  expect(own).toEqual(plain);
  expect(Math.max(...own!.map(Math.abs))).toBeGreaterThan(1e-3);
});

test("where some classes have examples, those without get no probability, as before", () => {
  const learner = maml({ model, ...setting });
  const two: Task = { support: { ...support, present: flat([1, 1, 1, 1, 0, 0], [6]) }, query };
  const logits = valuesIn(learner.predict(learner.adapt(learner.init(key(4)), two.support), query.x));
  expect(logits[2]).toBeLessThan(-1e8);
  expect(Math.abs(logits[0]!)).toBeLessThan(100);
});
