/** Exported files from anyone: each is read, or refused with a code; nothing is written and nothing ends the process. */
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { random } from "@innerloop/core";
import { decodeArrays, encodeArrays, seal, unsealed } from "@innerloop/core/training";
import { type ExportedLearner, filesAtHand, openExported, verifyExport } from "@innerloop/experiments";
import { CodedError } from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { exportCommand } from "./cli/commands/export-command.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { machineIo } from "./data/machine-io.js";
import { portableEngine } from "./executor/portable-engine.js";
import { exportedFilesIn } from "./runs/exported-folder.js";
import { load } from "./runs/load.js";
import { openRun } from "./runs/run-folder.js";

type Files = Readonly<Record<string, Uint8Array>>;

let folder: string;
let files: Files;
const engine = portableEngine();
const open = (changed: Files): Promise<ExportedLearner> =>
  openExported(filesAtHand(changed), { engine, io: machineIo });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-hostile-export-"));
  const run = join(folder, "run");
  const chosen = { iterations: 2, metaBatch: 1, validateEvery: 0, workers: 1, hidden: [4], evalSteps: [0, 2] };
  const { output } = collected();
  await trainCommand({ target: "sinusoid", chosen, invocation: { run, skipEvaluation: true } }, output);
  await exportCommand({ folder: run, chosen: { workers: 1 }, invocation: { out: join(folder, "out") } }, output);
  const names = (await readdir(join(folder, "out"), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "out").length + 1));
  files = Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, "out", name)))] as const),
    ),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of what is opened, that it can be used; of an error, that it has a code. */
async function readOrRefused(changed: Files): Promise<"read" | string> {
  try {
    const learner = await open(changed);
    const task = await learner.adapt([{ input: 0, target: 0 }]).catch(coded);
    if (task && typeof task !== "string") await task.predict(1).catch(coded);
    await learner.dispose();
    return "read";
  } catch (error) {
    return coded(error);
  }
}

function coded(error: unknown): string {
  if (error instanceof CodedError) return error.code as string;
  throw error;
}

const seed = 20_261_130;
/** How many of each are tried: INNERLOOP_HOSTILE=whole takes minutes. */
const tried =
  process.env.INNERLOOP_HOSTILE === "whole"
    ? { truncated: 1_000, flipped: 10_000, changed: 1_000, tasks: 1_000 }
    : { truncated: 300, flipped: 300, changed: 300, tasks: 300 };

describe(`changed files, seed ${seed}`, () => {
  test("truncated ones are refused", async () => {
    const source = random(seed, 1);
    const names = Object.keys(files).filter((name) => name !== "README.md");
    for (let i = 0; i < tried.truncated; i++) {
      const name = names[source.integer(names.length)]!;
      const bytes = files[name]!;
      const cut = bytes.slice(0, source.integer(bytes.length - 1));
      expect(await readOrRefused({ ...files, [name]: cut }), `${name} of ${cut.length} bytes`).toBe("ILE202");
    }
    for (const name of names) {
      const { [name]: _, ...others } = files;
      expect(await readOrRefused(others), name).toBe("ILE202");
    }
  });

  test("those with a byte that is another are refused, but where config.json means the same", async () => {
    const source = random(seed, 2);
    const names = Object.keys(files).filter((name) => name !== "README.md");
    let refusedOnes = 0;
    for (let i = 0; i < tried.flipped; i++) {
      const name = names[source.integer(names.length)]!;
      const bytes = files[name]!.slice();
      bytes[source.integer(bytes.length)]! ^= 1 << source.integer(8);
      const outcome = await readOrRefused({ ...files, [name]: bytes });
      if (name !== "config.json") expect(outcome, name).toBe("ILE202");
      if (outcome === "ILE202") refusedOnes++;
    }
    expect(refusedOnes).toBeGreaterThan(tried.flipped / 2);
  });

  test("config.json with other values is read within its bounds, or refused", async () => {
    const source = random(seed, 3);
    const values: readonly unknown[] = [
      ...[null, true, -1, 0, 1, 2, 1e9, 1e300, "", "x", "../../etc/passwd", "__proto__", [], {}, [1], ["a", "a"]],
      ...[{ kind: "image" }, { kind: "constructor" }, { usual: 1e9 }, "a".repeat(100_000), new Array(10_000).fill(1)],
    ];
    const text = new TextDecoder().decode(files["config.json"]);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < tried.changed; i++) {
      const config = JSON.parse(text) as Record<string, unknown>;
      // Down to a place that follows from the seed, which gets another value, or goes.
      let at = config;
      for (;;) {
        const keys = Object.keys(at);
        const name = keys[source.integer(keys.length)]!;
        const child = at[name];
        const goesOn = typeof child === "object" && child !== null && Object.keys(child).length > 0;
        if (goesOn && source.uniform(0, 1) < 0.8) {
          at = child as Record<string, unknown>;
          continue;
        }
        if (source.integer(5) === 0) delete at[name];
        else at[name] = values[source.integer(values.length)];
        break;
      }
      const changed = { ...files, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
      const outcome = await readOrRefused(changed);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(["ILE202", "read"]);
    expect(outcomes.get("ILE202")).toBeGreaterThan(tried.changed / 2);
  });

  test("tasks that were changed are refused", async () => {
    const learner = await open(files);
    const saved = (await learner.adapt([{ input: 0, target: 1 }])).save();
    const source = random(seed, 4);
    for (let i = 0; i < tried.tasks; i++) {
      const bytes = i % 2 === 0 ? saved.slice(0, source.integer(saved.length - 1)) : saved.slice();
      if (i % 2 === 1) bytes[source.integer(bytes.length)]! ^= 1 << source.integer(8);
      await expect(learner.restore(bytes), `${i}`).rejects.toThrow(/^ILE203 task/);
    }
    await expect(learner.restore("bytes" as never)).rejects.toThrow(/ILE203 task: it is "bytes"/);
    await learner.dispose();
  });
});

test("tasks of another learner are refused, whatever they say of whose they are", async () => {
  const other = join(folder, "other");
  const chosen = { iterations: 2, metaBatch: 1, validateEvery: 0, workers: 1, hidden: [5], evalSteps: [0, 2] };
  const { output } = collected();
  await trainCommand({ target: "sinusoid", chosen, invocation: { run: other, skipEvaluation: true } }, output);
  const out = join(folder, "out-other");
  await exportCommand({ folder: other, chosen: { workers: 1 }, invocation: { out } }, output);
  const [learner, stranger] = [await open(files), await load<ExportedLearner>(out)];
  const examples = [
    { input: 0, target: 1 },
    { input: 1, target: -1 },
  ];
  const [own, theirs] = [await learner.adapt(examples), await stranger.adapt(examples)];
  const bare = theirs.save({ examples: false });
  await expect(learner.restore(bare)).rejects.toThrow(/ILE203 task: it is of the learner/);
  // With examples that enter alike it is adapted to anew.
  expect(await (await learner.restore(theirs.save())).predict(0.5)).toEqual(await own.predict(0.5));

  // Sealed anew, as who makes one up would do: the state of the other under this one's name, and parts of either.
  const contents = [bare, own.save({ examples: false })].map((bytes) => decodeArrays(bytes, "task"));
  const { task: ofOwn } = contents[1]!.metadata as { readonly task: string };
  const source = random(seed, 5);
  for (let i = 0; i < tried.tasks; i++) {
    const { arrays } = contents[source.integer(2)]!;
    const changed = Object.fromEntries(
      Object.entries(arrays).map(([name, value], place) => [source.integer(4) === 0 ? `${name}${place}` : name, value]),
    );
    const isWhole = arrays === contents[1]!.arrays && Object.keys(changed).every((name) => name in arrays);
    const metadata = { ...contents[1]!.metadata, sha256: unsealed, task: ofOwn };
    const bytes = seal(encodeArrays({ arrays: changed, metadata }));
    const outcome = await learner.restore(bytes).then(() => "read", coded);
    expect(outcome, `${i}`).toBe(isWhole ? "read" : "ILE203");
  }
  await Promise.all([learner.dispose(), stranger.dispose()]);
});

test("folders of before there were other kinds tell targets beside their answers, and are read", async () => {
  const config = JSON.parse(new TextDecoder().decode(files["config.json"]));
  const { answers, ...others } = config.innerloop;
  const earlier = { ...config, innerloop: { ...others, targets: answers.targets } };
  const learner = await open({ ...files, "config.json": new TextEncoder().encode(JSON.stringify(earlier)) });
  expect(learner.config.answers).toEqual(answers);
  await learner.dispose();
});

test("files that config.json tells truly, and that are others than they should be, are refused", async () => {
  const {
    "onnx/adapt.onnx": adapt,
    "onnx/predict.onnx": predict,
    "expected.safetensors": told,
  } = files as Record<string, Uint8Array>;
  const { createHash } = await import("node:crypto");
  const withFile = (name: string, bytes: Uint8Array): Files => {
    const config = JSON.parse(new TextDecoder().decode(files["config.json"]));
    config.innerloop.files[name] = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
    return { ...files, [name]: bytes, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
  };
  await expect(open(withFile("onnx/adapt.onnx", predict!))).rejects.toThrow(/ILE202 .*config\.json tells the input/);
  await expect(open(withFile("onnx/predict.onnx", adapt!))).rejects.toThrow(/ILE202/);
  await expect(open(withFile("onnx/adapt.onnx", new Uint8Array(100)))).rejects.toThrow(/ILE202 .*cannot be opened/);
  const other = told!.slice();
  // The last bytes are of numbers.
  other.fill(64, other.length - 4);
  const verified = verifyExport(filesAtHand(withFile("expected.safetensors", other)), engine);
  await expect(verified).rejects.toThrow(/ILE20[25]/);
  const bare = verifyExport(filesAtHand(withFile("expected.safetensors", files["parameters.safetensors"]!)), engine);
  await expect(bare).rejects.toThrow(/ILE202 .*it has no/);
});

test("nothing outside of the folder is read: links are refused", async () => {
  const place = join(folder, "linked");
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    if (name === "onnx/adapt.onnx") await symlink(join(folder, "out", name), join(place, name));
    else await writeFile(join(place, name), bytes);
  }
  expect((await lstat(join(place, "onnx/adapt.onnx"))).isSymbolicLink()).toBe(true);
  await expect(load(place)).rejects.toThrow(/ILE202 .*symbolic link/);
  await expect(verifyExport(exportedFilesIn(place), engine)).rejects.toThrow(/ILE202 .*symbolic link/);
  expect(() => exportedFilesIn(join(folder, "nowhere"))).toThrow(/ILE202 .*no such folder/);
  await expect(openRun(join(folder, "out"))).rejects.toThrow(/ILN01 .*an exported learner, and no run/);
  await expect(load(join(folder, "out"), { checkpoint: "best" })).rejects.toThrow(/no option "checkpoint" .*exported/);
});
