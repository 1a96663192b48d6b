/** What docs/privacy.md says: nothing leaves the machine, and nothing is written but where it says. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Trace, traced, tracerMissing } from "./tracer.fixture.js";

const bin = fileURLToPath(new URL("../bin/innerloop.js", import.meta.url));
const missing = tracerMissing();
beforeEach((context) => {
  if (missing) context.skip(missing);
});

/** With an empty home and a folder to work in. */
let place: string;
const home = (): string => join(place, "home");
const work = (): string => join(place, "work");

beforeAll(async () => {
  if (missing) return;
  if (!existsSync(new URL("../dist/cli/main.js", import.meta.url))) throw new Error("Build first: npm run build");
  place = await mkdtemp(join(tmpdir(), "innerloop-privacy-"));
  await mkdir(home());
  for (let c = 0; c < 8; c++) await drawClass(join(work(), `shapes/c${c}`), c, 4);
  for (let c = 0; c < 2; c++) await drawClass(join(work(), `support/c${c}`), c, 2);
});

afterAll(async () => {
  if (place) await rm(place, { recursive: true, force: true });
});

async function drawClass(folder: string, c: number, images: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < images; i++) {
    const pixels = Buffer.from(Array.from({ length: 64 }, (_, at) => (at % 8 === c ? 200 : (at * (i + 1)) % 30)));
    const image = sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } });
    await writeFile(join(folder, `${i}.png`), await image.png().toBuffer());
  }
}

/** Traces `node` in the empty home. A variable that asks for telemetry does not bring it back. */
const run = (args: readonly string[]): Promise<Trace> =>
  traced([process.execPath, ...args], {
    folder: work(),
    environment: { HOME: home(), ORT_DISABLE_TELEMETRY: "0" },
    log: join(place, "trace"),
  });

/** Nothing was asked of the network, and all that was written is below these folders, of which the first ones may be made. */
async function requireQuiet({ code, output, network, written }: Trace, below: readonly string[]): Promise<void> {
  expect(code, output).toBe(0);
  expect(network).toEqual([]);
  const documented = (path: string): boolean =>
    path === "/dev/null" || below.some((folder) => path === folder || path.startsWith(folder + sep));
  const onTheWay = (path: string): boolean => below.some((folder) => folder.startsWith(path + sep));
  expect(written.filter((path) => !documented(path) && !onTheWay(path))).toEqual([]);
  // However it got there.
  const files = await readdir(home(), { recursive: true, withFileTypes: true });
  const strangers = files.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !documented(path));
  expect(strangers.filter((path) => !onTheWay(path))).toEqual([]);
}

const cache = (): string => join(home(), ".cache", "innerloop");
const shapes =
  "train --data ./shapes --image-size 8 --learner maml --model conv --blocks 2 --ways 2 --shots 1 --queries 2";
const splits = "--validation-classes 2 --test-classes 2 --iterations 2 --eval-tasks 4 --run run";

test("train, eval and adapt are quiet", async () => {
  const commands = [
    ["train", "sinusoid", "--iterations", "2", "--eval-tasks", "4", "--run", "curves"],
    // Drawn from strokes that are part of the package.
    ["train", "hanzi", "--iterations", "2", "--eval-tasks", "4", "--filters", "4", "--run", "characters"],
    `${shapes} ${splits}`.split(" "),
    ["eval", "run", "--eval-tasks", "4"],
    ["adapt", "run", "--support", "support", "--query", "support/c0/0.png"],
  ];
  for (const command of commands) {
    const runs = ["run", "curves", "characters"].map((name) => join(work(), name));
    await requireQuiet(await run([bin, ...command]), [cache(), ...runs]);
  }
});

test("the library is quiet, in the main thread and in a worker thread of the user's", async () => {
  const packageFile = (name: string): string => fileURLToPath(new URL(`../../${name}/dist/index.js`, import.meta.url));
  await writeFile(
    join(work(), "library.mjs"),
    `import { isMainThread, Worker } from "node:worker_threads";
import { adam, maml, meanSquaredError, mlp, sgd, setDefaultExecutor, sinusoids, train } from ${JSON.stringify(packageFile("core"))};
if (process.argv[2] === "thread" && isMainThread) new Worker(new URL(import.meta.url), { argv: ["thread"] });
else {
  const { onnxruntimeExecutor, workerPoolExecutor } = await import(${JSON.stringify(packageFile("node"))});
  for (const executor of [onnxruntimeExecutor(), workerPoolExecutor({ workers: 1 })]) {
    const run = await train({
      learner: maml({ model: mlp({ sizes: [1, 400, 400, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }), steps: 1 }),
      tasks: sinusoids({ shots: 10 }),
      optimizer: adam({ learningRate: 1e-3 }),
      metaBatchSize: 4,
      iterations: 2,
      executor,
    });
    const task = await run.adapt({ x: [[0.5], [1]], y: [[0.4], [0.8]] });
    console.log("predicted", (await task.predict([[2]])).data.length);
    await executor.close();
  }
}
`,
  );
  for (const where of ["main", "thread"]) {
    const trace = await run(["library.mjs", where]);
    expect(trace.output.match(/predicted 1/g), trace.output).toHaveLength(2);
    await requireQuiet(trace, [cache()]);
  }
});
