import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "@innerloop/core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));
let folder: string;

function innerloop(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const environment = { NO_COLOR: "1", DEBUG: "", INNERLOOP_DATA: join(folder, "data"), npm_command: undefined };
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env: { ...process.env, ...environment } });
  const texts = { out: "", err: "" };
  child.stdout.on("data", (text: Buffer) => {
    texts.out += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    texts.err += text.toString();
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...texts })));
}

/** A bright square at place c of a grid of 4 x 4, in noise. */
async function drawing(c: number, example: number): Promise<Buffer> {
  const source = random(3, c, example);
  const pixels = Buffer.from(
    Array.from({ length: 256 }, (_, i) => {
      const [row, column] = [Math.floor(i / 64), Math.floor((i % 16) / 4)];
      return Math.round((4 * row + column === c ? 200 : 20) + 20 * source.uniform());
    }),
  );
  return sharp(pixels, { raw: { width: 16, height: 16, channels: 1 } })
    .png()
    .toBuffer();
}

async function drawClass(path: string, c: number, examples: readonly number[]): Promise<void> {
  await mkdir(path, { recursive: true });
  for (const example of examples) await writeFile(join(path, `${example}.png`), await drawing(c, example));
}

beforeAll(async () => {
  if (!existsSync(new URL("../../dist/cli/main.js", import.meta.url))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-open-set-"));
  for (let c = 0; c < 16; c++) await drawClass(join(folder, `squares/c${c}`), c, [0, 1, 2, 3, 4, 5]);
  for (const c of [3, 7]) await drawClass(join(folder, `support/c${c}`), c, [10, 11]);
  await writeFile(join(folder, "known.png"), await drawing(7, 20));
  await writeFile(join(folder, "other.png"), await drawing(12, 20));
  const { code, err } = await innerloop(
    ..."train --data ./squares --learner prototypical --temperature learned --model linear --image-size 16 --ways 2 --shots 2 --queries 3".split(
      " ",
    ),
    ..."--validation-classes 5 --test-classes 5 --iterations 2 --eval-tasks 4 --workers 1 --run run".split(" "),
  );
  expect(err).toBe("");
  expect(code).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const adapt = (...more: string[]) =>
  innerloop("adapt", "run", "--support", "support", "--query", "known.png", "other.png", ...more);

test("adapt --reject needs a threshold, and says how to get one", async () => {
  const { code, err } = await adapt("--reject");
  expect(code).toBe(2);
  expect(err).toMatch(/run has no threshold to reject by\. Choose one with `innerloop eval run --open-set`/);
});

test("eval --open-set chooses a threshold, reports it, and adapt --reject uses it", async () => {
  const { code, out, err } = await innerloop("eval", "run", "--open-set", "--eval-tasks", "40", "--workers", "1");
  expect([err, code]).toEqual(["", 0]);
  expect(out).toMatch(/known scored above unknown \(AUROC\) +100\.0% ± 0\.0/);
  expect(out).toMatch(/2-way 2-shot tasks, 3 queries of each class and 3 of each of 2 unknown classes; no batch norm/);
  expect(out).toMatch(/the largest logit is at least -\d.*95% of known validation queries accepted, 40 tasks/);
  const record = JSON.parse(await readFile(join(folder, "run/open-set.json"), "utf8"));
  expect(record.rule).toMatchObject({ score: "logit", iteration: 2, steps: 0, ways: 2, shots: 2 });
  expect(record.protocol).toMatchObject({ unknownClasses: 2, unknownQueries: 3, tasks: 40, validationTasks: 40 });
  expect(record.figures.unknownRejected).toMatchObject({ mean: 1, interval: 0 });
  expect(record.figures.knownAccepted.mean).toBeGreaterThan(0.85);
  expect(await readFile(join(folder, "run/open-set.md"), "utf8")).toMatch(/\| unknown rejected \| 100\.0% ± 0\.0 \|/);

  const plain = await adapt();
  expect(plain.out).toMatch(/other\.png +c\d/);
  const rejecting = await adapt("--reject");
  expect([rejecting.err, rejecting.code]).toEqual(["", 0]);
  expect(rejecting.out).toMatch(/known\.png +c7 +100\.0%/);
  expect(rejecting.out).toMatch(/other\.png +none of these +c\d/);
  const events = (await adapt("--reject", "--json")).out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.filter(({ type }) => type === "prediction")).toMatchObject([
    { file: "known.png", prediction: "c7" },
    { file: "other.png", prediction: null },
  ]);

  // A threshold for other parameters or tasks.
  await drawClass(join(folder, "support/c7"), 7, [12]);
  const uneven = await adapt("--reject");
  expect(uneven.err).toMatch(/chosen on 2-way 2-shot tasks; here are 2 classes of 2, 3 examples/);
  await writeFile(join(folder, "run/open-set.json"), JSON.stringify({ rule: { ...record.rule, iteration: 1 } }));
  expect((await adapt("--reject")).err).toMatch(
    /the threshold of run was chosen with updates 1, and this is 2\. Choose a threshold anew with `innerloop eval run --open-set`/,
  );
  await writeFile(
    join(folder, "run/open-set.json"),
    JSON.stringify({ rule: { ...record.rule, batchNorm: "support" } }),
  );
  expect((await adapt("--reject")).err).toMatch(
    /chosen with batch norm support, and this is none\. Give --batch-norm support, or choose a threshold anew with/,
  );
  await writeFile(join(folder, "run/open-set.json"), "{}");
  expect((await adapt("--reject")).err).toMatch(/run\/open-set\.json is no open-set evaluation/);
});

test("options that do not go together are refused", async () => {
  const idle = await innerloop("eval", "run", "--acceptance", "0.5");
  expect([idle.code, idle.err]).toEqual([2, "Error: --acceptance is for --open-set. Give both, or leave it out\n"]);
  const two = await innerloop("eval", "run", "--open-set", "--with", "run");
  expect(two.err).toMatch(/--with asks for more than the one row of --open-set/);
});

test("runs without held-out classes cannot be asked", async () => {
  const trained = await innerloop(
    ..."train sinusoid --iterations 2 --eval-tasks 4 --validation-tasks 4 --workers 1 --run sines".split(" "),
  );
  expect(trained.code).toBe(0);
  const { code, err } = await innerloop("eval", "sines", "--open-set");
  expect(code).toBe(2);
  expect(err).toMatch(/--open-set of a run of sinusoid\. It is for runs of data sets of classes/);
});
