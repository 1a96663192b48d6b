/** Kinds of task of a user's own, in experiment files: they train, stand in help, are evaluated, adapt, are reported. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExportedLearner } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "./runs/load.js";

const bin = fileURLToPath(new URL("../bin/innerloop.js", import.meta.url));
const fixture = new URL("./ranking-domain.fixture.ts", import.meta.url);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-domain-"));
  const text = await readFile(fixture, "utf8");
  await writeFile(join(folder, "ranking.ts"), `${text}\nexport default { domain: ranking };\n`);
  for (const name of ["topics", "sentences-domain"])
    await copyFile(new URL(`./${name}.fixture.ts`, import.meta.url), join(folder, `${name}.fixture.ts`));
  await writeFile(
    join(folder, "sentences.ts"),
    'import { sentences } from "./sentences-domain.fixture.js";\nexport default { domain: sentences };\n',
  );
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

/** Items, and their scores along a direction. */
const direction = [1, -2, 0.5, 0];
const items = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
  [-1, 1, 0, 1],
  [1, 1, 1, -1],
];
const scored = items.map((item) => [...item, item.reduce((sum, v, i) => sum + v * direction[i]!, 0)]);

test("takes at most 80 lines", async () => {
  const lines = (await readFile(fixture, "utf8")).trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(80);
});

test("stands in help, with its preset and its options", async () => {
  const help = await innerloop("train", "ranking.ts", "--help");
  expect(help).toMatch(/^ {2}ranking +items in the order of a hidden direction$/m);
  expect(help).toMatch(/--features <n> +numbers of an item \[for rankings\]/);
  expect(await innerloop("train", "--help")).not.toContain("--features");
});

test("trains, is evaluated, adapts, is reported and exported by the commands", async () => {
  const small = ["--shots", "6", "--iterations", "250", "--eval-tasks", "100", "--workers", "1"];
  const trained = await innerloop("train", "ranking.ts", "--run", "run", ...small);
  expect(trained).toContain("rankings of vectors of 4");
  const results = JSON.parse(await readFile(join(folder, "run/results.json"), "utf8")) as object;
  expect(JSON.stringify(results)).toContain("mean squared error");
  expect(await readFile(join(folder, "run/report.html"), "utf8")).toContain("a vector drawn for each task");

  const evaluated = await innerloop("eval", "run", "--eval-steps", "0,20", "--eval-tasks", "100", "--shots", "10");
  const [before, after] = /MAML +([\d.]+) ± [\d.]+ +([\d.]+) ±/.exec(evaluated)!.slice(1).map(Number) as [
    number,
    number,
  ];
  expect(after).toBeLessThan(before / 2);
  expect(await innerloop("compare", "run", "run")).toContain("no difference seen");

  const answers = await innerloop(
    ...["adapt", "run", "--steps", "50", "--json"],
    ...["--support", JSON.stringify(scored), "--query", "[[0,-2,0,0],[0,2,0,0]]"],
  );
  const events = answers
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; input: string; score: number });
  const predictions = events.filter(({ type }) => type === "prediction");
  expect(predictions.map(({ input }) => input)).toEqual(["0,-2,0,0", "0,2,0,0"]);
  expect(predictions[0]!.score).toBeGreaterThan(predictions[1]!.score + 2);

  await innerloop("export", "run", "-o", "exported", "--workers", "1");
  expect(await innerloop("verify", "exported")).toContain("MAML: up to 25 examples");
  // In this process nothing is known of the domain.
  const learner = await load<ExportedLearner>(join(folder, "exported"));
  const task = await learner.adapt(
    scored.map((row) => ({ input: row.slice(0, 4), target: row[4]! })),
    { steps: 50 },
  );
  const [first, second] = await task.predict([Float32Array.of(0, -2, 0, 0), Float32Array.of(0, 2, 0, 0)]);
  expect([first, second].map((each) => Number(each!.value).toFixed(3))).toEqual(
    predictions.map(({ score }) => score.toFixed(3)),
  );
  await learner.dispose();
});

test("is refused by an option of other kinds, and by what it does not take", async () => {
  await expect(innerloop("train", "ranking.ts", "--ways", "3")).rejects.toThrow(
    /--ways means nothing .* It is for data sets of classes/s,
  );
  await expect(innerloop("train", "ranking.ts", "--model", "conv4")).rejects.toThrow(/mlp.*linear/);
});

describe("sentences, whose inputs are trees and whose network is their own", () => {
  const small = ["--iterations", "120", "--eval-tasks", "60", "--workers", "1"];
  /** Words of a topic are four in a row. */
  const given = {
    art: [
      [0, 1],
      [3, 2, 1],
    ],
    sport: [
      [20, 21],
      [23, 22],
    ],
    food: [
      [36, 37],
      [39, 38],
    ],
  };
  const asked = [
    [1, 3],
    [22, 20, 21],
    [38, 36],
  ];

  test("options of the network stand in help, and are refused where it is not chosen", async () => {
    const help = await innerloop("train", "sentences.ts", "--help");
    expect(help).toMatch(/--model <name> +conv \([^[\]]*\bword-bag\b/);
    expect(help).toMatch(/--width <n> +numbers of a word \[for --model word-bag\]/);
    await expect(innerloop("train", "hanzi", "--width", "3")).rejects.toThrow(/unknown option '--width'/);
    await expect(innerloop("train", "sentences.ts", "--model", "conv")).rejects.toThrow(/word-bag/);
    await expect(innerloop("train", "sentences.ts", "--learner", "cavia", ...small)).rejects.toThrow(
      /takes no context vector/,
    );
  });

  test.each(["maml", "prototypical"])("%s learns them, and adapts to sentences of a user's own", async (learner) => {
    const run = `sentences-${learner}`;
    const trained = await innerloop("train", "sentences.ts", "--learner", learner, "--run", run, ...small);
    expect(trained).toContain("mean of word vectors of 8");
    const { evaluations } = JSON.parse(await readFile(join(folder, run, "results.json"), "utf8")) as {
      evaluations: { rows: { figures: { accuracy: { mean: number } } }[] }[];
    };
    expect(evaluations[0]!.rows.at(-1)!.figures.accuracy.mean).toBeGreaterThan(0.6);
    expect(await innerloop("eval", run, "--ways", "2", "--eval-tasks", "60")).toContain("2-way");
    const answers = await innerloop(
      ...["adapt", run, "--support", JSON.stringify(given), "--query", JSON.stringify(asked)],
      ...(learner === "maml" ? ["--steps", "10"] : []),
    );
    expect(answers.match(/\b(art|sport|food)$/gm)).toEqual(["art", "sport", "food"]);
    await expect(innerloop("adapt", run, "--support", '{"a": [[999]]}', "--query", "[[1]]")).rejects.toThrow(
      /sentence 1 is \[999\]/,
    );
  });
});
