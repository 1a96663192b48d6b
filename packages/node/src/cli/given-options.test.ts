/** Options of commands as they are given, and as a run keeps them. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));
let folder: string;

/** @returns what the command printed; rejects, with its error stream, where it fails */
const innerloop = (...args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, INNERLOOP_CONFIG: join(folder, "config"), INNERLOOP_CACHE: "off", NO_COLOR: "1" };
    execFile(process.execPath, [bin, ...args], { cwd: folder, env }, (error, out, err) =>
      error ? reject(new Error(err)) : resolve(out),
    );
  });

const brief = [
  "--iterations",
  "1",
  "--meta-batch",
  "1",
  "--validate-every",
  "0",
  "--eval-tasks",
  "2",
  "--workers",
  "1",
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-given-"));
  await innerloop("train", "sinusoid", ...brief, "--run", "r", "--skip-evaluation");
  await writeFile(join(folder, "s.csv"), "x,y\n-1,0.2\n1,0.5\n");
  await writeFile(join(folder, "q.csv"), "x\n0\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const adapt = (...args: string[]): Promise<string> =>
  innerloop("adapt", "r", "--support", "s.csv", "--query", "q.csv", ...args);

test("auto is what a command does where an option is not given", async () => {
  const [auto, usual] = [await adapt("--steps", "auto"), await adapt()];
  expect(auto).toBe(usual);
  expect(usual).toMatch(/\d+ steps?/);
  await expect(adapt("--steps", "1001")).rejects.toThrow(/or auto for those that validation has chosen/);
});

test("a threshold means nothing for a run without classes", async () => {
  await expect(adapt("--reject")).rejects.toThrow(
    /--reject means nothing for r\. It is for runs of data sets of classes/,
  );
});

test("a run that goes on leaves out what it began without", async () => {
  await innerloop("train", "--resume", "r", "--iterations", "2");
  expect(existsSync(join(folder, "r", "results.json"))).toBe(false);
  await innerloop("train", "sinusoid", ...brief, "--run", "b", "--skip-baselines");
  await innerloop("train", "--resume", "b", "--iterations", "2");
  const results = JSON.parse(await readFile(join(folder, "b", "results.json"), "utf8"));
  expect(results.evaluations).toHaveLength(1);
  expect(await innerloop("train", "--resume", "r")).toMatch(
    /Training is finished\. Evaluate it with `innerloop eval r`/,
  );
});

test("an option that takes one value is refused where it is given twice, whatever its first value", async () => {
  await expect(adapt("--support", "q.csv")).rejects.toThrow(/--support was given twice\. Give it once/);
  await expect(adapt("--steps", "auto", "--steps", "2")).rejects.toThrow(/--steps was given twice/);
});
