/** A trained model adapts and answers a thousand times, and the process does not grow. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { trainCommand } from "./cli/commands/train-command.js";

let folder: string;

beforeAll(async () => {
  if (!existsSync(new URL("../dist/index.js", import.meta.url))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-model-memory-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  const chosen = { iterations: 2, metaBatch: 2, validateEvery: 0, workers: 1 };
  for (const [preset, more] of [
    ["sinusoid", {}],
    ["hanzi", { filters: 4, blocks: 2 }],
  ] as const) {
    const invocation = { run: join(folder, preset), skipEvaluation: true };
    await trainCommand({ target: preset, chosen: { ...chosen, ...more }, invocation }, collected().output);
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Memory after the first hundred and after all of a thousand times, in bytes. V8's own is held still: what it keeps for objects
 * that have just been made at 2 MiB, and no code is optimized again, which takes 4 MB within the thousand, once.
 */
const program = (run: string, examples: string, inputs: string): string => `
import { load } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
const model = await load(${JSON.stringify(run)});
const draw = () => Math.random();
const settled = async () => { for (let i = 0; i < 4; i++) { gc(); await new Promise((done) => setTimeout(done, 20)); } return process.memoryUsage().rss; };
let first;
for (let i = 1; i <= 1000; i++) {
  const task = await model.adapt(${examples}, { steps: 1 });
  const answers = await task.predict(${inputs});
  if (answers.length !== 2) throw new Error(String(answers.length));
  if (i === 100) first = await settled();
}
console.log(JSON.stringify([first, await settled()]));
`;

test.each([
  ["sinusoid", "Array.from({ length: 5 }, () => ({ x: draw(), y: draw() }))", "[{ x: draw() }, { x: draw() }]"],
  [
    "hanzi",
    "Object.fromEntries(['a', 'b', 'c'].map((name) => [name, [Float32Array.from({ length: 784 }, draw)]]))",
    "[0, 1].map(() => Float32Array.from({ length: 784 }, draw))",
  ],
])("%s", (preset, examples, inputs) => {
  const text = execFileSync(
    process.execPath,
    [
      "--expose-gc",
      "--max-semi-space-size=2",
      "--no-opt",
      "--input-type=module",
      "--eval",
      program(join(folder, preset), examples, inputs),
    ],
    { encoding: "utf8" },
  );
  const [first, last] = JSON.parse(text) as [number, number];
  expect(last / first).toBeLessThan(1.05);
});
