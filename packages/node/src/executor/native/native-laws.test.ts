import {
  compile,
  exp,
  type Graph,
  log,
  sigmoid,
  simplifyGraph,
  type Tensor,
  type TypedArray,
  tanh,
  tensor,
  typesOf,
  writeNativeModel,
} from "@innerloop/graph";
import {
  type Example,
  exampleGraph,
  exampleOf,
  exampleRows,
  type FloatType,
  programs,
  referenceOutputs,
  requireClose,
} from "@innerloop/graph/testing";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { CCompiler } from "./c-compiler.js";
import { compilers } from "./c-compilers.fixture.js";
import { nativeExecutor } from "./native-executor.js";

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const precision: Readonly<Record<FloatType, number>> = { float32: 1e-5, float64: 1e-13 };
/** What is smaller is compared as if it were this large: it may be left over from numbers near 1. */
const smallest = 0.01;
const hasFloats = ({ inputs }: Example): boolean => inputs.some(({ kind }) => kind === "float");

interface Fed {
  readonly name: string;
  readonly graph: Graph;
  readonly feeds: readonly TypedArray[];
}

/** Graphs beside each other as one: one program to compile. */
function together(all: readonly Fed[]): Graph {
  const inputs = all.flatMap(({ graph }) => graph.inputs);
  const outputs = all.flatMap(({ graph }) => graph.outputs);
  const order = [...new Set(all.flatMap(({ graph }) => graph.order))].sort((a, b) => a.id - b.id);
  return { inputs, outputs, order };
}

/** Compiles all graphs as one program and compares what each gives with the reference interpreter. */
async function allAgree(all: readonly Fed[], compiler: CCompiler, tolerance: (fed: Fed) => number): Promise<void> {
  const executor = nativeExecutor({ native: { compiler } });
  try {
    const graph = together(all);
    const { bytes } = writeNativeModel(graph, compiler.target);
    const session = await executor.load(bytes, typesOf(graph.inputs), typesOf(graph.outputs));
    const found = await session.run(all.flatMap(({ feeds }) => feeds));
    let at = 0;
    for (const fed of all) {
      const given = tolerance(fed);
      for (const expected of referenceOutputs(fed.graph, fed.feeds)) {
        const values = Float64Array.from(found[at++] as ArrayLike<number | bigint>, Number);
        requireClose(fed.name, values, expected, given, Math.max(smallest, ...expected.map(Math.abs)));
      }
    }
    expect(at).toBe(graph.outputs.length);
  } finally {
    await executor.close();
  }
}

describe.each(compilers)("native programs, %s", (_, compiler) => {
  describe.each(["float32", "float64"] as const)(
    "compute what the reference interpreter does, with derivatives, in %s",
    (float) => {
      const rows = exampleRows.filter(([, , example]) => float === "float32" || hasFloats(example));
      const names = [...new Set(rows.map(([, name]) => name))];
      const parts = Array.from({ length: Math.ceil(names.length / 6) }, (_, i) => names.slice(6 * i, 6 * i + 6));
      test.each(parts.map((part) => [part.join(", "), new Set<string>(part)] as const))("%s", async (_names, part) => {
        const all = rows
          .filter(([, name]) => part.has(name))
          .flatMap(([label, , example]): Fed[] => {
            const { graph, feeds } = exampleGraph(example, float);
            // As it is and as it runs: simplification takes away what a rule of its own would compute.
            return [
              { name: label, graph, feeds },
              { name: `${label}, simplified`, graph: simplifyGraph(graph), feeds },
            ];
          });
        // One cast to float32 rounds everything after it.
        await allAgree(all, compiler, ({ graph }) =>
          graph.order.some(({ dtype }) => dtype === "float32") ? precision.float32 : precision[float],
        );
      });
    },
  );

  it.each([
    ["float64", 1e-8],
    ["float32", 1e-3],
  ] as const)(`compute random programs with derivatives, in %s, seed ${seed}`, async (float, tolerance) => {
    const drawn = fc.sample(programs, { seed, numRuns: 100 });
    const all = drawn.map((program, i): Fed => {
      const { graph, feeds } = exampleGraph(exampleOf(program), float);
      return { name: `program ${i}`, graph, feeds };
    });
    await allAgree(all, compiler, () => tolerance);
  });
});

/** Numbers between two float32 in units in the last place of the second. */
function unitsApart(found: number, expected: number): number {
  if (Object.is(found, expected) || (Number.isNaN(found) && Number.isNaN(expected)) || found === expected) return 0;
  const ordered = (x: number): number => {
    const bits = new Int32Array(Float32Array.of(x).buffer)[0]!;
    return bits < 0 ? -(bits & 0x7fffffff) : bits;
  };
  return Math.abs(ordered(found) - ordered(expected));
}

describe.each(compilers)("elementwise functions of vectors of float32, %s", (_, compiler) => {
  test.each([
    ["exp", exp, Math.exp],
    ["log", log, Math.log],
    ["tanh", tanh, Math.tanh],
    ["sigmoid", sigmoid, (x: number) => 1 / (1 + Math.exp(-x))],
  ] as const)("%s is within 2 units in the last place (sigmoid 3) over all exponents", async (name, f, exact) => {
    // Every sign and exponent with 64 fractions, infinities, zeros and no number among them.
    const bits = new Uint32Array(2 ** 15);
    for (let i = 0; i < bits.length; i++) bits[i] = (i << 17) | (Math.imul(i, 0x9e3779b1) >>> 15);
    const values = new Float32Array(bits.buffer);
    values.set([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 88.7, -87.4, -103.9, 1, 0.625]);
    const executor = nativeExecutor({ native: { compiler } });
    const found = (await compile((x: Tensor) => f(x), { executor })(tensor(values))).data as Float32Array;
    await executor.close();
    let worst = 0;
    values.forEach((x, i) => {
      const apart = unitsApart(found[i]!, Math.fround(exact(x)));
      if (apart > worst) worst = apart;
      expect(apart, `${name} ${x} is ${found[i]}, exactly ${exact(x)}`).toBeLessThanOrEqual(name === "sigmoid" ? 3 : 2);
    });
    expect(worst).toBeGreaterThan(0);
  });
});
