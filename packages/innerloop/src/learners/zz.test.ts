import { test } from "vitest";
import { type Tree, leaves, tensor, unflatten } from "@innerloop/graph";
import { mlp } from "../layers/models.js";
import { meanSquaredError } from "../losses.js";
import { numbersOf, valuesIn, asFunction } from "../numerical.fixture.js";
import { adam, sgd } from "../optimizers.js";
import { key } from "../random.js";
import { sinusoids } from "../tasks/sinusoid.js";
import { sampleTasks } from "../training/task-batch.js";
import { meanMetaGradient } from "./learner.js";
import { lstmOptimizer } from "./lstm-optimizer.js";
import { maml } from "./maml.js";
test("x", () => {
  const curve = mlp({ sizes: [1, 16, 1], activation: "tanh" });
  const source = sinusoids({ shots: 10, queries: 10, x: [-2, 2] });
  const held = sampleTasks(source, 9, 0, 40);
  for (const learningRate of [0, 0.01, 0.03, 0.1, 0.2]) {
    const l = maml({ model: curve, loss: meanSquaredError, steps: 5, inner: sgd({ learningRate }) });
    console.log("sgd", learningRate, valuesIn(meanMetaGradient(l, l.init(key(5)), held).loss)[0]);
  }
  for (const [both, rate, outputScale, lr] of [[false, 0.03, 0.1, 0.01], [false, 0.03, 1, 0.01], [true, 0.03, 0.1, 0.01], [true, 0.03, 1, 0.01]] as const) {
  const learner = maml({ model: curve, loss: meanSquaredError, steps: 5, inner: lstmOptimizer({ hidden: 8, layers: 1, outputScale, learningRate: lr }) });
  const optimizer = adam({ learningRate: rate });
  type Trained = { readonly model: Tree; readonly inner: Tree };
  const first = learner.init(key(5)) as Trained;
  const start = both ? first : { inner: first.inner };
  const state0 = optimizer.init(start);
  const tasks = (seed: number, index: number) => sampleTasks(source, seed, index * 8, 8);
  const update = asFunction(
    ({ own, state, batch }: { own: any; state: Tree; batch: any }) => {
      const { gradient, loss } = meanMetaGradient(learner, { ...first, ...own }, batch);
      const next = optimizer.update(both ? gradient : { inner: (gradient as any).inner } as any, state, own);
      return [next.params, next.state, loss];
    },
    { own: start, state: state0, batch: tasks(0, 0) },
  );
  let values = numbersOf([start, state0]);
  const size = values.length; let t = 0;
  const t0 = performance.now();
  const n = leaves(start).length;
  const h = () => { const own = unflatten(start as Tree, leaves(start as Tree).map((leaf, i) => tensor(values[i]!, leaf.shape, leaf.dtype))); return valuesIn(meanMetaGradient(learner, { ...first, ...(own as any) }, held).loss)[0]!.toFixed(3); };
  const out: string[] = [h()];
  for (let i = 0; i < 120; i++) { values = update([...values, ...numbersOf(tasks(1, i))]).slice(0, size); if (i % 20 === 19) out.push(h()); }
  console.log("lstm", both, rate, outputScale, lr, out.join(" "), (performance.now() - t0).toFixed(0));
  }
}, 100000);
