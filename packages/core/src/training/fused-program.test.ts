import { simplifyGraph, type Tree, trace, writeNativeModel } from "@innerloop/graph";
import { expect, test } from "vitest";
import { sinusoids } from "../domains/curves/sinusoid.js";
import { maml } from "../learners/gradient/maml.js";
import { meanMetaGradient } from "../learners/learner.js";
import { meanSquaredError } from "../losses/losses.js";
import { mlp } from "../networks/models.js";
import { sgd } from "../optimizers/optimizers.js";
import { key } from "../random/random.js";
import { sampleTasks } from "./task-batch.js";

/** What is computed together is decided by rules: a change of them shows here. */
test("the meta-gradient of a small network as a native program: its calls, and what is computed in the loops of each", () => {
  const learner = maml({
    model: mlp({ sizes: [1, 8, 1] }),
    loss: meanSquaredError,
    inner: sgd({ learningRate: 0.01 }),
  });
  const tasks = sampleTasks(sinusoids({ shots: 5 }), 1, 0, 3);
  const program = (params: Tree): Tree => meanMetaGradient(learner, params, tasks).gradient;
  const graph = simplifyGraph(trace(program, [learner.init(key(0))]).graph);
  const { outline } = writeNativeModel(graph, { vectorBytes: 32, registers: 16 });
  expect(outline).toMatchInlineSnapshot(`
    [
      "f0: float32[3, 5, 8] by matmul of float32[3, 5, 1], float32[1, 8]",
      "f1: float32[3, 5, 8] by relu, add of float32[3, 5, 8], float32[8]",
      "f2: float32[3, 5, 1] by matmul of float32[3, 5, 8], float32[8, 1]",
      "f3: float32[3, 5, 1] by mul, sub, add of float32[3, 5, 1], float32[1], float32[3, 5, 1]",
      "f0: float32[3, 5, 8] by matmul, reshape of float32[3, 5, 1], float32[8, 1]",
      "f4: float32[3, 5, 8] by mul, step, add of float32[3, 5, 8], float32[3, 5, 8], float32[8]",
      "f5: float32[3, 1, 8] by matmul of float32[3, 1, 5], float32[3, 5, 8]",
      "f6: float32[3, 1, 8] by sub, mul of float32[1, 8], float32[3, 1, 8]",
      "f7: float32[3, 5, 8] by matmul of float32[3, 5, 1], float32[3, 1, 8]",
      "f8: float32[3, 8] by sum of float32[3, 5, 8]",
      "f6: float32[3, 1, 8] by reshape, sub, mul of float32[8], float32[3, 8]",
      "f9: float32[3, 5, 8] by relu, add of float32[3, 5, 8], float32[3, 1, 8]",
      "f10: float32[3, 8, 1] by matmul, transpose of float32[3, 5, 8], float32[3, 5, 1]",
      "f11: float32[3, 8, 1] by sub, mul of float32[8, 1], float32[3, 8, 1]",
      "f12: float32[3, 5, 1] by matmul of float32[3, 5, 8], float32[3, 8, 1]",
      "f13: float32[3, 1] by sum, sub, add of float32[3, 5, 1], float32[1], float32[3, 5, 1]",
      "f14: float32[3, 1, 1] by reshape, sub, mul of float32[1], float32[3, 1]",
      "f15: float32[3, 5, 1] by mul, sub, add of float32[3, 5, 1], float32[3, 1, 1], float32[3, 5, 1]",
      "f7: float32[3, 5, 8] by matmul, reshape of float32[3, 5, 1], float32[3, 8, 1]",
      "f16: float32[3, 5, 8] by mul, step, add of float32[3, 5, 8], float32[3, 5, 8], float32[3, 1, 8]",
      "f5: float32[3, 1, 8] by matmul of float32[3, 1, 5], float32[3, 5, 8]",
      "f10: float32[3, 8, 1] by matmul, transpose of float32[3, 5, 8], float32[3, 5, 1]",
      "f17: float32[3, 1, 8] by mul, reshape of float32[3, 8, 1]",
      "f7: float32[3, 5, 8] by matmul of float32[3, 5, 1], float32[3, 1, 8]",
      "f18: float32[3, 8, 1] by mul of float32[3, 8, 1]",
      "f12: float32[3, 5, 1] by matmul of float32[3, 5, 8], float32[3, 8, 1]",
      "f17: float32[3, 1, 8] by mul of float32[3, 1, 8]",
      "f7: float32[3, 5, 8] by matmul of float32[3, 5, 1], float32[3, 1, 8]",
      "f8: float32[3, 8] by sum of float32[3, 5, 8]",
      "f17: float32[3, 1, 8] by mul, reshape of float32[3, 8]",
      "f19: float32[3, 5, 8] by mul, 2 add, step of float32[3, 5, 8], float32[3, 1, 8], float32[3, 5, 8], float32[8]",
      "f2: float32[3, 5, 1] by matmul of float32[3, 5, 8], float32[8, 1]",
      "f20: float32[3, 1] by sum, sub, add of float32[3, 5, 1], float32[3, 1, 1], float32[3, 5, 1]",
      "f21: float32[3, 1, 1] by mul, reshape of float32[3, 1]",
      "f22: float32[3, 5, 1] by mul, 2 add of float32[3, 5, 1], float32[3, 5, 1], float32[3, 1, 1]",
      "f0: float32[3, 5, 8] by matmul, reshape of float32[3, 5, 1], float32[8, 1]",
      "f23: float32[3, 5, 8] by mul, 2 add, step of float32[3, 5, 8], float32[3, 5, 8], float32[3, 5, 8], float32[8]",
      "f5: float32[3, 1, 8] by matmul of float32[3, 1, 5], float32[3, 5, 8]",
      "f24: float32[1, 8] by mul, sum, add of float32[3, 1, 8], float32[3, 1, 8]",
      "f8: float32[3, 8] by sum of float32[3, 5, 8]",
      "f25: float32[8] by mul, sum, add of float32[3, 8], float32[3, 8]",
      "f5: float32[3, 1, 8] by matmul, reshape of float32[3, 5, 1], float32[3, 5, 8]",
      "f10: float32[3, 8, 1] by matmul, transpose of float32[3, 5, 8], float32[3, 5, 1]",
      "f26: float32[8, 1] by mul, sum, 2 add, reshape of float32[3, 8, 1], float32[3, 1, 8], float32[3, 8, 1]",
      "f27: float32[1] by sum, sub, add of float32[3, 5, 1], float32[3, 1, 1], float32[3, 5, 1]",
      "f28: float32[3, 1] by sum, add of float32[3, 5, 1], float32[3, 5, 1]",
      "f29: float32[1] by sum, add, mul of float32[3, 1], float32[3, 1]",
      "f30: float32[1] by 3 mul, add of float32[1], float32[1]",
    ]
  `);
});
