import { typesOf, allocate, sizeOf, type Graph, type TypedArray, simplifyGraph } from "@innerloop/graph";
import { exampleGraph, exampleRows, referenceOutputs, requireClose, type Example, type FloatType } from "@innerloop/graph/testing";
import { nativeProgram } from "../../../../graph/src/native/program.js";
import { moduleGlue } from "./module-glue.js";
import { execFileSync } from "node:child_process";
import { writeFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { test, describe } from "vitest";
const require_ = createRequire(import.meta.url);
const include = require_("node-api-headers").include_dir;
mkdirSync("/tmp/nat", { recursive: true });
let n = 0;
export function load(graph: Graph, tag = "x") {
  const p = nativeProgram(graph, { vectorBytes: 64, registers: 32 });
  const f = `/tmp/nat/${tag}${process.pid}_${n++}`;
  writeFileSync(f + ".c", p.source + moduleGlue);
  execFileSync("gcc", ["-O1", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fwrapv", "-w", "-fPIC", "-shared", "-std=gnu11", `-I${include}`, f + ".c", "-o", f + ".node", "-lm"]);
  const run = require_(f + ".node");
  return (feeds: readonly TypedArray[]) => {
    const out = graph.outputs.map(({ dtype, shape }) => allocate(dtype, sizeOf(shape)));
    const rc = run(feeds, out, [p.constants, new Uint8Array(p.workspaceBytes + 64)]);
    if (rc !== 0) throw new Error("rc " + rc);
    return out;
  };
}
const precision = { float32: 1e-5, float64: 1e-13 };
function agrees(example: Example, float: FloatType) {
  const { graph, feeds } = exampleGraph(example, float);
  for (const g of [graph, simplifyGraph(graph)]) {
  const found = load(g)(feeds);
  const tolerance = precision[graph.order.some(({ dtype }) => dtype === "float32") ? "float32" : float];
  referenceOutputs(graph, feeds).forEach((expected, i) => {
    const values = Float64Array.from(found[i] as ArrayLike<number | bigint>, Number);
    const scale = Math.max(0.01, ...expected.map(Math.abs));
    requireClose(`output ${i}`, values, expected, tolerance, scale);
  });
  }
}
const hasFloats = ({ inputs }: Example): boolean => inputs.some(({ kind }) => kind === "float");
describe.each(["float32", "float64"] as const)("in %s", (float) => {
  const rows = exampleRows.filter(([, , example]) => float === "float32" || hasFloats(example));
  test.each(rows)("%s", (_label, name, example) => agrees(example, float));
});
