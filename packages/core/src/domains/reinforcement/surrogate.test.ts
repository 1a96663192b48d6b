/**
 * Derivatives of surrogates against those of the expected return, by enumeration of all trajectories of a small MDP, in
 * float64.
 */
import {
  add,
  exp,
  gather,
  grad,
  logSoftmax,
  matmul,
  mul,
  reshape,
  sliceAxis,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tensor,
} from "@innerloop/graph";
import { expect, test } from "vitest";
import { asFunction, flat, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { chances, exactReturn, horizon, rewards, steps, trajectories } from "./small-mdp.fixture.js";
import { type SurrogateOptions, surrogate, surrogateTerms } from "./surrogate.js";

const theta = [0.25, -0.5, 0.75, 0.125];
const count = trajectories.length;
/** log pi of each step of all trajectories, [32, 3]. */
const logProbs = (logits: Tensor): Tensor => reshape(gather(reshape(logSoftmax(logits), [4]), steps), [count, horizon]);
/** The probability of each trajectory, [32, 1]. */
const probabilities = (logits: Tensor): Tensor => mul(exp(sum(logProbs(logits), 1, { keepAxes: true })), chances);

/** Returns from each step on, less a baseline of the state. */
const advantagesWith = (baseline: readonly number[]): Tensor =>
  flat(
    trajectories.flatMap(({ pairs }) =>
      pairs.map((pair, t) => {
        const following = pairs.slice(t).reduce((total, later) => total + rewards[later]!, 0);
        return following - baseline[Math.floor(pair / 2)]!;
      }),
    ),
    [count, horizon],
  );
const plain = advantagesWith([0, 0]);
const withBaseline = advantagesWith([1.5, -2]);

/** The expectation of a surrogate under the policy itself, which its trajectories are drawn with. */
const expected =
  (options: SurrogateOptions, advantages = plain) =>
  (logits: Tensor): Tensor =>
    sum(mul(stopGradient(probabilities(logits)), surrogateTerms({ logProb: logProbs(logits), advantages }, options)));

const at = flat(theta, [2, 2]);
const inFloat64 = (f: (logits: Tensor) => Tensor): number[] => asFunction(f, at)([theta])[0]!;
const gradientOf = (f: (logits: Tensor) => Tensor): number[] => inFloat64(grad(f));
const hessianOf = (f: (logits: Tensor) => Tensor): number[] =>
  [0, 1, 2, 3].flatMap((i) =>
    inFloat64(
      grad((x: Tensor) =>
        sum(
          mul(
            grad(f)(x),
            flat(
              [0, 1, 2, 3].map((j) => (i === j ? 1 : 0)),
              [2, 2],
            ),
          ),
        ),
      ),
    ),
  );

const size = (values: readonly number[]): number => Math.sqrt(values.reduce((total, value) => total + value ** 2, 0));
const relativeError = (found: readonly number[], exact: readonly number[]): number =>
  size(found.map((value, i) => value - exact[i]!)) / size(exact);

const exactGradient = gradientOf(exactReturn);
const exactHessian = hessianOf(exactReturn);
const gradientError = (options: SurrogateOptions, advantages?: Tensor): number =>
  relativeError(gradientOf(expected(options, advantages)), exactGradient);
const hessianError = (options: SurrogateOptions, advantages?: Tensor): number =>
  relativeError(hessianOf(expected(options, advantages)), exactHessian);

const all: readonly SurrogateOptions[] = [
  { logLikelihood: true },
  {},
  ...[0.25, 0.5, 0.75, 1].map((pastDecay) => ({ pastDecay })),
];

test("trajectories are all there are, and their mean return is the exact one", () => {
  expect(count).toBe(32);
  const probability = inFloat64(probabilities);
  expect(probability.reduce((total, value) => total + value, 0)).toBeCloseTo(1, 12);
  const first = valuesIn(plain).filter((_, i) => i % horizon === 0);
  const mean = first.reduce((total, value, i) => total + value * probability[i]!, 0);
  expect(mean).toBeCloseTo(inFloat64(exactReturn)[0]!, 12);
});

test("the gradient of every surrogate is the policy gradient, with any baseline", () => {
  for (const options of all) {
    expect(gradientError(options), JSON.stringify(options)).toBeLessThan(1e-12);
    expect(gradientError(options, withBaseline), JSON.stringify(options)).toBeLessThan(1e-12);
  }
});

test("the Hessian is that of the return for DiCE alone, with any baseline, and nearer with more of the past", () => {
  expect(hessianError({ pastDecay: 1 })).toBeLessThan(1e-12);
  expect(hessianError({ pastDecay: 1 }, withBaseline)).toBeLessThan(1e-12);
  const errors = [0, 0.25, 0.5, 0.75].map((pastDecay) => hessianError({ pastDecay }));
  for (const [i, error] of errors.entries()) {
    expect(error).toBeGreaterThan(0.1);
    if (i > 0) expect(error).toBeLessThan(errors[i - 1]!);
  }
  expect(hessianError({ logLikelihood: true })).toBeGreaterThan(errors[0]!);
});

test("LVC's Hessian does not depend on the baseline, that of log pi A does", () => {
  const difference = (options: SurrogateOptions): number =>
    relativeError(hessianOf(expected(options, withBaseline)), hessianOf(expected(options)));
  expect(difference({})).toBeLessThan(1e-12);
  expect(difference({ logLikelihood: true })).toBeGreaterThan(0.1);
});

test("DiCE's own form has the same derivatives: sum_t box(sum_{s <= t} log pi_s) r_t", () => {
  const rewardsOfSteps = flat(
    trajectories.flatMap(({ pairs }) => pairs.map((pair) => rewards[pair]!)),
    [count, horizon],
  );
  const triangle = tensor([
    [1, 1, 1],
    [0, 1, 1],
    [0, 0, 1],
  ]);
  const dice = (logits: Tensor): Tensor => {
    const past = matmul(logProbs(logits), triangle);
    return sum(mul(stopGradient(probabilities(logits)), mul(exp(sub(past, stopGradient(past))), rewardsOfSteps)));
  };
  expect(relativeError(gradientOf(dice), gradientOf(expected({ pastDecay: 1 })))).toBeLessThan(1e-12);
  expect(relativeError(hessianOf(dice), hessianOf(expected({ pastDecay: 1 })))).toBeLessThan(1e-12);
});

test("the meta-gradient through two updates is the exact one for DiCE, and another for LVC", () => {
  const rate = 0.5;
  const adapted = (objective: (logits: Tensor) => Tensor) => (logits: Tensor) => {
    const updated = (x: Tensor): Tensor => add(x, mul(grad(objective)(x), rate));
    return objective(updated(updated(logits)));
  };
  const exact = gradientOf(adapted(exactReturn));
  expect(relativeError(gradientOf(adapted(expected({ pastDecay: 1 }, withBaseline))), exact)).toBeLessThan(1e-12);
  expect(relativeError(gradientOf(adapted(expected({}, withBaseline))), exact)).toBeGreaterThan(0.05);
  expect(relativeError(exact, exactGradient)).toBeGreaterThan(0.05);
});

test("away from the old policy the weights are ratios to its probabilities", () => {
  const old = logProbs(flat([0.5, 0, -0.25, 0.25], [2, 2]));
  const [now, then] = [inFloat64(logProbs), valuesIn(old)];
  const advantages = valuesIn(plain);
  for (const pastDecay of [0, 0.5, 1]) {
    const found = inFloat64((x) => surrogateTerms({ logProb: logProbs(x), advantages: plain, old }, { pastDecay }));
    for (let row = 0; row < count; row++) {
      let v = 0;
      for (let t = 0; t < horizon; t++) {
        const i = row * horizon + t;
        const w = v + now[i]! - then[i]!;
        expect(found[i]!).toBeCloseTo((Math.exp(w) - Math.exp(v)) * advantages[i]!, 12);
        v = pastDecay * w;
      }
    }
  }
  // Old probabilities are constants, even where they are the same tensors.
  for (const pastDecay of [0, 0.5, 1]) {
    const same = (x: Tensor): Tensor =>
      sum(surrogateTerms({ logProb: logProbs(x), advantages: plain, old: logProbs(x) }, { pastDecay }));
    const without = (x: Tensor): Tensor =>
      sum(surrogateTerms({ logProb: logProbs(x), advantages: plain }, { pastDecay }));
    expect(relativeError(gradientOf(same), gradientOf(without))).toBeLessThan(1e-12);
  }
  // So are advantages.
  const scored = (scale: (x: Tensor) => Tensor) => (x: Tensor) =>
    sum(surrogateTerms({ logProb: logProbs(x), advantages: mul(plain, scale(x)) }, { logLikelihood: true }));
  const ofLogits = gradientOf(scored((x) => sum(sliceAxis(reshape(x, [4]), 0, 0, 1))));
  expect(relativeError(ofLogits, gradientOf(scored(() => flat([theta[0]!], []))))).toBeLessThan(1e-12);
  // E_old[ratio of the whole past x reward] is the new policy's return: the surrogate is exact wherever it is asked.
  const oldChances = probabilities(flat([0.5, 0, -0.25, 0.25], [2, 2]));
  const gain = (x: Tensor): Tensor =>
    sum(mul(oldChances, surrogateTerms({ logProb: logProbs(x), advantages: plain, old }, { pastDecay: 1 })));
  const before = valuesIn(exactReturn(flat([0.5, 0, -0.25, 0.25], [2, 2])))[0]!;
  expect(inFloat64(gain)[0]!).toBeCloseTo(inFloat64(exactReturn)[0]! - before, 12);
});

test("an episode that ends early gives the gradient of the shorter arrays, whatever padding holds", () => {
  const lengths = [3, 1, 2];
  const episodes = lengths.length;
  const present = flat(
    lengths.flatMap((n) => [0, 1, 2].map((t) => (t < n ? 1 : 0))),
    [episodes, horizon],
  );
  const states = noiseTensor([episodes * horizon, 4], 1);
  const advantages = noiseTensor([episodes, horizon], 2);
  const rubbish = (x: Tensor): Tensor => add(x, mul(sub(1, present), 1e30));
  const score = (w: Tensor, from: number, rows: number): Tensor =>
    reshape(matmul(sliceAxis(states, 0, from, from + rows), w), [1, rows]);
  const weights = noiseTensor([4, 1], 3);
  const total = lengths.reduce((sum, n) => sum + n, 0);
  for (const options of all) {
    const padded = (w: Tensor): Tensor =>
      surrogate(
        { logProb: rubbish(reshape(matmul(states, w), [episodes, horizon])), advantages: rubbish(advantages), present },
        options,
      );
    const shorter = (w: Tensor): Tensor =>
      lengths
        .map((n, i) =>
          sum(
            surrogateTerms(
              { logProb: score(w, i * horizon, n), advantages: sliceAxis(sliceAxis(advantages, 0, i, i + 1), 1, 0, n) },
              options,
            ),
          ),
        )
        .reduce((a, b) => add(a, b));
    const once = (f: (w: Tensor) => Tensor) => asFunction(grad(f), weights)([valuesIn(weights)])[0]!;
    const twice = (f: (w: Tensor) => Tensor) => once((w) => sum(mul(grad(f)(w), noiseTensor([4, 1], 4))));
    const scaled = (values: number[]): number[] => values.map((value) => value * total);
    expect(relativeError(scaled(once(padded)), once(shorter)), JSON.stringify(options)).toBeLessThan(1e-12);
    // log pi is linear in w here: its own second derivative is 0.
    if (options.logLikelihood) continue;
    expect(relativeError(scaled(twice(padded)), twice(shorter)), JSON.stringify(options)).toBeLessThan(1e-12);
  }
});

test("options and shapes that say nothing are refused", () => {
  const inputs = { logProb: noiseTensor([2, 3], 1), advantages: noiseTensor([2, 3], 2) };
  expect(() => surrogate(inputs, { pastDecay: 1.5 })).toThrow(/^ILE101 surrogate: pastDecay is 1\.5\. /);
  expect(() => surrogate(inputs, { pastDecay: 0, logLikelihood: true })).toThrow(
    /^ILE101 surrogate: pastDecay says nothing/,
  );
  expect(() => surrogate({ ...inputs, present: noiseTensor([6], 3) })).toThrow(
    /^IL202 surrogateTerms: present is \[6\], /,
  );
  expect(() => surrogate({ ...inputs, advantages: noiseTensor([3], 3) })).toThrow(/^IL202 surrogateTerms: advantages /);
});
