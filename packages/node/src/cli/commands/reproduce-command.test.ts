import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { progressOf } from "@innerloop/experiments";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { madeUpMovielens } from "../../data/ratings/made-up-movielens.fixture.js";
import { openRun } from "../../runs/run-folder.js";
import { collected } from "../collected-output.fixture.js";
import { createOutput } from "../output.js";
import { reproduceCommand } from "./reproduce-command.js";

const bin = fileURLToPath(new URL("../../../bin/innerloop.js", import.meta.url));
let folder: string;

beforeAll(async () => {
  if (!existsSync(new URL("../../../dist/cli/main.js", import.meta.url))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-reproduce-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const quick = { checkpointEvery: 50, validateEvery: 100, validationTasks: 8, evalTasks: 8, evalSteps: [0, 1] };

const row = (name: string, options: object, more: object = {}) => ({
  name,
  learner: name,
  train: { preset: "sinusoid", options: { ...quick, ...options } },
  cells: { ten: { published: `${name} of the paper` } },
  source: "A. Nonymous 2026",
  ...more,
});

/** Two rows of the same options, to compare one that was stopped with one that was not; and one of another learner. */
const threeRows = {
  name: "three",
  title: "Three rows",
  metric: "mean squared error",
  columns: [
    { name: "ten", title: "10 shots", steps: 1 },
    { name: "five", title: "5 shots", options: { shots: 5 }, steps: 1 },
  ],
  rows: [
    row("stopped", { iterations: 400 }),
    row("killed", { iterations: 400, learner: "anil" }),
    row("whole", { iterations: 400 }, { cells: { ten: {}, five: {} }, baselines: true, against: ["from scratch"] }),
  ],
};

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `innerloop reproduce`; sends the signal to that process alone once its output has the text `at`. */
function reproduce(
  args: readonly string[],
  { signal, at }: { signal?: NodeJS.Signals; at?: RegExp } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [bin, "reproduce", ...args], {
    cwd: folder,
    env: { ...process.env, INNERLOOP_CACHE: join(folder, "cache"), NO_COLOR: "1", DEBUG: "", npm_command: undefined },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
    if (signal && at?.test(out)) child.kill(signal);
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  // Closed once every process that writes to it has ended: also one that has outlived its starter.
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

const runOf = (table: string, name: string) => openRun(join(folder, "runs/reproduce", table, name));
const updatesOf = async (table: string, name: string): Promise<number> =>
  (await progressOf(await runOf(table, name))).iteration;
const checkpoint = (name: string): Promise<Buffer> =>
  readFile(join(folder, "runs/reproduce/three", name, "checkpoints/last.safetensors"));

describe("innerloop reproduce", () => {
  it("goes on after Ctrl-C and after a kill, skips what is done, and ends as if never stopped", async () => {
    await writeFile(join(folder, "three.json"), JSON.stringify(threeRows));
    const args = ["three.json", "--workers", "1", "--json"];

    const stopped = await reproduce(args, { signal: "SIGINT", at: /"type":"iteration","iteration":60,/ });
    expect(stopped.code).toBe(130);
    const first = await updatesOf("three", "stopped");
    expect(first).toBeGreaterThanOrEqual(60);
    expect(first).toBeLessThan(400);

    // Killed in the second row, whose process notices that nobody waits for it any more.
    const killed = await reproduce(args, {
      signal: "SIGKILL",
      at: /"row":"killed"[\s\S]*"type":"iteration","iteration":60,/,
    });
    expect(killed.code).toBeNull();
    expect(killed.out).toMatch(/"type":"start","iteration":\d{2,},/);
    expect(await updatesOf("three", "stopped")).toBe(400);
    const second = await updatesOf("three", "killed");
    expect(second).toBeGreaterThanOrEqual(60);
    expect(second).toBeLessThan(400);

    const done = await reproduce(["three.json", "--workers", "1"]);
    // So few updates need not help.
    expect([done.code, done.err.replace(/ *Warning: adaptation .*\n/g, "")]).toEqual([0, ""]);
    expect(done.out).toMatch(/Three rows: 3 rows, 2 to do/);
    expect(done.out).not.toMatch(/stopped: stopped/);
    expect(done.out).toMatch(new RegExp(`Continuing after ${second} of 400 updates`));
    expect((await checkpoint("stopped")).equals(await checkpoint("whole"))).toBe(true);

    const table = done.out.slice(done.out.lastIndexOf("updates\n"));
    expect(table).toMatch(/ stopped +\d\.\d+ ± \d\.\d+ +400\n +published +stopped of the paper +A\. Nonymous 2026/);
    expect(table).toMatch(
      / whole +\d\.\d+ ± \d\.\d+ +\d\.\d+ ± \d\.\d+ +400\n +ahead of from scratch +[+-]\d\.\d+ ± \d\.\d+ +[+-]\d\.\d+ ± \d\.\d+\n +from scratch +\d\.\d+ ± /,
    );
    expect(table).not.toMatch(/†|not run/);

    const again = await reproduce(["three.json", "--json"]);
    expect(again.out).not.toMatch(/"type":"(start|row)"/);

    const wrote = await reproduce(["three.json", "--report", "out"]);
    expect(wrote.code).toBe(0);
    const { tables } = JSON.parse(await readFile(join(folder, "out/results.json"), "utf8"));
    expect(tables.three.whole).toMatchObject({
      updates: 400,
      fullUpdates: 400,
      command: expect.stringMatching(/^innerloop train sinusoid .*--iterations 400/),
      cells: { ten: { steps: 1 }, five: { steps: 1 } },
      baselines: { "from scratch": { ten: { steps: 1 } } },
    });
    // The difference is of the same tasks: its mean is that of the means, its interval its own.
    const { ten } = tables.three.whole.cells;
    const scratch = tables.three.whole.baselines["from scratch"].ten;
    expect(scratch.lead.mean).toBeCloseTo(ten.mean - scratch.mean, 4);
    expect(scratch.lead.interval).toBeGreaterThan(0);
    expect(tables.three.whole.curve.map(({ updates }: { updates: number }) => updates)).toEqual([100, 200, 300, 400]);
    // Installed packages have no commit; this is the checkout's.
    const isCheckout = existsSync(new URL("../../../../../.git", import.meta.url));
    expect(/^[0-9a-f]{12}(-dirty)?$/.test(tables.three.whole.versions.commit)).toBe(isCheckout);
    expect(tables.three.whole.peakBytes).toBeGreaterThan(20 * 2 ** 20);
    expect(tables.three.whole.trainingSeconds).toBeGreaterThan(0);
    expect(tables.three.stopped.baselines).toBeUndefined();
    expect(await readFile(join(folder, "out/results.md"), "utf8")).toMatch(
      /\| stopped \| \*\*\d\.\d+ ± \d\.\d+\*\* \| stopped of the paper \|/,
    );
  });

  it("fits new rows into a budget, and a run that has begun keeps its number of updates", async () => {
    const full = 5_000_000;
    const rows = [row("a", { iterations: full, schedule: "cosine" }), row("b", { iterations: full })];
    await writeFile(join(folder, "long.json"), JSON.stringify({ ...threeRows, name: "long", rows }));
    const args = (budget: string) => ["long.json", "--budget", budget, "--workers", "1", "--json"];
    const at = { signal: "SIGINT", at: /"row":"a"[\s\S]*"type":"iteration","iteration":\d{2,},/ } as const;
    expect(await reproduce(args("5"), at)).toMatchObject({ code: 130, err: "" });
    const { iterations, validateEvery, schedule } = (await runOf("long", "a")).config.options;
    expect(iterations).toBeGreaterThan(10);
    // Five minutes for two: no machine makes a million updates of 25 tasks in half of it.
    expect(iterations).toBeLessThan(full / 5);
    expect(validateEvery).toBe(Math.min(100, Math.floor(iterations / 10)));
    expect(schedule).toBe("cosine");
    const dryRun = await reproduce(["long.json", "--dry-run"]);
    expect(dryRun.out).toMatch(/a: a +\d[\d,]* of [\d,]+ \(shortened\) updates\n +innerloop train --resume runs/);
    expect(dryRun.out).toMatch(/b: b +new, 5,000,000 updates\n +innerloop train sinusoid .*--iterations 5000000/);
    expect(existsSync(join(folder, "runs/reproduce/long/.probe-b"))).toBe(false);

    const later = await reproduce([...args("100"), "--rows", "a"], at);
    expect(later.code).toBe(130);
    expect((await runOf("long", "a")).config.options.iterations).toBe(iterations);
  });

  it("goes on with the other rows where one fails, and says which", async () => {
    // More memory than there is: refused before anything is written.
    const rows = [
      row("huge", { iterations: 10, metaBatch: 10_000, chunk: 10_000, memory: 50 }),
      row("small", { iterations: 10 }),
    ];
    await writeFile(join(folder, "failing.json"), JSON.stringify({ ...threeRows, name: "failing", rows }));
    const { code, err, out } = await reproduce(["failing.json", "--workers", "1"]);
    expect(code).toBe(1);
    expect(err).toMatch(/Error: training takes about [\s\S]*huge failed: innerloop train ended with code 2/);
    expect(err).toMatch(/Error: huge failed\. Continue with `innerloop reproduce failing\.json --workers 1`/);
    expect(out).toMatch(/small +\d\.\d+ ± /);

    await writeFile(join(folder, "budget.json"), JSON.stringify({ ...threeRows, name: "budget", rows }));
    const within = await reproduce(["budget.json", "--workers", "1", "--budget", "20"]);
    expect(within.code).toBe(1);
    expect(within.err).toMatch(/huge cannot be measured: innerloop train ended with code 2\. The other rows go on/);
    expect(within.err).toMatch(/Error: huge failed\. Continue with/);
    expect(within.out).toMatch(/small +\d\.\d+ ± /);
  });
});

describe("a table whose data a user has", () => {
  const errors = ["warm", "cold"].flatMap((evaluatedUsers) =>
    ["warm", "cold"].map((items) => ({
      name: `${evaluatedUsers}-${items}`,
      title: `${evaluatedUsers}/${items}`,
      options: { evaluatedUsers },
      metric: `mean absolute error of ${items} items`,
    })),
  );
  const columns = [...errors, { name: "first", title: "nDCG@1", metric: "nDCG@1" }];
  const options = {
    ...{ ratings: "ml-1m", iterations: 4, heldRatings: 10, shots: 10_000, evalTasks: 300, validateEvery: 0 },
    ...{
      learner: "maml",
      hidden: [4],
      embeddingWidth: 4,
      base: "mean",
      metaBatch: 4,
      evalSteps: [0, 1],
      coldItems: 0.4,
    },
  };
  const mine = {
    name: "mine",
    title: "Four states",
    metric: "mean absolute error of ratings",
    data: [{ name: "ml-1m", remedy: "Take it where it is", files: "ml-1m.zip" }],
    columns,
    rows: [
      {
        name: "layers",
        learner: "layers",
        train: { preset: "ratings", options },
        cells: Object.fromEntries(columns.map(({ name }) => [name, {}])),
        baselines: true,
      },
    ],
  };

  it("is made of files whose place is given, which may be another once it has begun", async () => {
    await writeFile(join(folder, "mine.json"), JSON.stringify(mine));
    const archive = madeUpMovielens({ users: 160, films: 60, most: 40 });
    const [was, is] = ["ml-1m.zip", "it is here.zip"].map((name) => join(folder, name)) as [string, string];
    await writeFile(was, archive);
    const without = await reproduce(["mine.json", "--workers", "1"]);
    expect(without.code).toBe(2);
    expect(without.err).toMatch(/^Error: the data set ml-1m is not on this machine \(.*\)\. Take it where it is\n$/);
    const nowhere = await reproduce(["mine.json", "--data", "nowhere.zip"]);
    expect(nowhere.err).toBe("Error: there is no file or folder nowhere.zip. Give the path of ml-1m.zip\n");

    const args = ["--workers", "1", "--json"];
    const at = { signal: "SIGINT", at: /"type":"iteration","iteration":1,/ } as const;
    expect((await reproduce(["mine.json", "--data", "ml-1m.zip", ...args], at)).code).toBe(130);
    await rename(was, is);
    const gone = await reproduce(["mine.json", ...args]);
    expect(gone.err).toMatch(/^Error: the data set ml-1m is not on this machine .* Take it where it is\n$/);
    const done = await reproduce(["mine.json", "--data", "it is here.zip", ...args]);
    expect(done.code).toBe(0);
    expect((await runOf("mine", "layers")).config).toMatchObject({ data: { name: "ml-1m", folder: is } });
    const [table] = done.out.split("\n").filter((line) => line.startsWith('{"type":"table"'));
    const { layers } = JSON.parse(table!).rows;
    expect(Object.keys(layers.cells)).toEqual(columns.map(({ name }) => name));
    expect(layers.protocols["warm-cold"]).toMatch(
      /ratings of a user of training known, 10 that were held out to be told/,
    );
    expect(layers.protocols["cold-cold"]).toMatch(/ratings of a user known, 10 others to be told/);
    // A constant orders nothing: it has what chance has.
    const { first } = layers.baselines["global mean"];
    expect(first.mean).toBeGreaterThan(0.2);
    expect(first.mean).toBeLessThan(layers.baselines["item mean"].first.mean);

    expect(layers.files).toMatch(/^ml-1m \(sha256 [0-9a-f]{16}\)$/);

    // What is done needs no data any more.
    await rm(is);
    const again = await reproduce(["mine.json", ...args]);
    expect(again.code).toBe(0);
    expect(again.out).toContain('"type":"table"');
    expect(again.out).not.toMatch(/"type":"(start|row)"/);
    const shown = await reproduce(["mine.json", "--report", "mine"]);
    expect(shown.code).toBe(0);
    expect(await readFile(join(folder, "mine/results.md"), "utf8")).toContain(
      `\`innerloop reproduce mine\`, on ${layers.files}`,
    );
  });

  it("is not made of data that go by name", async () => {
    const named = await reproduce(["sinusoid", "--data", "three.json"]);
    expect(named.err).toMatch(/^Error: --data three\.json for sinusoid, whose data sets go by name\. Leave it out/);
  });
});

describe("requests that cannot be met", () => {
  const asked = (target: string | undefined, invocation: object = {}) =>
    reproduceCommand(
      { target, chosen: {}, invocation: { folder: join(folder, "none"), ...invocation } },
      createOutput({ quiet: true }),
    );

  it("a table or row that is not there", async () => {
    for (const invocation of [{ dryRun: true }, { rows: "maml" }, { budget: 1 }, { data: "x.zip" }]) {
      const request = asked("sinusoid", { ...invocation, report: join(folder, "none", "report") });
      await expect(request).rejects.toThrow(
        /^--(dry-run|rows|budget|data) beside --report\. --report writes what there is/,
      );
    }
    const named = join(folder, "named.json");
    await writeFile(named, JSON.stringify({ ...threeRows, name: "sinusoid" }));
    await expect(asked(named)).rejects.toThrow(
      /named\.json has the name of a table that comes along, sinusoid\. Give it/,
    );
    expect(existsSync(join(folder, "none"))).toBe(false);
    await expect(asked("omniglt")).rejects.toThrow("there is no table omniglt. Did you mean omniglot?");
    await expect(asked("nothing")).rejects.toThrow(/Tables are sinusoid, omniglot, .*FILE\.json is one of your own/);
    await expect(asked("sinusoid", { rows: "maml,anyl" })).rejects.toThrow(
      /there is no row anyl .* Did you mean anil\?/,
    );
  });

  it.each(["budget", "rows", "data", "dryRun"] as const)("%s of no table", async (name) => {
    const values = { budget: 5, rows: "maml", data: "x.zip", dryRun: true };
    await expect(asked(undefined, { [name]: values[name] })).rejects.toThrow(
      /^--(budget|rows|data|dry-run) without a table\. Name one, as in `innerloop reproduce sinusoid --/,
    );
  });

  it("a group: rows of its tables by name, and what they need", async () => {
    vi.stubEnv("INNERLOOP_DATA", join(folder, "no-data"));
    const one = asked("language", { rows: "clinc150-01-minilm" });
    await expect(one).rejects.toThrow(
      /the data set clinc150 and the backbone minilm are not on this machine .*`innerloop data get clinc150`; Run `innerloop data get minilm`/,
    );
    await expect(asked("text-sentiment")).rejects.toThrow(
      /the data set sentiment and .*`innerloop data import sentiment/,
    );
    await expect(asked("language", { rows: "clinc150-01-miniln" })).rejects.toThrow(
      /there is no row clinc150-01-miniln in the tables text-intents, .* Did you mean clinc150-01-minilm\?/,
    );
    const { output, text } = collected();
    await reproduceCommand(
      {
        target: "language",
        chosen: {},
        invocation: { folder: join(folder, "none"), dryRun: true, rows: "tweets-ngrams,snips-ratebook-lexical" },
      },
      output,
    );
    expect(text()).toMatch(/train sentiment --test-domains tweets [\s\S]*train snips .*--test-domain RateBook/);
    expect(text()).toContain(join(folder, "none", "text-sentiment", "tweets-ngrams"));
  });

  it("rows whose data is not here are left out with a note, and the others go on", async () => {
    vi.stubEnv("INNERLOOP_DATA", join(folder, "no-data"));
    const options = { iterations: 10, ways: 5 };
    const rows = ["hanzi", "omniglot-5way-1shot"].map((preset) => ({
      ...row(preset, {}),
      train: { preset, options },
      cells: { ten: {} },
      group: preset,
    }));
    const data = [{ name: "omniglot", remedy: "Run `innerloop data get omniglot`" }];
    const columns = [{ name: "ten", title: "10 shots" }];
    const target = join(folder, "partly.json");
    await writeFile(target, JSON.stringify({ ...threeRows, name: "partly", metric: "accuracy", data, columns, rows }));
    const { output, text } = collected();
    const invocation = { folder: join(folder, "none"), budget: 1e-6 };
    // The time is too short for the row that is left: it is looked at all the same.
    await expect(reproduceCommand({ target, chosen: {}, invocation }, output)).rejects.toThrow(
      /no time was left for hanzi|hanzi failed/,
    );
    expect(text()).toMatch(
      /1 row left out: the data set omniglot is not on this machine\. Run `innerloop data get omniglot`/,
    );
    expect(text()).toMatch(/Three rows: 1 row/);
    expect(text()).toMatch(/omniglot-5way-1shot\n +omniglot-5way-1shot +not run/);
  });

  it("data that is not here, with how to get it", async () => {
    vi.stubEnv("INNERLOOP_DATA", join(folder, "no-data"));
    await expect(asked("omniglot")).rejects.toThrow(
      /data set omniglot is not on this machine .*innerloop data get omniglot/,
    );
    await expect(asked("mini-imagenet")).rejects.toThrow(
      /innerloop data import mini-imagenet DIR --image-size 84 --channels 3/,
    );
    await expect(asked("grocery-store")).rejects.toThrow(
      /innerloop data import grocery-store ZIP --image-size 42 --channels 3/,
    );
  });
});
