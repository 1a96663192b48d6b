import { encode, lower, loweringProfiles, typesOf } from "@innerloop/graph";
import { exampleGraph, exampleOf, programs, referenceOutputs, requireClose } from "@innerloop/graph/testing";
import fc from "fast-check";
import { afterAll, describe, it } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

// To repeat a failure, set SEED (and PATH_OF_CASE) to what its message says.
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const path = process.env.PATH_OF_CASE;
const options = { seed, numRuns: Number(process.env.RUNS ?? 100), ...(path === undefined ? {} : { path }) };

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

describe(`random programs, seed ${seed}`, () => {
  // float32 goes through fused products and the step function by HardSigmoid; float64 through neither.
  it.each([
    ["float64", "cpu", 1e-8],
    ["float64", "standard", 1e-8],
    ["float32", "cpu", 1e-3],
  ] as const)(
    "are computed with derivatives as by the reference interpreter, in %s, profile %s",
    async (float, profile, tolerance) => {
      const property = fc.asyncProperty(programs, async (program) => {
        const { graph, feeds } = exampleGraph(exampleOf(program), float);
        // The only operation that onnxruntime lacks in float64.
        fc.pre(float === "float32" || !graph.order.some(({ primitive }) => primitive?.name === "erf"));
        const model = encode(lower(graph, loweringProfiles[profile]));
        const session = await executor.load(model, typesOf(graph.inputs), typesOf(graph.outputs));
        const found = await session.run(feeds);
        await session.close();
        referenceOutputs(graph, feeds).forEach((expected, i) => {
          requireClose(
            `output ${i}`,
            found[i] as Float64Array,
            expected,
            tolerance,
            Math.max(0.01, ...expected.map(Math.abs)),
          );
        });
      });
      await fc.assert(property, options);
    },
  );
});
