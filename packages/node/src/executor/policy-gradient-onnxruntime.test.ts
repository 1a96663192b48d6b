import { random } from "@innerloop/core";
import { actionDistribution, box, discrete, type Space, surrogate } from "@innerloop/core/reinforcement";
import {
  add,
  compile,
  grad,
  hessianVectorProduct,
  interpret,
  leaves,
  matmul,
  mean,
  mul,
  reshape,
  type Tensor,
  tensor,
  toNumbers,
  vmap,
} from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

const [tasks, episodes, horizon, inputs] = [3, 4, 5, 2];
const source = random(5);
const numbers = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => source.uniform(-1, 1)),
    shape,
  );

/** Numbers of a program by the engine, near those of the float64 interpreter. */
async function expectSame(run: readonly Tensor[], wanted: readonly Tensor[]): Promise<void> {
  const exact = interpret(wanted);
  for (const [i, found] of run.entries()) {
    const values = toNumbers(found);
    for (const [at, value] of values.entries())
      expect(Math.abs(value - exact[i]![at]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(exact[i]![at]!)));
    expect(values.some((value) => value !== 0)).toBe(true);
  }
}

test.each<[string, Space]>([
  ["a Gaussian", box({ shape: 2 })],
  ["a categorical", discrete(3)],
])(
  "the policy gradient of %s policy, its curvature and its samples, mapped over tasks, are the interpreter's",
  async (_name, space) => {
    const { outputs, noise, of } = actionDistribution(space);
    const rows = (weights: Tensor, x: Tensor): Tensor =>
      reshape(matmul(reshape(x, [episodes * horizon, inputs]), weights), [episodes, horizon, outputs]);
    const actionOf = (draw: Tensor, x: Tensor): Tensor => of(rows(startOf, x)).sample(draw);
    const startOf = numbers(inputs, outputs);
    const program = (
      weights: Tensor,
      direction: Tensor,
      x: Tensor,
      draw: Tensor,
      advantages: Tensor,
      present: Tensor,
    ) => {
      const action = actionOf(draw, x);
      const objective =
        (pastDecay: number) =>
        (w: Tensor): Tensor =>
          surrogate({ logProb: of(rows(w, x)).logProb(action), advantages, present }, { pastDecay });
      const divergence = (w: Tensor): Tensor => mean(of(rows(weights, x)).kl(of(rows(add(weights, mul(w, 0.5)), x))));
      return {
        action,
        gradients: [0, 0.5, 1].map((pastDecay) => grad(objective(pastDecay))(weights)),
        curvature: [0, 0.5, 1].map((pastDecay) => hessianVectorProduct(objective(pastDecay), weights, direction)),
        divergence: hessianVectorProduct(divergence, weights, direction),
      };
    };
    const present = tensor(
      Float32Array.from({ length: tasks * episodes * horizon }, (_, i) =>
        i % horizon < 2 + (i % 3 === 0 ? 1 : 0) ? 1 : 0,
      ),
      [tasks, episodes, horizon],
    );
    const given = [
      numbers(tasks, inputs, outputs),
      numbers(tasks, inputs, outputs),
      numbers(tasks, episodes, horizon, inputs),
      numbers(tasks, episodes, horizon, noise),
      numbers(tasks, episodes, horizon),
      present,
    ] as const;
    const mapped = vmap(program);
    const run = await compile(mapped, { executor })(...given);
    await expectSame(leaves(run), leaves(mapped(...given)));
  },
);
