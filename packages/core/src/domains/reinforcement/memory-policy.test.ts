import { grad, leaves, reshape, sliceAxis, type Tensor, type Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { flat, noiseLike, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import { box, discrete } from "./environment.js";
import { type MemoryPolicy, recurrentPolicy, trialInputs } from "./memory-policy.js";
import type { PolicyTargets } from "./policy-surrogate.js";
import { snailPolicy } from "./snail-policy.js";

const [trials, steps] = [3, 7];
const observation = box({ shape: 2 });

/** A step of all trials. */
const at = (sequence: Tensor, t: number): Tensor => {
  const width = sequence.shape[2]!;
  return reshape(sliceAxis(sequence, 1, t, t + 1), [trials, width]);
};

describe.each([
  ["a discrete space", discrete(4)],
  ["a box", box({ shape: 2, low: -1, high: 1 })],
] as const)("policies with a memory, of actions of %s", (_name, action) => {
  const inputs = trialInputs({ observation, action });

  describe.each([
    ["RL^2", recurrentPolicy({ observation, action, units: 5 })],
    [
      "SNAIL",
      snailPolicy({
        observation,
        action,
        steps,
        filters: 3,
        attention: [
          { keys: 2, values: 3 },
          { keys: 4, values: 2 },
        ],
      }),
    ],
  ] as const)("%s", (name, learner) => {
    const params = noiseLike(learner.init(key(1)), 0.5, 2);
    const x = noiseTensor([trials, steps, inputs], 3);
    const outputs = action.kind === "discrete" ? action.n : 4;
    const whole = learner.predict(learner.adapt(params, { x, y: {} } as never), x);

    test("gives step by step what it gives for the whole trial", () => {
      expect(learner.name).toBe(name);
      expect(whole.shape).toEqual([trials, steps, outputs]);
      let memory: Tree = learner.memory.start(params, trials);
      for (let t = 0; t < steps; t++) {
        const { output, features, memory: next } = learner.memory.advance(params, memory, at(x, t));
        const expected = valuesIn(at(whole, t));
        valuesIn(output).forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i]!, 10);
        });
        expect(output.shape).toEqual([trials, outputs]);
        expect(features.shape[0]).toBe(trials);
        memory = next;
      }
    });

    test("what it gives for a step depends on all steps up to it, and on no later ones", () => {
      const changedAt = 3;
      const others = valuesIn(noiseTensor([trials, steps, inputs], 4));
      const changed = valuesIn(x).map((value, i) =>
        Math.floor(i / inputs) % steps === changedAt ? others[i]! : value,
      );
      const found = learner.predict(params, flat(changed, x.shape));
      for (let t = 0; t < steps; t++) {
        const [now, before] = [valuesIn(at(found, t)), valuesIn(at(whole, t))];
        const distance = Math.hypot(...now.map((value, i) => value - before[i]!));
        if (t < changedAt) expect(distance).toBe(0);
        else expect(distance).toBeGreaterThan(1e-6);
      }
    });
  });

  test("a critic is one number more in a row, and nothing else of the policy", () => {
    const [plain, judged] = [0, 3].map((critic) => recurrentPolicy({ observation, action, units: 5, critic })) as [
      MemoryPolicy,
      MemoryPolicy,
    ];
    const params = judged.init(key(1));
    const x = noiseTensor([trials, steps, inputs], 3);
    const [alone, given] = [plain.predict(plain.init(key(1)), x), judged.predict(params, x)];
    const outputs = alone.shape[2]!;
    expect(given.shape).toEqual([trials, steps, outputs + 1]);
    expect(valuesIn(sliceAxis(given, 2, 0, outputs))).toEqual(valuesIn(alone));
    expect(judged.memory.advance(params, judged.memory.start(params, trials), at(x, 0)).output.shape[1]).toBe(outputs);
    expect(plain.critic).toBeUndefined();

    // 3 / 2 of the mean square over the steps that were taken, whose gradient goes to the memory as well.
    const value = noiseTensor([trials, steps], 6);
    const taken = flat(
      Array.from({ length: trials * steps }, (_, i) => (i % steps < 5 ? 1 : 0)),
      [trials, steps],
    );
    const y = { taken, value } as PolicyTargets;
    const found = valuesIn(sliceAxis(given, 2, outputs, outputs + 1));
    const squares = valuesIn(value).map((v, i) => (valuesIn(taken)[i] ? (v - found[i]!) ** 2 : 0));
    const expected = (1.5 * squares.reduce((a, b) => a + b)) / (5 * trials);
    expect(valuesIn(judged.critic!(given, y))[0]).toBeCloseTo(expected, 10);
    const slope = grad((p: Tree) => judged.critic!(judged.predict(p, x), y))(params) as {
      readonly network: Tree;
      readonly value: Tree;
      readonly head: Tree;
    };
    const sizeOf = (tree: Tree): number => Math.hypot(...leaves(tree).flatMap(valuesIn));
    expect(sizeOf(slope.network)).toBeGreaterThan(1e-3);
    expect(sizeOf(slope.value)).toBeGreaterThan(1e-3);
    expect(sizeOf(slope.head)).toBe(0);
  });
});

test("sizes that are none are refused", () => {
  const action = discrete(2);
  expect(() => recurrentPolicy({ observation, action, units: 0 })).toThrow(/ILE101 recurrentPolicy: units is 0/);
  expect(() => recurrentPolicy({ observation, action, critic: -1 })).toThrow(/ILE101 memory policy: critic is -1/);
  expect(() => snailPolicy({ observation, action, steps: 1.5 })).toThrow(/ILE101 snailPolicy: steps is 1.5/);
  expect(() => snailPolicy({ observation, action, steps, attention: [] })).toThrow(/attention blocks is 0/);
});
