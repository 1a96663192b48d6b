/** Every way of adapting by gradients adapts policies: what is trained adapts better than what is not. */
import {
  cavia,
  evaluate,
  key,
  learnedRates,
  lstmOptimizer,
  maml,
  mamlPlusPlus,
  metaCurvature,
  reptile,
  sgd,
  train,
} from "@innerloop/core";
import { learnedOptions } from "@innerloop/core/learners";
import {
  contextualPolicy,
  navigation2d,
  policyCollector,
  policyNetwork,
  policySurrogate,
  trustRegion,
} from "@innerloop/core/reinforcement";
import type { Tree } from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const family = navigation2d({ horizon: 12 });
const episodes = 10;
const minibatch = { size: episodes };
const model = policyNetwork({ ...family, hidden: [8] });
const context = contextualPolicy({ ...family, hidden: [8], contextSize: 4 });
const loss = policySurrogate(family.action);
const policy = { model, loss, minibatch };
const region = trustRegion(family.action);

test.each([
  ["CAVIA", region, cavia({ model: context, loss, inner: sgd({ learningRate: 1 }) })],
  [
    "MAML++",
    region,
    mamlPlusPlus({ ...policy, steps: 2, learningRate: 0.2, multiStepLoss: false, orderAnnealing: false }),
  ],
  ["meta-curvature", region, maml({ ...policy, steps: 1, inner: metaCurvature({ learningRate: 0.3 }) })],
  ["learned rates", region, maml({ ...policy, steps: 1, inner: learnedRates({ per: "layer", from: 0.3 }) })],
  [
    "a learned optimizer",
    region,
    maml({
      ...policy,
      steps: 2,
      inner: learnedOptions((options) => sgd(options), { learningRate: 0.2, momentum: 0.5, weightDecay: 1e-3 }),
    }),
  ],
  ["a recurrent optimizer", region, maml({ ...policy, steps: 2, inner: lstmOptimizer({ learningRate: 0.3 }) })],
  [
    "Reptile",
    sgd({ learningRate: 1 }),
    reptile({ model, loss, inner: sgd({ learningRate: 0.3 }), steps: 2, innerBatchSize: episodes }),
  ],
] as const)("%s trains policies: after adaptation the return is higher", async (_name, optimizer, learner) => {
  const tasks = policyCollector({ family, episodes, steps: learner.steps! });
  const judged = async (params: Tree): Promise<number[]> => {
    const { rows } = await evaluate({ learner, params, tasks, count: 30, executor });
    return rows.map(({ figures }) => figures.return!.mean);
  };
  const first = await judged(learner.init(key(3)) as Tree);
  const { params } = await train({
    learner,
    tasks,
    optimizer,
    metaBatchSize: 10,
    iterations: 15,
    seed: 3,
    executor,
    progress: false,
  });
  const last = await judged(params);
  // Standard errors of these means are about 0.15.
  expect(last.at(-1)).toBeGreaterThan(first.at(-1)! + 0.5);
  expect(last.at(-1)).toBeGreaterThan(last[0]! + 0.5);
});
