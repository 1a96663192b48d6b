import { add, grad, input, interpret, mul, sub, sum, type Tensor, tensor, vmap } from "@innerloop/graph";
import { expect, test } from "vitest";
import { asFunction, flat, gradientError, noiseTensor, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { type Random, random } from "../../random/random.js";
import { actionDistribution, categorical, diagonalGaussian } from "./distributions.js";
import { box, discrete, type Space } from "./environment.js";

type Gaussian = { readonly mean: Tensor; readonly logStd: Tensor };
const gaussianOf = ({ mean, logStd }: Gaussian) => diagonalGaussian(mean, logStd);

/** Normal densities by their own formula. */
const density = (x: number, mean: number, sigma: number): number =>
  Math.exp(-((x - mean) ** 2) / (2 * sigma ** 2)) / (sigma * Math.sqrt(2 * Math.PI));

/** The integral of f over 12 deviations on both sides: the trapezoid rule is exact to rounding for what falls off like that. */
function integral(f: (x: number) => number, mean: number, sigma: number): number {
  const n = 4000;
  const [from, h] = [mean - 12 * sigma, (24 * sigma) / n];
  let total = 0;
  for (let i = 0; i <= n; i++) total += f(from + i * h) * (i === 0 || i === n ? h / 2 : h);
  return total;
}

const close = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-12): void => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++)
    expect(Math.abs(found[i]! - expected[i]!), `${found[i]} beside ${expected[i]}`).toBeLessThan(tolerance);
};

const means = [0.3, -1.2, 0.7, 2.1];
const logs = [-0.4, 0.6];
const actions = [0.9, -0.5, 0.1, 1.4];
const sigmas = logs.map(Math.exp);

/** A function in the numbers of a float64 program. */
const atMeans = (f: (p: Gaussian) => Tensor): number[] =>
  asFunction(f, { logStd: flat(logs, [2]), mean: flat(means, [2, 2]) })([logs, means])[0]!;

test("the Gaussian's density, entropy and sample are the formula's", () => {
  close(
    asFunction(({ a, mean, logStd }) => diagonalGaussian(mean!, logStd!).logProb(a!), {
      a: flat(actions, [2, 2]),
      logStd: flat(logs, [2]),
      mean: flat(means, [2, 2]),
    })([actions, logs, means])[0]!,
    [0, 1].map((row) =>
      [0, 1].reduce((total, i) => total + Math.log(density(actions[2 * row + i]!, means[2 * row + i]!, sigmas[i]!)), 0),
    ),
    // Programs keep log(2 pi) / 2 in float32.
    1e-7,
  );
  const entropy = sigmas.reduce(
    (total, sigma) => total - integral((x) => density(x, 0, sigma) * Math.log(density(x, 0, sigma) || 1), 0, sigma),
    0,
  );
  close(
    atMeans((p) => gaussianOf(p).entropy()),
    [entropy, entropy],
    2e-7,
  );
  const noise = tensor([
    [1, -2],
    [0.5, 0],
  ]);
  close(
    atMeans((p) => gaussianOf(p).sample(noise)),
    means.map((mean, i) => mean + sigmas[i % 2]! * [1, -2, 0.5, 0][i]!),
  );
  expect(gaussianOf({ mean: tensor([1, 2]), logStd: tensor([0, 0]) }).mode().data).toEqual(Float32Array.of(1, 2));
});

test("the Gaussian's score is (a - mean) / sigma^2 by the mean and ((a - mean)^2 / sigma^2 - 1) by logStd", () => {
  const f = ({ mean, logStd }: Gaussian) => sum(diagonalGaussian(mean, logStd).logProb(flat(actions, [2, 2])));
  const [byLogs, byMean] = asFunction((p: Gaussian) => grad(f)(p), {
    logStd: flat(logs, [2]),
    mean: flat(means, [2, 2]),
  })([logs, means]) as [number[], number[]];
  const z = actions.map((a, i) => (Math.fround(a) - means[i]!) / sigmas[i % 2]!);
  close(
    byMean,
    z.map((value, i) => value / sigmas[i % 2]!),
  );
  close(
    byLogs,
    [0, 1].map((i) => z[i]! ** 2 + z[2 + i]! ** 2 - 2),
  );
});

test("all are differentiated twice", () => {
  const start: Gaussian = { logStd: noiseTensor([3], 1), mean: noiseTensor([2, 3], 2) };
  const other = diagonalGaussian(noiseTensor([2, 3], 3), noiseTensor([2, 3], 4));
  const along: Gaussian = { logStd: noiseTensor([3], 5), mean: noiseTensor([2, 3], 6) };
  const twice = <P extends Record<string, Tensor>>(f: (p: P) => Tensor, at: P, direction: P): void => {
    const slope = (p: P): Tensor =>
      Object.entries(grad(f)(p)).reduce<Tensor>(
        (total, [name, g]) => add(total, sum(mul(g as Tensor, direction[name]!))),
        tensor(0),
      );
    expect(gradientError(f, at, grad(f)(at))).toBeLessThan(1e-6);
    expect(gradientError(slope, at, grad(slope)(at))).toBeLessThan(1e-6);
  };
  const action = noiseTensor([2, 3], 7);
  const noise = noiseTensor([2, 3], 8);
  const weights = noiseTensor([2], 9);
  const total = (x: Tensor): Tensor => sum(mul(x, weights));
  twice((p) => total(gaussianOf(p).logProb(action)), start, along);
  twice((p) => total(gaussianOf(p).kl(other)), start, along);
  twice((p) => total(other.kl(gaussianOf(p))), start, along);
  twice((p) => total(sum(mul(gaussianOf(p).sample(noise), gaussianOf(p).sample(noise)), 1)), start, along);
  const classes = categorical(noiseTensor([2, 4], 10));
  const logits = { logits: noiseTensor([2, 4], 11) };
  const toward = { logits: noiseTensor([2, 4], 12) };
  const taken = tensor(Int32Array.of(3, 0));
  twice((p) => total(categorical(p.logits).logProb(taken)), logits, toward);
  twice((p) => total(categorical(p.logits).kl(classes)), logits, toward);
  twice((p) => total(classes.kl(categorical(p.logits))), logits, toward);
  twice((p) => total(categorical(p.logits).entropy()), logits, toward);
});

test("the Gaussian's KL is the integral of p log(p / q), and 0 for itself", () => {
  const q = { means: [0.1, -0.8, 1.5, 1.9], sigmas: [0.9, 1.3] };
  const other = (): ReturnType<typeof diagonalGaussian> =>
    diagonalGaussian(flat(q.means, [2, 2]), flat(q.sigmas.map(Math.log), [2]));
  const one = (i: number): number => {
    const [mean, sigma] = [means[i]!, sigmas[i % 2]!];
    const [otherMean, otherSigma] = [Math.fround(q.means[i]!), Math.exp(Math.fround(Math.log(q.sigmas[i % 2]!)))];
    const ratio = (x: number): number =>
      Math.log(density(x, mean, sigma)) - Math.log(density(x, otherMean, otherSigma));
    return integral((x) => density(x, mean, sigma) * ratio(x), mean, sigma);
  };
  close(
    atMeans((p) => gaussianOf(p).kl(other())),
    [one(0) + one(1), one(2) + one(3)],
    1e-9,
  );
  expect(one(0) + one(1)).toBeGreaterThan(0.05);
  close(
    atMeans((p) => gaussianOf(p).kl(gaussianOf(p))),
    [0, 0],
  );
});

const scores = [0.2, -1.5, 0.9, 1.1, 0.4, -0.3];

test("the categorical distribution's probabilities, score, entropy and KL are the formulas'", () => {
  const logits = flat(scores, [2, 3]);
  const inFloats = (f: (x: Tensor) => Tensor): number[] => asFunction(f, logits)([scores])[0]!;
  const p = [0, 1].flatMap((row) => {
    const e = scores.slice(3 * row, 3 * row + 3).map(Math.exp);
    return e.map((value) => value / (e[0]! + e[1]! + e[2]!));
  });
  const q = [0.2, 0.5, 0.3, 0.6, 0.3, 0.1];
  const rows = (f: (i: number) => number): number[] => [0, 3].map((from) => f(from) + f(from + 1) + f(from + 2));
  const taken = [2, 0];
  close(
    inFloats((x) => categorical(x).mean()),
    p,
  );
  for (const action of [tensor(Int32Array.from(taken)), tensor(Float32Array.from(taken))]) {
    close(
      inFloats((x) => categorical(x).logProb(action)),
      [Math.log(p[2]!), Math.log(p[3]!)],
    );
    const score = inFloats((x) => grad((y: Tensor) => sum(categorical(y).logProb(action)))(x));
    close(
      score,
      p.map((value, i) => (i % 3 === taken[Math.floor(i / 3)] ? 1 : 0) - value),
    );
  }
  close(
    inFloats((x) => categorical(x).entropy()),
    rows((i) => -p[i]! * Math.log(p[i]!)),
  );
  const other = categorical(flat(q.map(Math.log), [2, 3]));
  close(
    inFloats((x) => categorical(x).kl(other)),
    rows((i) => p[i]! * Math.log(p[i]! / q[i]!)),
    1e-6,
  );
  close(
    inFloats((x) => categorical(x).kl(categorical(x))),
    [0, 0],
  );
  expect(valuesIn(categorical(logits).mode())).toEqual([2, 0]);
});

test("the Hessian of KL(old || new) at the old parameters is the Fisher information, E score score^T", () => {
  const logits = flat(scores.slice(0, 3), [1, 3]);
  const old = categorical(logits);
  const product = (v: number[]): number[] =>
    valuesIn(
      grad((x: Tensor) => sum(mul(grad((y: Tensor) => sum(old.kl(categorical(y))))(x), flat(v, [1, 3]))))(logits),
    );
  const p = valuesIn(old.mean());
  for (const [i] of p.entries()) {
    const fisher = p.map((value, j) => (i === j ? value : 0) - p[i]! * value);
    close(product([0, 1, 2].map((j) => (j === i ? 1 : 0))), fisher, 1e-7);
  }
});

test("samples with drawn noise have the distribution's frequencies and moments", () => {
  const rows = 20_000;
  const drawn = (space: Space): Tensor => {
    const { noise, drawNoise } = actionDistribution(space);
    const values = new Float32Array(rows * noise);
    for (let row = 0; row < rows; row++) drawNoise(random(4, row), values, row * noise);
    return tensor(values, [rows, noise]);
  };
  const one = flat(scores.slice(0, 3), [1, 3]);
  const noise = drawn(discrete(3));
  const repeated = add(one, mul(noise, 0));
  const classes = actionDistribution(discrete(3)).of(repeated);
  const samples = valuesIn(classes.sample(noise));
  const counts = [0, 0, 0];
  for (const sample of samples) counts[sample]! += 1;
  for (const [i, p] of valuesIn(categorical(one).mean()).entries())
    expect(Math.abs(counts[i]! / rows - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / rows));

  const normal = drawn(box({ shape: 2 }));
  const outputs = add(flat([0.5, -1, Math.log(2), 0], [1, 4]), mul(sum(normal, 1, { keepAxes: true }), 0));
  const gaussian = actionDistribution(box({ shape: 2 })).of(outputs);
  const values = valuesIn(gaussian.sample(normal));
  for (const [i, [mean, sigma]] of [
    [0.5, 2],
    [-1, 1],
  ].entries()) {
    const own = values.filter((_, at) => at % 2 === i);
    const found = own.reduce((total, value) => total + value, 0) / rows;
    const variance = own.reduce((total, value) => total + (value - found) ** 2, 0) / rows;
    expect(Math.abs(found - mean!)).toBeLessThan((4 * sigma!) / Math.sqrt(rows));
    expect(Math.abs(variance / sigma! ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / rows));
  }
});

test("Gumbel noise is finite, whatever is drawn", () => {
  const draws = [0, 0, 0.5, 0.25];
  const source = { uniform: () => draws.shift()! } as Random;
  const noise = new Float32Array(3);
  actionDistribution(discrete(2)).drawNoise(source, noise, 1);
  close(noise, [0, -Math.log(Math.log(2)), -Math.log(Math.log(4))], 1e-6);
});

test("distributions are mapped over tasks, each with its own parameters", () => {
  const logits = noiseTensor([3, 2, 4], 21);
  const taken = tensor(Int32Array.of(3, 0, 1, 1, 2, 0), [3, 2]);
  const mapped = vmap((x: Tensor, a: Tensor) => categorical(x).logProb(a))(logits, taken);
  const all = categorical(logits).logProb(taken);
  close(valuesIn(mapped), valuesIn(all));
  const x = input([3, 2, 6]);
  const values = numbersOf(noiseTensor([3, 2, 6], 22))[0]!;
  const kl = (rows: Tensor): Tensor => {
    const { of } = actionDistribution(box({ shape: 3 }));
    return of(rows).kl(of(sub(rows, 0.1)));
  };
  const [together, apart] = interpret([vmap(kl)(x), kl(x)], new Map([[x, values]]));
  close(together!, apart!);
});

test("shapes and kinds that do not fit are refused", () => {
  const gaussian = diagonalGaussian(noiseTensor([5, 2], 1), noiseTensor([2], 2));
  const classes = categorical(noiseTensor([5, 3], 3));
  expect(() => gaussian.logProb(noiseTensor([5], 4))).toThrow(/^IL202 diagonalGaussian\.logProb: action is \[5\], /);
  expect(() => gaussian.sample(noiseTensor([5, 1], 4))).toThrow(/^IL202 diagonalGaussian\.sample: noise is \[5, 1\], /);
  expect(() => classes.logProb(noiseTensor([5, 1], 4))).toThrow(/^IL202 categorical\.logProb: action is \[5, 1\], /);
  expect(() => gaussian.kl(classes)).toThrow(/^IL102 diagonalGaussian\.kl: the other distribution is categorical/);
  expect(() => classes.kl(gaussian)).toThrow(/^IL102 categorical\.kl: /);
  expect(() => actionDistribution(box({ shape: 2 })).of(noiseTensor([5, 2], 4))).toThrow(
    /Let the network give 4 numbers/,
  );
});
