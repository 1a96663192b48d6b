import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  discountedReturns,
  type Episodes,
  episodeLengths,
  generalizedAdvantages,
  policyAdvantages,
  ridgeBaseline,
  ridgeCoefficients,
  standardized,
} from "./advantages.js";

interface Fixture {
  readonly gamma: number;
  readonly lam: number;
  readonly lengths: number[];
  readonly terminated: number[];
  readonly observations: number[];
  readonly rewards: number[];
  readonly last: number[];
  readonly returns: number[][];
  readonly coefficients: number[];
  readonly values: number[][];
  readonly advantages: number[][];
  readonly bootstrapped: number[][];
  readonly standardized: number[];
}
const fixture = JSON.parse(readFileSync(new URL("./fixtures/advantages.json", import.meta.url), "utf8")) as Fixture;
const { gamma, lam, lengths, terminated } = fixture;
const horizon = 6;
const present = Float32Array.from({ length: 18 }, (_, i) => (i % horizon < lengths[Math.floor(i / horizon)]! ? 1 : 0));
/** What stands in padding means nothing: numbers that would show. */
const batch: Episodes = {
  episodes: 3,
  horizon,
  observations: Float32Array.from(fixture.observations, (value, i) => (present[Math.floor(i / 2)]! ? value : 1e30)),
  rewards: Float32Array.from(fixture.rewards, (value, i) => (present[i]! ? value : 1e30)),
  present,
  terminated,
};

const padded = (rows: readonly (readonly number[])[]): number[] =>
  rows.flatMap((row) => Array.from({ length: horizon }, (_, t) => row[t] ?? 0));
const close = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-9): void => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) expect(Math.abs(found[i]! - expected[i]!), `${i}`).toBeLessThan(tolerance);
};

test("returns, the linear baseline and advantages are numpy's; padding is 0 and counts for nothing", () => {
  const returns = discountedReturns(batch, gamma);
  close(returns, padded(fixture.returns));
  const baseline = ridgeBaseline(batch, returns);
  close(baseline.coefficients, fixture.coefficients, 1e-6);
  expect(baseline.regularization).toBe(1e-5);
  const values = baseline.values(batch);
  close(values, padded(fixture.values), 1e-8);
  const options = { discount: gamma, lambda: lam };
  const advantages = generalizedAdvantages(batch, values, options);
  close(advantages, padded(fixture.advantages), 1e-8);
  // Only the first episode was cut off.
  close(
    generalizedAdvantages(batch, values, { ...options, lastValues: fixture.last }),
    padded(fixture.bootstrapped),
    1e-8,
  );
  expect(fixture.bootstrapped[0]).not.toEqual(fixture.advantages[0]);
  let at = 0;
  const expected = Array.from(present, (there) => (there ? fixture.standardized[at++]! : 0));
  close(standardized(advantages, present), expected, 1e-8);
  close(policyAdvantages(batch, options), expected, 1e-6);
  close(policyAdvantages(batch, { ...options, standardize: false }), padded(fixture.advantages), 1e-6);
});

test("with lambda 1 advantages are returns less the baseline", () => {
  const returns = discountedReturns(batch, gamma);
  const values = ridgeBaseline(batch, returns).values(batch);
  const advantages = generalizedAdvantages(batch, values, { discount: gamma });
  close(
    advantages,
    returns.map((value, i) => value - values[i]!),
  );
  const plain = policyAdvantages(batch, { discount: gamma, baseline: "none", standardize: false });
  close(plain, Float32Array.from(returns), 1e-12);
});

test("advantages that are all equal become 0, and no NaN; so does an only step", () => {
  const equal: Episodes = { ...batch, rewards: new Float32Array(18).fill(-1) };
  for (const value of standardized(generalizedAdvantages(equal, new Float64Array(18), { discount: 0 }), present))
    expect(Math.abs(value)).toBeLessThan(1e-6);
  const one: Episodes = { ...batch, present: Float32Array.from({ length: 18 }, (_, i) => (i === 0 ? 1 : 0)) };
  expect([...policyAdvantages(one, { discount: 0.9 })].every((value) => Math.abs(value) < 1e-6)).toBe(true);
});

test("the diagonal grows tenfold while the matrix has no Cholesky factors", () => {
  const solved = (least: number) => ridgeCoefficients(Float64Array.of(3, 0, 1, least), Float64Array.of(2, -1));
  expect(solved(2).regularization).toBe(1e-5);
  // [3, 1; 1, x] is positive definite for x > 1/3.
  const { coefficients, regularization } = solved(1 / 3 - 5e-4);
  expect(regularization).toBeCloseTo(1e-3, 12);
  const [a, b] = coefficients as unknown as [number, number];
  close([(3 + regularization) * a + b, a + (1 / 3 - 5e-4 + regularization) * b], [2, -1]);
  expect(() => solved(-1e20)).toThrow(/^ILE203 advantages: the baseline's matrix is not positive definite/);
});

test("arrays that do not fit, padding in between and shares out of range are refused", () => {
  const faults: [() => unknown, RegExp][] = [
    [
      () => episodeLengths({ ...batch, rewards: new Float32Array(17) }),
      /^ILE101 advantages: rewards has 17 numbers, of 3 x 6/,
    ],
    [() => episodeLengths({ ...batch, observations: new Float32Array(35) }), /^ILE101 advantages: observations has 35/],
    [() => episodeLengths({ ...batch, terminated: [0] }), /^ILE101 advantages: terminated has 1 numbers, of 3/],
    [
      () => episodeLengths({ ...batch, present: present.with(1, 0) }),
      /^ILE101 advantages: step 2 of episode 0 is there, and one before is not\. /,
    ],
    [() => discountedReturns(batch, 1.1), /^ILE101 advantages: discount is 1\.1\. /],
    [() => generalizedAdvantages(batch, [], { discount: 1 }), /^ILE101 advantages: values has 0 numbers, of 18/],
    [
      () => generalizedAdvantages(batch, new Float64Array(18), { discount: 1, lambda: Number.NaN }),
      /^ILE101 advantages: lambda is NaN\. /,
    ],
    [
      () => generalizedAdvantages(batch, new Float64Array(18), { discount: 1, lastValues: [1] }),
      /^ILE101 advantages: lastValues /,
    ],
    [
      () => ridgeBaseline({ ...batch, observations: new Float32Array(36).fill(Number.NaN) }, new Float64Array(18)),
      /^ILE203 advantages: observations or returns are not finite\. /,
    ],
  ];
  for (const [run, message] of faults) expect(run).toThrow(message);
});
