import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "@innerloop/core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { madeUpZip } from "../data/formats/made-up-archive.fixture.js";
import { npyFiles } from "../data/formats/numpy-files.fixture.js";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));
let folder: string;

beforeAll(async () => {
  if (!existsSync(new URL("../../dist/cli/main.js", import.meta.url))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    env: {
      ...process.env,
      INNERLOOP_DATA: join(folder, "data"),
      INNERLOOP_CONFIG: join(folder, "config"),
      NO_COLOR: "1",
      DEBUG: "",
      npm_command: undefined,
      ...environment,
    },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  return { child, ended };
}

const innerloop = (...args: string[]): Promise<Ended> => start(args).ended;

/** Of a few updates, which need not help to adapt. */
async function withoutWarnings(...args: string[]): Promise<Ended> {
  const { err, ...ended } = await innerloop(...args);
  return { ...ended, err: err.replace(/ *Warning: adaptation .*\n/, "") };
}

/** A sinusoid run of a few seconds at most; `--json` tells the tests how far it is. */
const tiny =
  "train sinusoid --iterations 1200 --checkpoint-every 50 --validate-every 300 --validation-tasks 8 --eval-tasks 8 --eval-steps 0,1 --workers 1 --seed 7".split(
    " ",
  );

/** Starts a run and sends a signal once it has reported so many updates, or so many milliseconds after. */
async function stopAt(
  args: readonly string[],
  iteration: number,
  signal: NodeJS.Signals,
  delay?: number,
): Promise<Ended> {
  const { child, ended } = start([...args, "--json"]);
  let text = "";
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    if (delay === undefined) child.kill(signal);
    else timer ??= setTimeout(() => child.kill(signal), delay);
  };
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    const last = text.lastIndexOf('"type":"iteration","iteration":');
    if (last >= 0 && Number.parseInt(text.slice(last + '"type":"iteration","iteration":'.length), 10) >= iteration)
      stop();
  });
  const end = await ended;
  clearTimeout(timer);
  return end;
}

const checkpoint = (run: string, name = "last"): Promise<Buffer> =>
  readFile(join(folder, run, "checkpoints", `${name}.safetensors`));

describe("innerloop train", () => {
  let whole: Buffer;
  let wholeBest: Buffer;

  it("trains, evaluates and keeps everything in the run folder", async () => {
    const { code, out, err } = await innerloop(...tiny, "--run", "whole");
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toMatch(/1,761 parameters/);
    expect(out).toMatch(/1,200 updates done/);
    expect(out).toMatch(/MAML +\d+\.\d+ ± \d+\.\d+ +\d+\.\d+ ± /);
    expect(out).toMatch(/from scratch/);
    expect(out).toMatch(/innerloop eval whole/);
    const config = JSON.parse(await readFile(join(folder, "whole/config.json"), "utf8"));
    expect(config).toMatchObject({
      experiment: "sinusoid",
      config: { training: { iterations: 1200, seed: 7 }, network: { name: "mlp", hidden: [40, 40] } },
      workers: 1,
    });
    expect(["innerloop", ...config.argv].join(" ")).toMatch(
      /^innerloop train sinusoid .*--iterations 1200 .*--eval-steps 0,1( |$)/,
    );
    const results = JSON.parse(await readFile(join(folder, "whole/results.json"), "utf8"));
    expect(results.evaluations.map((each: { learner: string }) => each.learner)).toEqual([
      "MAML",
      "from scratch",
      "from scratch, Adam 0.01",
    ]);
    expect((await readdir(join(folder, "whole"))).sort()).toEqual([
      "adaptation.json",
      "checkpoints",
      "config.json",
      "events.jsonl",
      "report.html",
      "results.json",
      "results.md",
    ]);
    whole = await checkpoint("whole");
    wholeBest = await checkpoint("whole", "best");
  });

  it("stops at Ctrl-C, says how to resume, and ends in the same bytes", async () => {
    const stopped = await stopAt([...tiny, "--run", "stopped"], 333, "SIGINT");
    expect(stopped.code).toBe(130);
    const text = await innerloop("train", "--resume", "stopped", "--skip-evaluation");
    expect(text.code).toBe(0);
    expect(text.out).toMatch(/Continuing after \d+ of 1,200 updates/);
    expect(await checkpoint("stopped")).toEqual(whole);
    expect(await checkpoint("stopped", "best")).toEqual(wholeBest);
  });

  it("prints how to go on when it is stopped", async () => {
    const { child, ended } = start([...tiny, "--run", "told"]);
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("validation")) child.kill("SIGTERM");
    });
    const { code, out, err } = await ended;
    expect(code).toBe(130);
    expect(err).toMatch(/Stopping after the current update/);
    expect(out).toMatch(
      /Stopped after [\d,]+ of 1,200 updates; all of it is saved\. Continue with:\s+innerloop train --resume told/,
    );
  });

  // Another seed each time; INNERLOOP_TEST_SEED repeats one. Every start costs a second: their time is limited instead.
  const killSeed = Number(process.env.INNERLOOP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  it(`ends in the same bytes after kill -9 at 8 random moments (seed ${killSeed}), with no event twice`, async () => {
    const source = random(killSeed);
    const moments = Array.from({ length: 8 }, (_, i) => ({
      at: 1 + 120 * i + source.integer(120),
      delay: source.integer(30),
    }));
    console.info(`kill -9 with seed ${killSeed}: ${moments.map(({ at, delay }) => `${at}+${delay} ms`).join(", ")}`);
    const deadline = Date.now() + 8_000;
    for (const [i, { at, delay }] of moments.entries()) {
      if (i >= 3 && Date.now() > deadline) break;
      const args = i === 0 ? [...tiny, "--run", "killed"] : ["train", "--resume", "killed"];
      expect((await stopAt(args, at, "SIGKILL", delay)).code).toBe(null);
    }
    await appendFile(join(folder, "killed/events.jsonl"), '{"type":"iteration","iter');
    expect((await innerloop("train", "--resume", "killed", "--skip-evaluation", "--quiet")).code).toBe(0);
    expect(await checkpoint("killed")).toEqual(whole);
    expect(await checkpoint("killed", "best")).toEqual(wholeBest);
    const lines = (await readFile(join(folder, "killed/events.jsonl"), "utf8")).trim().split("\n");
    const iterations = lines
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === "iteration")
      .map(({ iteration }) => iteration);
    expect(iterations).toEqual(Array.from({ length: 1200 }, (_, i) => i + 1));
  });

  it("says that a run is finished, refuses other options, and extends it", async () => {
    expect(await innerloop("train", "--resume", "whole", "--seed", "8")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--seed cannot change/),
    });
    const again = await innerloop("train", "--resume", "whole");
    expect(again).toMatchObject({ code: 0, out: expect.stringMatching(/Training is finished; evaluating/) });
    expect(
      await innerloop("train", "--resume", "whole", "--iterations", "1210", "--skip-evaluation", "-q"),
    ).toMatchObject({ code: 0 });
    expect(await innerloop("train", "sinusoid", "--run", "whole")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILN01 whole: there is a run in it already\. Continue it with/),
    });
  });

  it("evaluates under another protocol, to files of its own", async () => {
    const { code, out } = await innerloop(
      "eval",
      "whole",
      "--shots",
      "5",
      "--eval-steps",
      "0,2",
      "--skip-baselines",
      "--json",
    );
    expect(code).toBe(0);
    const results = JSON.parse(out.trim().split("\n").at(-1)!);
    expect(results).toMatchObject({ type: "results", protocol: { shots: 5, tasks: 8 } });
    expect(results.evaluations).toHaveLength(1);
    expect(existsSync(join(folder, "whole/results-best-shots-5-eval-steps-0_2.json"))).toBe(true);
  });

  it("goes on when nobody reads its output, and is saved when its terminal is closed", async () => {
    const args = [...tiny.map((word) => (word === "1200" ? "300" : word)), "--skip-evaluation"];
    const { child, ended } = start([...args, "--run", "unread", "--json"]);
    child.stdout.once("data", () => child.stdout.destroy());
    child.stderr.destroy();
    expect((await ended).code).toBe(0);
    // The shell and the kernel may both say that the terminal is gone.
    const closed = start([...args, "--run", "closed", "--json"]);
    closed.child.stdout.on("data", (text) => /"iteration"/.test(String(text)) && closed.child.kill("SIGHUP"));
    expect((await closed.ended).code).toBe(130);
    expect((await innerloop("train", "--resume", "closed", "--skip-evaluation", "-q")).code).toBe(0);
    expect((await checkpoint("closed")).equals(await checkpoint("unread"))).toBe(true);
  });

  it("refuses to extend a run whose schedule has an end, before anything is written", async () => {
    const args = ["--schedule", "cosine", "--iterations", "6", "--skip-evaluation", "-q"];
    expect(await innerloop("train", "sinusoid", ...args, "--run", "cosine")).toMatchObject({ code: 0, err: "" });
    const content = async (): Promise<[string, string][]> => {
      const entries = await readdir(join(folder, "cosine"), { withFileTypes: true, recursive: true });
      const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
      return Promise.all(files.sort().map(async (file) => [file, (await readFile(file)).toString("base64")] as const));
    };
    const before = await content();
    expect(before.length).toBeGreaterThan(2);
    expect(await innerloop("train", "--resume", "cosine", "--iterations", "12", "-q")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cosine schedule ends after 6 updates, and cannot go on to 12\. Start a new run/),
    });
    expect(await content()).toEqual(before);
  });

  it("runs experiments written as JSON and as TypeScript", async () => {
    await writeFile(
      join(folder, "plain.json"),
      JSON.stringify({
        preset: "sinusoid",
        domain: { shots: 5 },
        training: { iterations: 3 },
        evaluation: { evalTasks: 4, evalSteps: [0, 1] },
      }),
    );
    expect(await withoutWarnings("train", "plain.json", "--run", "plain", "-q")).toMatchObject({ code: 0, err: "" });
    await writeFile(
      join(folder, "own.ts"),
      `import { adam, maml, meanSquaredError, mlp, sgd, sinusoids } from "innerloop";
       const width: number = 8;
       export default () => ({
         learner: maml({ model: mlp({ sizes: [1, width, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }) }),
         tasks: sinusoids({ shots: 3 }), optimizer: adam({ learningRate: 1e-3 }),
         training: { iterations: 4 }, evaluation: { evalTasks: 4 },
       });`,
    );
    expect(await withoutWarnings("train", "own.ts", "--run", "own", "-q")).toMatchObject({ code: 0, err: "" });
    expect(await withoutWarnings("eval", "own", "-q")).toMatchObject({ code: 0, err: "" });
    await rename(join(folder, "config"), join(folder, "config-2"));
    expect(await innerloop("eval", "own")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILN07 own: .*own\.ts is a program that you have not run before by naming it/),
    });
    await rename(join(folder, "config-2"), join(folder, "config"));
    for (const [name, text, problem] of [
      ["never", "export default new Promise(() => undefined);", /never\.ts waits for something that never happens/],
      ["null", "export default null;", /null\.ts has no default export that is an object/],
      [
        "earlier",
        (await readFile(join(folder, "own.ts"), "utf8")).replace("training:", "options:"),
        /earlier\.ts has "options"\. Write it in training: \{ iterations: 5000 \}/,
      ],
    ] as const) {
      await writeFile(join(folder, `${name}.ts`), text);
      expect(await innerloop("train", `${name}.ts`)).toMatchObject({ code: 2, err: expect.stringMatching(problem) });
    }
    expect(await innerloop("train", "own.ts", "--ways", "3")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--ways is settled by own\.ts/),
    });
  });

  it("runs no other experiment file than the run's own, unless the user names it", async () => {
    const file = join(folder, "own.ts");
    const text = await readFile(file, "utf8");
    await writeFile(file, `import { writeFileSync } from "node:fs";\nwriteFileSync("ran", "");\n${text}`);
    const query = ["--support", "bars", "--query", "x.png"];
    for (const args of [
      ["eval", "own"],
      ["adapt", "own", ...query],
      ["train", "--resume", "own"],
    ]) {
      expect(await innerloop(...args)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/ILN07 own: the experiment file own\.ts has changed .*was not run\. Restore it/),
      });
    }
    expect(existsSync(join(folder, "ran"))).toBe(false);
    const named = await innerloop("train", "own.ts", "--resume", "own");
    expect(named).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Running the experiment file own\.ts/),
      err: expect.stringMatching(/own\.ts is not the file that the run began with/),
    });
    expect(existsSync(join(folder, "ran"))).toBe(true);
    const configFile = join(folder, "own/config.json");
    const config = JSON.parse(await readFile(configFile, "utf8"));
    expect(config.protocol.text).toMatch(/; the file changed after 4 updates$/);
    expect(await withoutWarnings("eval", "own", "-q")).toMatchObject({ code: 0, err: "" });

    const inside = join(folder, "own/checkpoints/own.ts");
    await writeFile(inside, text);
    await writeFile(configFile, JSON.stringify({ ...config, file: { ...config.file, path: inside } }));
    const refusal = { code: 1, err: expect.stringMatching(/ILN07 own: .* lies inside the run folder/) };
    expect(await innerloop("eval", "own")).toMatchObject(refusal);
    expect(await innerloop("train", "own/checkpoints/own.ts", "--resume", "own")).toMatchObject(refusal);
    await rm(inside);
    expect(await innerloop("eval", "own")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILN07 own: there is no experiment file/),
    });
    await writeFile(configFile, JSON.stringify({ ...config, file: { ...config.file, path: "own.ts" } }));
    expect(await innerloop("eval", "own")).toMatchObject({ code: 1, err: expect.stringMatching(/ILN04 .*malformed/) });
  });
});

describe("innerloop on images", () => {
  beforeAll(async () => {
    // Six classes of bars at different places, dark on light as scans are.
    for (let c = 0; c < 8; c++) {
      await mkdir(join(folder, "bars", `bar${c}`), { recursive: true });
      for (let e = 0; e < 3; e++) {
        const pixels = Buffer.alloc(64, 255);
        for (let i = 0; i < 8; i++) pixels[i * 8 + c] = 10 * e;
        await sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } })
          .png()
          .toFile(join(folder, "bars", `bar${c}`, `${e}.png`));
      }
    }
  });

  it("trains on a folder of class folders, and adapts to labelled images", async () => {
    const trained = await innerloop(
      "train",
      "--data",
      "bars",
      "--image-size",
      "8",
      "--ways",
      "2",
      "--queries",
      "1",
      "--filters",
      "4",
      "--blocks",
      "2",
      "--iterations",
      "30",
      "--eval-tasks",
      "8",
      "--run",
      "bars-run",
    );
    expect(trained.err).toBe("");
    expect(trained.out).toMatch(/nearest neighbour \(pixels\)/);
    const config = JSON.parse(await readFile(join(folder, "bars-run/config.json"), "utf8"));
    expect(config.data).toMatchObject({ invert: true, darkOnLight: false, exampleShape: [8, 8, 1] });
    await mkdir(join(folder, "support"), { recursive: true });
    execFileSync("cp", ["-r", join(folder, "bars/bar0"), join(folder, "bars/bar5"), join(folder, "support")]);
    const adapted = await innerloop(
      "adapt",
      "bars-run",
      "--support",
      "support",
      "--query",
      "bars/bar0/1.png",
      "bars/bar5/2.png",
      "--json",
    );
    expect(adapted.err).toBe("");
    const lines = adapted.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({
      type: "adapted",
      classes: ["bar0", "bar5"],
      inverted: true,
      batchNorm: "support",
    });
    expect(lines.slice(1).map(({ file, prediction }) => [file, prediction])).toEqual([
      ["bars/bar0/1.png", "bar0"],
      ["bars/bar5/2.png", "bar5"],
    ]);
    await writeFile(join(folder, "broken.png"), "no image");
    expect(await innerloop("adapt", "bars-run", "--support", "support", "--query", "broken.png")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILD51 broken\.png: the image cannot be read/),
    });
    expect(await innerloop("adapt", "bars-run", "--support", "bars", "--query", "broken.png")).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /24 examples of 8 classes for a model whose last layer has 2 classes\. .*`innerloop train --data bars .*--learner prototypical`/,
      ),
    });
    expect(await innerloop("adapt", "whole", "--support", "bars", "--query", "broken.png")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILD03 bars: it is a folder, where a plain file should be/),
    });
    await rm(join(folder, "bars/bar7/2.png"));
    expect(await innerloop("eval", "bars-run")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILN06 bars-run: the data set bars is not the one/),
    });
  });

  it("imports archives of images, arrays and tables", async () => {
    const png = await sharp(Buffer.from("image".repeat(13)).subarray(0, 64), {
      raw: { width: 8, height: 8, channels: 1 },
    })
      .png()
      .toBuffer();
    const names = ["train/a", "train/b", "val/c", "test/d"];
    await writeFile(
      join(folder, "parts.zip"),
      madeUpZip(names.map((name) => ({ name: `x/${name}/1.png`, data: png }))),
    );
    expect(await innerloop("data", "import", "parts", "parts.zip", "--channels", "3")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/parts: imported, 4 classes, 4 examples/),
    });
    await writeFile(join(folder, "small.npz"), Buffer.from(npyFiles.npz, "base64"));
    expect(await innerloop("data", "import", "small", "small.npz")).toMatchObject({ code: 0 });
    await writeFile(join(folder, "points.csv"), "x;y;kind\n1;2;a\n3;4;b\n");
    const table = ["data", "import", "points", "points.csv"];
    expect(await innerloop(...table, "--label-column", "kind", "--feature-columns", "y, x")).toMatchObject({ code: 0 });
    expect((await innerloop("data", "list")).out).toMatch(
      /parts +ready +4 classes \(2 train, 1 validation, 1 test\), 4 examples of 28 x 28 x 3[\s\S]*points +ready +2 classes, 2 examples of 2,[\s\S]*small +ready +3 classes, 4 examples of 3,/,
    );
    expect(await innerloop(...table)).toMatchObject({ code: 2, err: expect.stringMatching(/no --label-column/) });
    expect(await innerloop("data", "import", "small", "small.npz", "--image-size", "8")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--image-size means nothing for arrays/),
    });
  });

  it("lists, imports and verifies data", async () => {
    const imported = await innerloop("data", "import", "bars", "bars", "--image-size", "16");
    expect(imported).toMatchObject({ code: 0, out: expect.stringMatching(/bars: imported, 8 classes/) });
    expect(await innerloop("data", "list")).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /bars +ready +8 classes[\s\S]*cifar-fs +not here[\s\S]*hanzi +built in[\s\S]*omniglot +not here +Run `innerloop data get omniglot`/,
      ),
    });
    expect(await innerloop("data", "verify", "bars")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/complete and unchanged/),
    });
    await appendFile(join(folder, "data/bars.examples"), "x");
    expect(await innerloop("data", "verify", "bars")).toMatchObject({ code: 1, err: expect.stringMatching(/ILD04/) });
  });
});

describe("the cache of models", () => {
  it("is told of, used by a later run, and cleared", async () => {
    const cache = join(folder, "cache");
    const kept = async (...args: string[]) => {
      const { ended } = start([...args, "--json"], { INNERLOOP_CACHE: cache });
      const { code, out } = await ended;
      expect(code).toBe(0);
      return JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, unknown>;
    };
    expect(await kept("cache", "info")).toEqual({
      type: "cache",
      state: "on",
      folder: cache,
      entries: 0,
      bytes: 0,
      limit: 512 * 2 ** 20,
    });
    const short = ["train", "sinusoid", "--iterations", "2", "--steps", "5", "--eval-tasks", "8", "--workers", "1"];
    await kept(...short, "--run", "first");
    const first = await readdir(cache);
    expect(first.length).toBeGreaterThan(0);
    // Another process finds its models under the same names, and computes the same with them.
    await kept(...short, "--run", "second");
    expect(await readdir(cache)).toEqual(first);
    const last = "checkpoints/last.safetensors";
    expect((await readFile(join(folder, "second", last))).equals(await readFile(join(folder, "first", last)))).toBe(
      true,
    );
    expect(await kept("cache", "clear")).toMatchObject({ state: "cleared", entries: first.length });
    expect(await kept("cache", "info")).toMatchObject({ entries: 0 });
    expect(await innerloop("cache", "info")).toMatchObject({ code: 0, out: "  off: INNERLOOP_CACHE is off\n" });
    expect(await innerloop("cache")).toMatchObject({ code: 0, out: expect.stringMatching(/innerloop cache clear/) });
  });
});

describe("wrong calls", () => {
  it.each([
    [["trian"], 2, /no command trian\. Did you mean `innerloop train`\?/],
    [["data", "lst"], 2, /Did you mean `innerloop data list`/],
    [["cache", "cler"], 2, /Did you mean `innerloop cache clear`/],
    [["train"], 2, /there is no preset\. Choose one/],
    [["train", "omniglt-5way-1shot"], 2, /Did you mean omniglot-5way-1shot\?/],
    [["train", "nothing.csv"], 2, /there is no preset nothing\.csv\. Presets are sinusoid/],
    [["train", "."], 2, /Data of your own are named by an option: --data \. or --ratings \.; `innerloop train --help`/],
    [["train", "sinusoid", "--shots", "ten"], 2, /--shots is ten\. Give a whole number from 1 to 1000/],
    [["train", "sinusoid", "--iterations", "0"], 2, /--iterations is 0\. Give a whole number of at least 1/],
    [["train", "sinusoid", "--inner-rate", "0"], 2, /--inner-rate is 0\. Give a number above 0/],
    [["train", "sinusoid", "--learner", "mamll"], 2, /Did you mean maml\?/],
    [
      ["train", "sinusoid", "--model", "conv"],
      2,
      /--model conv of .*, whose inputs it is not for\. Use --model mlp or --model linear/,
    ],
    [["train", "sinusoid", "--wayz", "3"], 2, /unknown option '--wayz'/],
    [["train", "sinusoid", "--seed", "1", "--seed", "2"], 2, /--seed was given twice\. Give it once/],
    [
      ["eval", "r", "--eval-steps", "0", "--eval-steps", "1"],
      2,
      /--eval-steps was given twice\. .*separated by commas/,
    ],
    [["train", "missing.json"], 2, /there is no file missing\.json/],
    [["train", "omniglot-5way-1shot"], 1, /ILD02 omniglot: .*innerloop data get omniglot/],
    [["train", "--resume", "nowhere"], 1, /ILN01 nowhere: there is no such folder/],
    [["eval"], 2, /missing required argument/],
    [["data", "get", "nosuch"], 1, /there is no such data set/],
  ] as const)("%j", async (args, code, message) => {
    const ended = await innerloop(...args);
    expect(ended.err).toMatch(message);
    expect(ended.err.trim().split("\n")).toHaveLength(1);
    expect(ended.code).toBe(code);
    expect(existsSync(join(folder, "runs"))).toBe(false);
  });

  it("are answered by a command that the reader has: through npx for those who came by it", async () => {
    const { err } = await start(["trian"], { npm_command: "exec" }).ended;
    expect(err).toMatch(/Did you mean `npx innerloop train`\?/);
  });

  it("a damaged checkpoint", async () => {
    await mkdir(join(folder, "damaged"), { recursive: true });
    execFileSync("cp", ["-r", join(folder, "plain"), join(folder, "damaged")]);
    const file = join(folder, "damaged/plain/checkpoints/last.safetensors");
    await writeFile(file, (await readFile(file)).subarray(0, 500));
    const run = "damaged/plain";
    expect(await innerloop("train", "--resume", run)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILN05 .*last\.safetensors: the checkpoint is damaged.*--checkpoint best/),
    });
    await writeFile(join(folder, run, "config.json"), "{");
    expect(await innerloop("eval", run)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ILN04 .*config\.json: it is not JSON/),
    });
  });

  it("shows the stack trace with DEBUG=1 only", async () => {
    const child = spawn(process.execPath, [bin, "eval", "nowhere"], {
      cwd: folder,
      env: { ...process.env, DEBUG: "1" },
    });
    let err = "";
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    await new Promise((resolve) => child.on("close", resolve));
    expect(err).toMatch(/\n +at /);
  });
});
