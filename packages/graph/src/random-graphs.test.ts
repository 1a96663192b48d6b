import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sin } from "./program/primitives/elementwise.js";
import { sum } from "./program/primitives/reduce.js";
import { concat, reshape } from "./program/primitives/shape.js";
import type { Tensor } from "./program/tensor.js";
import { exampleValues, noise, placeholders } from "./testing/examples.js";
import {
  derivativesHold,
  NotSmooth,
  nestedVmapHolds,
  simplifyHolds,
  vmapHolds,
  withDerivatives,
} from "./testing/laws.js";
import { exampleOf, programs, stepList } from "./testing/random-programs.js";
import { grad } from "./transforms/differentiate.js";

// To repeat a failure, set SEED (and PATH_OF_CASE) to what its message says.
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const path = process.env.PATH_OF_CASE;
const runs = Number(process.env.RUNS ?? 150);
const options = { seed, numRuns: runs, ...(path === undefined ? {} : { path }) };

describe(`random programs, seed ${seed}`, () => {
  it("have first and second derivatives that agree with differences", () => {
    let told = 0;
    let kinked = 0;
    const property = fc.property(programs, (program) => {
      const example = exampleOf(program);
      try {
        derivativesHold((inputs) => [example.apply(...inputs)], placeholders(example), exampleValues(example), {
          detectKinks: true,
          tolerance: 1e-6,
        });
        told++;
      } catch (error) {
        if (!(error instanceof NotSmooth)) throw error;
        kinked++;
      }
    });
    fc.assert(property, options);
    if (path === undefined) expect(told, `${kinked} had a kink too close`).toBeGreaterThan(0.6 * runs);
  });

  it("are mapped as the stack of slices, with their gradients", () => {
    const property = fc.property(programs, (program) => {
      const example = exampleOf(program);
      vmapHolds(example);
      nestedVmapHolds(example);
      const apply = (...inputs: Tensor[]): Tensor => {
        const slopes = grad((given: readonly Tensor[]) => sum(sin(example.apply(...given))))(inputs);
        return concat(slopes.map((slope) => reshape(slope, [-1])));
      };
      vmapHolds({ ...example, apply });
    });
    fc.assert(property, options);
  });

  it("mean the same simplified, with first and second derivatives", () => {
    const property = fc.property(programs, (program) => {
      const example = exampleOf(program);
      const inputs = placeholders(example);
      const { outputs, seeds } = withDerivatives(example.apply, inputs);
      const values = exampleValues(example);
      const feeds = new Map<Tensor, number[]>(inputs.map((x, i) => [x, values[i]!]));
      seeds.forEach((x, i) => {
        feeds.set(
          x,
          Array.from({ length: x.size }, (_, k) => noise(i, k) - 0.5),
        );
      });
      simplifyHolds(outputs, feeds, 1e-8);
    });
    fc.assert(property, options);
  });

  it("use every step", () => {
    const drawn = fc
      .sample(programs, { seed, numRuns: 1000 })
      .flatMap(({ steps: list }) => list.map(({ step }) => step));
    expect(new Set(drawn).size).toBe(stepList.length);
  });
});
