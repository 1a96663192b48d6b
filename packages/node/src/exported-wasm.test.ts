/** Exports with a module of WebAssembly: it answers as the ONNX programs do, and is refused where it is another. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wasmCompiler } from "./executor/native/c-compilers.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { loadExported } from "./runs/exported-folder.js";

describe.runIf(wasmCompiler)("an export with --wasm", async () => {
  const runs = await exportedRuns("wasm");
  const place = runs.inFolder("exported-maml");
  beforeAll(async () => {
    await runs.train("maml", "hanzi", { learner: "maml", filters: 2 });
    await runs.exported("maml", { wasm: true });
  });
  afterAll(() => runs.remove());

  it("answers as on onnxruntime, for few and for many, and in other steps", async () => {
    const [onnx, wasm] = await Promise.all([loadExported(place), loadExported(place, { engine: "wasm" })]);
    const drawn = (seed: number) => Uint8Array.from({ length: 28 * 28 }, (_, i) => (i * i * seed) % 251);
    const asked = Array.from({ length: 19 }, (_, i) => drawn(i + 40));
    for (const [rows, steps] of [
      [2, 0],
      [4, 1],
      [9, 3],
      [25, 2],
    ] as const) {
      const examples = Array.from({ length: rows }, (_, i) => ({ input: drawn(i + 3), label: `class ${i % 3}` }));
      const [first, second] = await Promise.all([onnx, wasm].map((learner) => learner.adapt(examples, { steps })));
      const [expected, found] = await Promise.all([first!.predict(asked), second!.predict(asked)]);
      expect(found).toHaveLength(expected.length);
      found.forEach(({ label, probability }, i) => {
        expect(label).toBe(expected[i]!.label);
        expect(Math.abs(probability - expected[i]!.probability)).toBeLessThan(1e-4);
      });
      // A task is of the learner, whatever computes it.
      expect(await (await wasm.restore(first!.save())).predict(asked[0]!)).toMatchObject({ label: expected[0]!.label });
    }
    await Promise.all([onnx.dispose(), wasm.dispose()]);
  });

  it("is refused where its module is damaged, cut off or not there", async () => {
    const file = join(place, "wasm/learner.wasm");
    const bytes = await readFile(file);
    const refused = (): Promise<unknown> => loadExported(place, { engine: "wasm" });
    const turned = Uint8Array.from(bytes);
    turned[1000]! ^= 1;
    await writeFile(file, turned);
    await expect(refused()).rejects.toThrow(/ILE202 .*its SHA-256 is not the one/);
    await writeFile(file, bytes.subarray(0, 1000));
    await expect(refused()).rejects.toThrow(/ILE202 .*1000 bytes/);
    await rm(file);
    await expect(refused()).rejects.toThrow(/ILE202 .*not there/);
  });
});
