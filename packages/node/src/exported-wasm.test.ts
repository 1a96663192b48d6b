/** Modules of exported learners of classes and numbers: they answer as the ONNX programs beside them, for any number of examples. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wasmCompiler } from "./executor/native/c-compilers.fixture.js";
import { findWasmCompiler } from "./executor/native/wasm-compiler.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { loadExported } from "./runs/exported-folder.js";
import { requireSameByModule } from "./wasm-answers.fixture.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-wasm");
afterAll(remove);

/** An image of a stroke, by its class and number. */
const stroke = (kind: number, i: number): Uint8Array =>
  Uint8Array.from({ length: 784 }, (_each, at) => {
    const [row, column] = [Math.floor(at / 28), at % 28];
    return Math.abs((kind % 2 ? row : column) - 6 - 3 * kind - i) < 2 ? 250 - 9 * i : (at * 7) % 20;
  });
const images = (classes: number, shots: number) =>
  Array.from({ length: classes * shots }, (_each, at) => ({
    input: stroke(at % classes, Math.floor(at / classes)),
    label: `class ${at % classes}`,
  }));
const points = (count: number) =>
  Array.from({ length: count }, (_each, i) => ({ input: { x: i / 2 - 4 }, target: Math.sin(i / 2) }));

test("without a compiler there is none", async () => {
  expect(await findWasmCompiler(["no-such-compiler", "node"])).toBeUndefined();
});

describe.runIf(wasmCompiler)("an export with a module", () => {
  beforeAll(async () => {
    await train("maml", "hanzi", { filters: 4 });
    await train("prototypes", "hanzi", { filters: 4, learner: "prototypical" });
    await train("matching", "hanzi", { filters: 4, learner: "matching" });
    await train("curves", "sinusoid", { hidden: [8] });
    await train("moves", "navigation-2d", { episodes: 2, horizon: 4, metaBatch: 2, hidden: [8] });
  });

  test.each([
    ["maml", [images(2, 1), images(3, 2), images(5, 5)], images(33, 1).map(({ input }) => input), [0, 1, 7]],
    ["prototypes", [images(2, 1), images(3, 2), images(5, 5)], images(33, 1).map(({ input }) => input), [undefined]],
    ["matching", [images(2, 1), images(3, 2), images(5, 5)], images(17, 1).map(({ input }) => input), [undefined]],
    ["curves", [points(1), points(4), points(10)], points(40).map(({ input }) => input), [0, 3]],
  ] as const)("answers as its ONNX programs: %s", async (run, tasks, asked, allSteps) => {
    const text = await exported(run, { wasm: true });
    expect(text).toMatch(/wasm\/learner\.wasm/);
    expect(text).toMatch(/20 held-out tasks through these files and through the run/);
    expect(await verified(`exported-${run}`)).toMatch(/the largest difference from the expected answers/);
    await requireSameByModule(inFolder(`exported-${run}`), { tasks, asked, steps: allSteps });
  });

  test("answers for sets of every size that its programs are written for: 5, 12 and 60 examples", async () => {
    await exported("prototypes", { wasm: true, maxSupport: 60 });
    const tasks = [images(2, 2), images(5, 1), images(3, 2), images(4, 3), images(5, 3), images(5, 12)];
    const asked = images(3, 1).map(({ input }) => input);
    await requireSameByModule(inFolder("exported-prototypes"), { tasks, asked });
    await expect(
      loadExported(inFolder("exported-prototypes"), { engine: "wasm" }).then((learner) => learner.adapt(images(61, 1))),
    ).rejects.toThrow(/ILE206 examples: there are 61 examples, and the programs take 60/);
  });

  test("is of programs of fixed sizes, where those are", async () => {
    expect(await exported("moves", { wasm: true })).toMatch(/wasm\/learner\.wasm/);
    expect(await exported("maml", { wasm: true, queries: 3, fixed: 2 })).toMatch(/wasm\/learner\.wasm/);
    const learner = await loadExported(inFolder("exported-maml"), { engine: "wasm" });
    const task = await learner.adapt(images(2, 1));
    expect(await task.predict(images(5, 1).map(({ input }) => input))).toHaveLength(5);
    await learner.dispose();
  });

  test("is refused where its module is damaged, cut off or not there", async () => {
    const place = inFolder("exported-maml");
    await exported("maml", { wasm: true });
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

  test("is told to be missing where there is none", async () => {
    await exported("prototypes");
    expect(await readFile(inFolder("exported-prototypes/README.md"), "utf8")).not.toMatch(/wasm/i);
    await expect(loadExported(inFolder("exported-prototypes"), { engine: "wasm" })).rejects.toMatchObject({
      code: "ILE202",
      message: expect.stringMatching(/no programs in WebAssembly/),
    });
  });
});
