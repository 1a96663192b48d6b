import { readFileSync } from "node:fs";
import { compile, type Executor, loweringProfiles } from "@innerloop/graph";
import { type ReferenceFile, referenceCases, requireClose } from "@innerloop/graph/testing";
import { afterAll, describe, test } from "vitest";
import { compilers } from "./native/c-compilers.fixture.js";
import { nativeExecutor } from "./native/native-executor.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";
import { webExecutor } from "./web-executor.fixture.js";

const figures = new URL("../../../graph/src/testing/fixtures/meta-gradients.json", import.meta.url);
const file = JSON.parse(readFileSync(figures, "utf8")) as ReferenceFile;

const runtimes: Readonly<Record<string, () => Executor>> = {
  "onnxruntime-node": onnxruntimeExecutor,
  // What happens to images too large for the cache, on small ones.
  "onnxruntime-node, in parts of 256 bytes": () => ({
    ...onnxruntimeExecutor(),
    profile: { ...loweringProfiles.cpu, cacheBytes: 256 },
  }),
  "onnxruntime-web": webExecutor,
  ...Object.fromEntries(
    compilers.map(([name, compiler]) => [`native programs of ${name}`, () => nativeExecutor({ native: { compiler } })]),
  ),
};

describe.each(Object.entries(runtimes))("%s agrees with PyTorch's meta-gradients", (_, make) => {
  const executor = make();
  afterAll(() => executor.close());

  describe.each([
    ["float32", 1e-4],
    ["float64", 1e-9],
  ] as const)("in %s to %s of the largest entry", (float, tolerance) => {
    test.each(referenceCases(file, float).map((one) => [one.name, one] as const))(
      "%s",
      async (_name, { compute, given, expected }) => {
        const found = await compile(compute, { executor })(given);
        expected.forEach(({ what, values, scale }, i) => {
          requireClose(what, found[i]!.data as Float32Array, values, tolerance, scale);
        });
      },
    );
  });
});
