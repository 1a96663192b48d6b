/** Answers of an exported learner by its module in WebAssembly beside those of the ONNX programs of the same folder. */
import type { ExportedExample, ExportedTask } from "@innerloop/experiments";
import { expect } from "vitest";
import { loadExported } from "./runs/exported-folder.js";

/** What an exported learner is tried on. */
export interface TriedLearner {
  readonly tasks: readonly (readonly ExportedExample[])[];
  readonly asked: readonly unknown[];
  /** Numbers of adaptation steps; the usual one unless given. */
  readonly steps?: readonly (number | undefined)[];
  /** How many inputs are asked about together; one, five and all unless given. */
  readonly together?: readonly number[];
}

/** Numbers of an answer, one after another, and what else is in it. */
function partsOf(value: unknown): { readonly numbers: readonly number[]; readonly others: string } {
  const numbers: number[] = [];
  const others = JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each !== "number") return each;
    numbers.push(each);
    return 0;
  });
  return { numbers, others };
}

/** That numbers differ by less than 1e-4 of the largest, and all else is the same. */
function requireSame(here: unknown, there: unknown, what: string): void {
  const [found, expected] = [partsOf(here), partsOf(there)];
  expect(found.others, what).toBe(expected.others);
  expect(expected.numbers.length, what).toBeGreaterThan(0);
  const most = Math.max(1, ...expected.numbers.map(Math.abs));
  found.numbers.forEach((x, i) => {
    expect(Math.abs(x - expected.numbers[i]!) / most, what).toBeLessThan(1e-4);
  });
}

/** That the module of a folder answers as its ONNX programs, and that tasks that either saved are the other's, too. */
export async function requireSameByModule(
  folder: string,
  { tasks, asked, steps = [undefined], together = [asked.length, 5, 1] }: TriedLearner,
): Promise<void> {
  const onnx = await loadExported<unknown>(folder);
  const wasm = await loadExported<unknown>(folder, { engine: "wasm" });
  const predicted = (task: ExportedTask<unknown>, count: number): Promise<unknown> =>
    task.predict(asked.slice(0, count));
  for (const examples of tasks)
    for (const taken of steps) {
      const adapted = (learner: typeof onnx) => learner.adapt(examples, taken === undefined ? {} : { steps: taken });
      const [expected, task] = [await adapted(onnx), await adapted(wasm)];
      const what = `${examples.length} examples, ${taken ?? "usual"} steps`;
      for (const count of together)
        requireSame(await predicted(task, count), await predicted(expected, count), `${what}, ${count} asked about`);
      for (const [saved, learner] of [
        [task, onnx],
        [expected, wasm],
      ] as const) {
        const restored = await learner.restore(saved.save());
        expect(restored.classes).toEqual(saved.classes);
        requireSame(await predicted(restored, 1), await predicted(saved, 1), `${what}, restored`);
      }
    }
  await Promise.all([onnx.dispose(), wasm.dispose()]);
}
