/** The laws of native programs, on the same C in WebAssembly, in the engine of Node. */
import {
  add,
  matmul,
  openWasmModule,
  portableModel,
  reshape,
  type Tensor,
  tensor,
  transpose,
  typesOf,
  wasmSources,
  wasmTarget,
  writeNativeModel,
} from "@innerloop/graph";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wasmCompiler } from "./c-compilers.fixture.js";
import { compiledLaws, seed } from "./compiled-laws.fixture.js";
import { compileWasm } from "./wasm-compiler.js";
import { wasmExecutor } from "./wasm-executor.js";

describe.runIf(wasmCompiler)("programs in WebAssembly", () => {
  compiledLaws({
    run: async (graph, feeds) => {
      const executor = wasmExecutor({ compiler: wasmCompiler! });
      const { bytes } = writeNativeModel(graph, wasmTarget);
      const session = await executor.load(bytes, typesOf(graph.inputs), typesOf(graph.outputs));
      const found = await session.run(feeds);
      // Nothing is left behind that a second run would see.
      expect(await session.run(feeds)).toEqual(found);
      await executor.close();
      await expect(session.run(feeds)).rejects.toThrow("IL403");
      return found;
    },
    executor: () => wasmExecutor({ compiler: wasmCompiler! }),
    draws: 50,
  });
});

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
