/** An environment of a user's own, in one file: it trains, is evaluated and practised, and what is wrong with it is said. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../bin/innerloop.js", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-environment-"));
  await copyFile(new URL("../../../examples/corridor.ts", import.meta.url), join(folder, "corridor.ts"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @returns what the command printed; rejects, with its error stream, where it fails */
const innerloop = (...args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, INNERLOOP_CONFIG: join(folder, "config"), INNERLOOP_CACHE: "off", NO_COLOR: "1" };
    execFile(process.execPath, [bin, ...args], { cwd: folder, env }, (error, out, err) =>
      error ? reject(new Error(err)) : resolve(out),
    );
  });

const small = ["--meta-batch", "8", "--episodes", "10", "--validation-tasks", "4", "--eval-tasks", "20"];

test("trains by the command, adapts, and is practised", async () => {
  const run = ["--run", "run", "--iterations", "12", "--workers", "1", ...small, "--eval-steps", "0,1"];
  const trained = await innerloop("train", "corridor.ts", ...run);
  expect(trained).toContain("environment corridor; reward -1 a step, 10 at the exit");
  const results = JSON.parse(await readFile(join(folder, "run/results.json"), "utf8")) as {
    readonly evaluations: readonly {
      readonly rows: readonly { readonly figures: { readonly return: { readonly mean: number } } }[];
    }[];
  };
  const [before, after] = results.evaluations[0]!.rows.map(({ figures }) => figures.return.mean);
  expect(after!).toBeGreaterThan(before! + 3);
  const practised = await innerloop("adapt", "run", "--task", '{"exit":5}', "--steps", "1");
  expect(practised).toMatch(/before +-1\d\.\d/);
  expect(practised).toContain("after 1 step");
});

test("goes on in the same bits where it was stopped", async () => {
  const last = (run: string): Promise<Buffer> => readFile(join(folder, run, "checkpoints/last.safetensors"));
  const options = ["--skip-evaluation", "--workers", "1", ...small];
  await innerloop("train", "corridor.ts", "--run", "whole", "--iterations", "4", ...options);
  await innerloop("train", "corridor.ts", "--run", "parts", "--iterations", "2", ...options);
  await innerloop("train", "--resume", "parts", "--iterations", "4");
  expect((await last("parts")).equals(await last("whole"))).toBe(true);
});

const faulty = async (name: string, from: string, to: string): Promise<string> => {
  const text = await readFile(join(folder, "corridor.ts"), "utf8");
  expect(text).toContain(from);
  await writeFile(join(folder, name), text.replace(from, to));
  return innerloop("train", name, "--run", name.replace(".ts", ""), "--iterations", "1", ...small).then(
    () => "trained",
    (error: Error) => error.message,
  );
};

test.each([
  [
    "a reward that is no number",
    "reward: there ? 10 : -1",
    "reward: x / 0 - x / 0",
    /ILE203 corridor, row 0, step 0.*reward is NaN/,
  ],
  ["an observation of another shape", "[x / 5, t / 20]", "[x / 5]", /ILE202 corridor.*observation/],
] as const)("%s is said", async (name, from, to, message) => {
  const said = await faulty(`${name.replaceAll(" ", "-")}.ts`, from, to);
  expect(said).toMatch(message);
  expect(said).not.toMatch(/\n {4}at /);
});

test("a file that exports something like a family is told what one is", async () => {
  await writeFile(join(folder, "none.ts"), 'export default { family: { name: "a" } };\n');
  await expect(innerloop("train", "none.ts")).rejects.toThrow(/family in none\.ts is no family of environments/);
});
