/** The laws of native programs, on the same C in WebAssembly, in the engine of Node. */
import {
  add,
  compile,
  conv2d,
  exp,
  type Graph,
  grad,
  log,
  matmul,
  mul,
  openWasmModule,
  portableModel,
  reshape,
  sigmoid,
  simplifyGraph,
  sum,
  type Tensor,
  type TypedArray,
  tanh,
  tensor,
  trace,
  transpose,
  typesOf,
  wasmSources,
  wasmTarget,
  writeNativeModel,
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
import { wasmCompiler } from "./c-compilers.fixture.js";
import { compileWasm } from "./wasm-compiler.js";
import { wasmExecutor } from "./wasm-executor.js";

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

/** Compiles all graphs as one module, and compares what each gives with the reference interpreter. */
async function allAgree(all: readonly Fed[], tolerance: (fed: Fed) => number): Promise<void> {
  const inputs = all.flatMap(({ graph }) => graph.inputs);
  const outputs = all.flatMap(({ graph }) => graph.outputs);
  const order = [...new Set(all.flatMap(({ graph }) => graph.order))].sort((a, b) => a.id - b.id);
  const executor = wasmExecutor({ compiler: wasmCompiler! });
  const { bytes } = writeNativeModel({ inputs, outputs, order }, wasmTarget);
  const session = await executor.load(bytes, typesOf(inputs), typesOf(outputs));
  const feeds = all.flatMap((fed) => fed.feeds);
  const found = await session.run(feeds);
  // Nothing is left behind that a second run would see.
  expect(await session.run(feeds)).toEqual(found);
  let at = 0;
  for (const fed of all)
    for (const expected of referenceOutputs(fed.graph, fed.feeds)) {
      const values = Float64Array.from(found[at++] as ArrayLike<number | bigint>, Number);
      requireClose(fed.name, values, expected, tolerance(fed), Math.max(smallest, ...expected.map(Math.abs)));
    }
  expect(at).toBe(outputs.length);
  await executor.close();
  await expect(session.run(feeds)).rejects.toThrow("IL403");
}

describe.runIf(wasmCompiler)("programs in WebAssembly", () => {
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
    const drawn = fc.sample(programs, { seed, numRuns: 50 });
    const all = drawn.map((program, i): Fed => {
      const { graph, feeds } = exampleGraph(exampleOf(program), float);
      return { name: `program ${i}`, graph, feeds };
    });
    await allAgree(all, () => tolerance);
  });

  const drawn = (shape: readonly number[], step: number): Tensor => {
    const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * step));
    return tensor(values, shape, "float64");
  };
  const filters = (x: Tensor, dy: Tensor): Tensor =>
    grad((w: Tensor) => sum(mul(conv2d(x, w), dy)))(zeros([3, 3, 5, 16], "float64"));
  test.each<[name: string, f: (a: Tensor, b: Tensor) => Tensor, a: Tensor, b: Tensor]>([
    ["matrices", (a, b) => matmul(a, b), drawn([23, 9001], 0.37), drawn([9001, 21], 0.11)],
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
    ["sigmoid", sigmoid, (x: number) => 1 / (1 + Math.exp(-x))],
  ] as const)(
    "%s of float32 is within 2 units in the last place (sigmoid 3) over all exponents",
    async (name, f, exact) => {
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
      const executor = wasmExecutor({ compiler: wasmCompiler! });
      const found = (await compile((x: Tensor) => f(x), { executor })(tensor(values))).data as Float32Array;
      await executor.close();
      let worst = 0;
      values.forEach((x, i) => {
        const apart = unitsApart(found[i]!, Math.fround(exact(x)));
        worst = Math.max(worst, apart);
        expect(apart, `${name} ${x} is ${found[i]}, exactly ${exact(x)}`).toBeLessThanOrEqual(
          name === "sigmoid" ? 3 : 2,
        );
      });
      expect(worst).toBeGreaterThan(0);
    },
  );
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

describe.runIf(wasmCompiler)("functions of a module", () => {
  const weight = tensor([1, 2, 3, 4, 5, 6], [3, 2]);
  const rowsFunction = {
    inputs: [
      { name: "x", dtype: "uint8", shape: ["rows", 3] },
      { name: "ids", dtype: "int64", shape: ["rows"] },
    ],
    constants: { weight },
    compute: ({ x, ids }: Readonly<Record<string, Tensor>>, { weight: w }: Readonly<Record<string, Tensor>>) => ({
      y: matmul(x!, w!),
      next: add(ids!, ids!),
    }),
  } as const;
  /** x + count (w^T w x): what repeats and what lasts. */
  const repeated = {
    inputs: [
      { name: "x", dtype: "float32", shape: [2] },
      { name: "times", dtype: "int64", shape: [] },
    ],
    constants: { weight },
    compute: ({ x, times }: Readonly<Record<string, Tensor>>, { weight: w }: Readonly<Record<string, Tensor>>) => ({
      count: times!,
      start: [x!],
      step: (state: unknown) => [
        add((state as [Tensor])[0], reshape(matmul(transpose(w!, [1, 0]), matmul(w!, reshape(x!, [2, 1]))), [2])),
      ],
      finish: (state: unknown) => ({ z: (state as [Tensor])[0] }),
    }),
  } as const;
  const opened = async () => {
    const { outputs } = portableModel(rowsFunction);
    const sources = wasmSources({
      rows: { function: rowsFunction, outputs, sizes: { rows: [1, 4] }, parts: "rows" },
      whole: { function: rowsFunction, outputs, sizes: { rows: [4] } },
      repeated: {
        function: repeated as never,
        outputs: [{ name: "z", dtype: "float32", shape: [2] }],
        sizes: {},
      },
    });
    const bytes = await compileWasm(wasmCompiler!, sources);
    return { bytes, ...(await openWasmModule(bytes)) };
  };
  const fed = (rows: number) => {
    const data = Uint8Array.from({ length: 3 * rows }, (_, i) => (i * 37) % 256);
    const y = Float32Array.from({ length: 2 * rows }, (_, at) => {
      const [row, column] = [at >> 1, at & 1];
      return [0, 1, 2].reduce((all, k) => all + data[3 * row + k]! * (2 * k + column + 1), 0);
    });
    const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i) - 2n);
    const feeds = {
      x: { dtype: "uint8", shape: [rows, 3], data },
      ids: { dtype: "int64", shape: [rows], data: ids },
    } as const;
    return { feeds, y, next: ids.map((id) => 2n * id) };
  };

  it("take rows up to the most, and any number of them in parts", async () => {
    const { functions } = await opened();
    expect(functions.rows!.inputs).toEqual(rowsFunction.inputs);
    for (const rows of [3, 1, 4, 2, 11]) {
      const { feeds, y, next } = fed(rows);
      const found = await functions.rows!.run(feeds);
      expect(found.y).toEqual({ dtype: "float32", shape: [rows, 2], data: y });
      expect(found.next).toEqual({ dtype: "int64", shape: [rows], data: next });
    }
    await expect(functions.whole!.run(fed(5).feeds)).rejects.toThrow(/^IL402 run: sizes .*5.* are more/);
    await expect(functions.rows!.run({})).rejects.toThrow(/^IL402 run: x is not given/);
    const wrong = { x: { dtype: "uint8", shape: [1, 2], data: new Uint8Array(2) } } as const;
    await expect(functions.rows!.run(wrong)).rejects.toThrow(/^IL402 run: x is uint8 \[1, 2\]/);
  });

  it("repeat a part as often as they are told", async () => {
    const { functions } = await opened();
    for (const times of [-1, 0, 1, 7]) {
      const z = await functions.repeated!.run({
        x: { dtype: "float32", shape: [2], data: Float32Array.of(1, -1) },
        times: { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(times)) },
      });
      // w x = [-1, -1, -1], and w^T of it [-9, -12].
      const count = Math.max(0, times);
      expect(z.z!.data).toEqual(Float32Array.of(1 - 9 * count, -1 - 12 * count));
    }
  });

  it("are refused where the bytes are others", async () => {
    const { bytes } = await opened();
    await expect(openWasmModule(new Uint8Array(7))).rejects.toThrow(/^IL403 load: it is no module/);
    // The least module: nothing is told of it.
    const least = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    await expect(openWasmModule(least)).rejects.toThrow(/^IL403 load: it has 0 sections/);
    const text = Buffer.from(bytes).toString("latin1");
    const changed = (from: string, to: string): Uint8Array => {
      expect(text).toContain(from);
      expect(to).toHaveLength(from.length);
      return Uint8Array.from(Buffer.from(text.replace(from, to), "latin1"));
    };
    const refused = /^IL403 load: /;
    await expect(openWasmModule(changed('"begin":0', '"begin":9'))).rejects.toThrow(refused);
    await expect(openWasmModule(changed('"dtype":"uint8"', '"dtype":"uint9"'))).rejects.toThrow(refused);
    await expect(openWasmModule(changed("innerloop wasm 1", "innerloop wasm 2"))).rejects.toThrow(
      /tells of its format/,
    );
    await expect(openWasmModule(changed("env\x06memory", "fs.\x06memory"))).rejects.toThrow(/asks for the memory fs/);
    const place = /"at":(\d+)/.exec(text)!;
    const far = changed(place[0], `"at":${"9".repeat(place[1]!.length)}`);
    await expect(openWasmModule(far)).rejects.toThrow(/tells of its functions/);
    // Whatever is cut off or turned over, an error has a code, or what is left computes in memory of its own.
    const draw = fc.sample(fc.nat(bytes.length - 1), { numRuns: 200, seed });
    for (const at of draw) await expect(openWasmModule(bytes.subarray(0, at))).rejects.toThrow(refused);
    for (const at of draw) {
      const turned = bytes.slice();
      turned[at]! ^= 1 << (at % 8);
      await openWasmModule(turned).catch((error: Error) => expect(error.message).toMatch(refused));
    }
  });
});
