/** The laws that compiled programs hold, on whatever runs them: tests for each kind of program. */
import {
  abs,
  add,
  averagePool2d,
  compile,
  conv2d,
  cos,
  type Executor,
  erf,
  exp,
  type Graph,
  grad,
  input,
  log,
  matmul,
  maxPool2d,
  mul,
  pow,
  relu,
  sigmoid,
  simplifyGraph,
  sin,
  sizeOf,
  sum,
  type Tensor,
  type TypedArray,
  tanh,
  tensor,
  trace,
  zeros,
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

export const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
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

/** What runs compiled programs. */
export interface Compiled {
  /** Compiles a graph, runs it and holds it to its own laws, such as that a second run gives the same. */
  readonly run: (graph: Graph, feeds: readonly TypedArray[]) => Promise<readonly TypedArray[]>;
  readonly executor: () => Executor;
  /** Random programs that are drawn. */
  readonly draws: number;
}

/** Declares the tests of all laws. */
export function compiledLaws({ run, executor: opened, draws }: Compiled): void {
  /** Compiles all graphs as one program and compares what each gives with the reference interpreter. */
  const allAgree = async (all: readonly Fed[], tolerance: (fed: Fed) => number): Promise<void> => {
    const graph = together(all);
    const found = await run(
      graph,
      all.flatMap(({ feeds }) => feeds),
    );
    let at = 0;
    for (const fed of all) {
      const given = tolerance(fed);
      for (const expected of referenceOutputs(fed.graph, fed.feeds)) {
        const values = Float64Array.from(found[at++] as ArrayLike<number | bigint>, Number);
        requireClose(fed.name, values, expected, given, Math.max(smallest, ...expected.map(Math.abs)));
      }
    }
    expect(at).toBe(graph.outputs.length);
  };

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
        await allAgree(all, ({ graph }) =>
          graph.order.some(({ dtype }) => dtype === "float32") ? precision.float32 : precision[float],
        );
      });
    },
  );

  it.each([
    ["float64", 1e-8],
    ["float32", 1e-3],
  ] as const)(`compute random programs with derivatives, in %s, seed ${seed}`, async (float, tolerance) => {
    const drawn = fc.sample(programs, { seed, numRuns: draws });
    const all = drawn.map((program, i): Fed => {
      const { graph, feeds } = exampleGraph(exampleOf(program), float);
      return { name: `program ${i}`, graph, feeds };
    });
    await allAgree(all, () => tolerance);
  });

  test("compute pools of padded convolutions with first and second derivatives, where elements tie, too", async () => {
    // Whole numbers, whose sums are exact in any order: what ties here ties there.
    const whole = (shape: readonly number[], step: number): Tensor =>
      tensor(
        Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.round(2 * Math.sin(i * step))),
        shape,
        "float64",
      );
    const [images, filters] = [whole([3, 8, 12, 2], 1.3), whole([3, 3, 2, 20], 0.7)];
    const pools = [
      (x: Tensor) => maxPool2d(x, 2),
      (x: Tensor) => maxPool2d(x, [4, 2]),
      (x: Tensor) => maxPool2d(x, 3, { stride: 2, padding: 1 }),
      (x: Tensor) => averagePool2d(x, [2, 3]),
    ];
    const all = pools.map((pool, i): Fed => {
      const value = (w: Tensor, x: Tensor): Tensor => {
        const y = pool(relu(add(conv2d(x, w, { padding: 1 }), -1)));
        return sum(mul(mul(y, y), 0.125));
      };
      const first = grad(value);
      const second = grad((w: Tensor, x: Tensor) => sum(mul(first(w, x), 0.5)));
      const { graph } = trace(
        (w: Tensor, x: Tensor) => ({ value: value(w, x), first: first(w, x), second: second(w, x) }),
        [filters, images],
      );
      const feeds = [filters, images].map(({ data }) => data as TypedArray);
      return { name: `pool ${i}`, graph: simplifyGraph(graph), feeds };
    });
    await allAgree(all, () => 1e-13);
  });

  const drawn = (shape: readonly number[], step: number): Tensor => {
    const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * step));
    return tensor(values, shape, "float64");
  };
  const filters = (x: Tensor, dy: Tensor): Tensor =>
    grad((w: Tensor) => sum(mul(conv2d(x, w), dy)))(zeros([3, 3, 5, 16], "float64"));
  test.each<[name: string, f: (a: Tensor, b: Tensor) => Tensor, a: Tensor, b: Tensor]>([
    ["matrices", (a, b) => matmul(a, b), drawn([23, 9001], 0.37), drawn([9001, 21], 0.11)],
    ["matrices of one column", (a, b) => matmul(a, b), drawn([70, 40_000], 0.37), drawn([40_000, 1], 0.11)],
    ["convolutions", (x, w) => conv2d(x, w), drawn([2, 5, 6, 3000], 0.37), drawn([3, 3, 3000, 9], 0.13)],
    ["gradients of filters", filters, drawn([20, 16, 16, 5], 0.37), drawn([20, 14, 14, 16], 0.13)],
  ])("make products of long sums in blocks that add up: %s", async (name, f, a, b) => {
    const { graph } = trace(f, [a, b]);
    await allAgree([{ name, graph, feeds: [a.data!, b.data!] }], () => 1e-12);
  });

  test.each([
    ["exp", exp, Math.exp],
    ["log", log, Math.log],
    ["tanh", tanh, Math.tanh],
    ["sigmoid", sigmoid, (x: number) => 1 / (1 + Math.exp(-x)), 3],
    ["sin", sin, Math.sin],
    ["cos", cos, Math.cos],
    ["erf", erf, exactErf],
    // In vectors of numbers that it takes by itself, and of such as go number by number.
    ["x^0.7", (x: Tensor) => pow(abs(x), Math.fround(0.7)), (x: number) => Math.abs(x) ** Math.fround(0.7), 4],
    ["x^-2.3", (x: Tensor) => pow(abs(x), Math.fround(-2.3)), (x: number) => Math.abs(x) ** Math.fround(-2.3), 4],
    ["x^3", (x: Tensor) => pow(x, 3), (x: number) => x ** 3, 4],
    ["1.3^x", (x: Tensor) => pow(Math.fround(1.3), x), (x: number) => Math.fround(1.3) ** x, 4],
  ] as const)(
    "%s of float32 is within 2 units in the last place (sigmoid 3, powers 4) over all exponents",
    async (name, f, exact, most: number = 2) => {
      // Every sign and exponent with 64 fractions, infinities, zeros and no number among them.
      const bits = new Uint32Array(2 ** 15);
      for (let i = 0; i < bits.length; i++) bits[i] = (i << 17) | (Math.imul(i, 0x9e3779b1) >>> 15);
      const values = new Float32Array(bits.buffer);
      values.set([
        0,
        -0,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        Number.NaN,
        88.7,
        -87.4,
        -103.9,
        1,
        0.625,
      ]);
      const executor = opened();
      const found = (await compile((x: Tensor) => f(x), { executor })(tensor(values))).data as Float32Array;
      await executor.close();
      let worst = 0;
      values.forEach((x, i) => {
        const apart = unitsApart(found[i]!, Math.fround(exact(x)));
        if (apart > worst) worst = apart;
        expect(apart, `${name} ${x} is ${found[i]}, exactly ${exact(x)}`).toBeLessThanOrEqual(most);
      });
      expect(worst).toBeGreaterThan(0);
    },
  );
}

const erfGraph = trace((x: Tensor) => erf(x), [input([], "float64")]).graph;
/** erf by the interpreter, to double precision. */
const exactErf = (x: number): number => referenceOutputs(erfGraph, [Float64Array.of(x)])[0]![0]!;

/** Numbers between two float32 in units in the last place of the second. */
function unitsApart(found: number, expected: number): number {
  if (Object.is(found, expected) || (Number.isNaN(found) && Number.isNaN(expected)) || found === expected) return 0;
  const ordered = (x: number): number => {
    const bits = new Int32Array(Float32Array.of(x).buffer)[0]!;
    return bits < 0 ? -(bits & 0x7fffffff) : bits;
  };
  return Math.abs(ordered(found) - ordered(expected));
}
