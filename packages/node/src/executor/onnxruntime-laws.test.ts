import { type Executor, encode, lower, loweringProfiles, type PrimitiveName, typesOf } from "@innerloop/graph";
import {
  type Example,
  exampleGraph,
  exampleRows,
  type FloatType,
  referenceOutputs,
  requireClose,
} from "@innerloop/graph/testing";
import { afterAll, describe, expect, test } from "vitest";
import { checkWithOnnx, onnxCheckerMissing } from "./onnx-checker.fixture.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";
import { webExecutor } from "./web-executor.fixture.js";

/** Kernels that onnxruntime's CPU provider lacks for a type, native and WebAssembly alike, and what it says. */
const gaps: Readonly<Record<FloatType, Partial<Record<PrimitiveName, string>>>> = {
  float32: {},
  float64: { erf: "Could not find an implementation for Erf" },
};

const native = onnxruntimeExecutor();
const web = webExecutor();
afterAll(() => Promise.all([native.close(), web.close()]));

const runtimes: Readonly<Record<string, Executor>> = {
  "onnxruntime-node": native,
  "onnxruntime-node, standard operators": { ...native, profile: loweringProfiles.standard },
  "onnxruntime-node, in parts of 64 bytes": { ...native, profile: { ...loweringProfiles.cpu, cacheBytes: 64 } },
  "onnxruntime-web": web,
};

const precision: Readonly<Record<FloatType, number>> = { float32: 1e-5, float64: 1e-13 };

/** What is smaller is compared as if it were this large: it may be left over from numbers near 1, as 1 - sigmoid(9) is. */
const smallest = 0.01;

const hasFloats = ({ inputs }: Example): boolean => inputs.some(({ kind }) => kind === "float");

async function agrees(executor: Executor, example: Example, float: FloatType): Promise<void> {
  const { graph, feeds } = exampleGraph(example, float);
  const model = encode(lower(graph, executor.profile));
  const session = await executor.load(model, typesOf(graph.inputs), typesOf(graph.outputs));
  const found = await session.run(feeds);
  await session.close();
  // One cast to float32 rounds everything after it.
  const tolerance = precision[graph.order.some(({ dtype }) => dtype === "float32") ? "float32" : float];
  referenceOutputs(graph, feeds).forEach((expected, i) => {
    const values = Float64Array.from(found[i] as ArrayLike<number | bigint>, Number);
    const scale = Math.max(smallest, ...expected.map(Math.abs));
    requireClose(`output ${i}`, values, expected, tolerance, scale);
  });
}

describe.each(Object.entries(runtimes))(
  "%s computes what the reference interpreter does, with first and second derivatives",
  (_, executor) => {
    describe.each(["float32", "float64"] as const)("in %s", (float) => {
      const rows = exampleRows.filter(([, , example]) => float === "float32" || hasFloats(example));
      test.each(rows)("%s", async (_label, name, example) => {
        const gap = gaps[float][name];
        if (gap) await expect(agrees(executor, example, float)).rejects.toThrow(gap);
        else await agrees(executor, example, float);
      });
    });
  },
);

test("the official checker accepts the models of all examples, in standard operators", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  const models = (["float32", "float64"] as const).flatMap((float) =>
    exampleRows.map(([, , example]) => encode(lower(exampleGraph(example, float).graph, loweringProfiles.standard))),
  );
  expect(checkWithOnnx(models)).toEqual([]);
});
