import { compile, type Tree } from "@innerloop/graph";
import * as il from "innerloop";
import { test } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";
const ex = onnxruntimeExecutor();
test("x", async () => {
  const source = il.sinusoids({ shots: 10, queries: 10 });
  const loss = il.meanSquaredError;
  for (const [name, learner] of [
    ["cavia", il.cavia({ model: il.contextualMlp({ sizes: [1, 40, 40, 1], contextSize: 5 }), loss, inner: il.sgd({ learningRate: 1 }) })],
    ["ridge", il.ridgeRegression({ task: "regression", model: il.mlp({ sizes: [1, 40, 40], activation: "tanh" }) })],
    ["maml+lstm", il.maml({ model: il.mlp({ sizes: [1, 40, 40, 1] }), loss, steps: 3, inner: il.lstmOptimizer({ hidden: 8, layers: 1 }) })],
    ["maml", il.maml({ model: il.mlp({ sizes: [1, 40, 40, 1] }), loss, steps: 3, inner: il.sgd({ learningRate: 0.01 }) })],
  ] as any) {
    const opt = il.adam({ learningRate: 0.002 });
    const step = compile((params: Tree, state: Tree, tasks: any) => {
      const { loss, gradient } = il.meanMetaGradient(learner, params, tasks);
      const next = opt.update(gradient, state, params);
      return { params: next.params, state: next.state, loss };
    }, { executor: ex, alone: true });
    let params: Tree = learner.init(il.key(1)); let state: Tree = opt.init(params);
    const losses: string[] = []; let l = 0;
    const t0 = performance.now();
    for (let i = 0; i < 1000; i++) {
      const out = await step(params, state, il.sampleTasks(source, 1, i * 20, 20)) as any;
      params = out.params; state = out.state; l += Number(out.loss.data[0]) / 200;
      if (i % 200 === 199) { losses.push(l.toFixed(3)); l = 0; }
    }
    console.log("##", name, losses.join(" "), ((performance.now() - t0) / 1000).toFixed(1), "ms");
  }
}, 200000);
