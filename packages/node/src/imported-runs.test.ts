/**
 * Weights of PyTorch as runs: files that it wrote (`runs/fixtures/torch/weights.py`), imported, held to its outputs, and used
 * as any run.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeWritten, encodeSafetensors } from "@innerloop/core/training";
import { isRecord } from "@innerloop/experiments";
import { tensor } from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { evalCommand } from "./cli/commands/eval-command.js";
import { exportCommand } from "./cli/commands/export-command.js";
import { importCommand } from "./cli/commands/import-command.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { load } from "./runs/load.js";
import { openRun } from "./runs/run-folder.js";

const fixtures = fileURLToPath(new URL("runs/fixtures/torch/", import.meta.url));
const fixture = (name: string): string => join(fixtures, name);

let folder: string;
const inFolder = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-imported-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type MapValue = Readonly<Record<string, unknown>>;
const mapOf = async (name: string): Promise<MapValue> =>
  JSON.parse(await readFile(fixture(`${name}.json`), "utf8")) as MapValue;

let written = 0;
/** The map of a fixture with other values, in a file; the file that it is held to stays where it is. */
async function changedMap(name: string, change: (map: MapValue) => MapValue): Promise<string> {
  const map = change(await mapOf(name));
  const { check } = map;
  const held = isRecord(check) && typeof check.file === "string" ? { ...check, file: fixture(check.file) } : check;
  const path = inFolder(`map-${written++}.json`);
  await writeFile(path, JSON.stringify({ ...map, ...(held === undefined ? {} : { check: held }) }));
  return path;
}

async function imported(file: string, map: string, out: string | undefined, dryRun = false): Promise<string> {
  const { output, text } = collected();
  const invocation = { map, ...(out === undefined ? {} : { out: inFolder(out) }), dryRun };
  await importCommand({ file, chosen: { workers: 1 }, invocation }, output);
  return text();
}

/** The refusal of an import, which leaves nothing behind. */
async function refusal(file: string, map: string): Promise<string> {
  const before = await readdir(folder);
  const error = await imported(file, map, "refused").then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  expect(await readdir(folder)).toEqual(before);
  if (!error) throw new Error("it was not refused");
  return error.message;
}

const differs = (text: string): number => Number(/ by (\S+) of the largest at most/.exec(text)?.[1] ?? Number.NaN);

describe("weights that PyTorch wrote", () => {
  test.each([
    ["maml", "maml.pt", "after adapting to the given examples"],
    ["prototypes", "prototypes.pt", "of the network"],
    ["pooled", "pooled.safetensors", "of the network"],
    ["sinusoid", "sinusoid-float32.pt", "of the network"],
    ["sinusoid", "sinusoid-before-1.6.pth", "of the network"],
    ["context", "context.pt", "after adapting to the given examples"],
  ])("become a run: %s of %s, whose outputs %s are PyTorch's", async (name, file, what) => {
    const text = await imported(fixture(file), fixture(`${name}.json`), `${name}-${file}`);
    expect(text).toContain(`outputs ${what} differ`);
    expect(differs(text)).toBeLessThan(1e-5);
    const run = await openRun(inFolder(`${name}-${file}`));
    const sha256 = createHash("sha256")
      .update(await readFile(fixture(file)))
      .digest("hex");
    expect(run.config.imported).toMatchObject({ file, sha256, map: await mapOf(name) });
    expect(run.config.command).toMatch(/^innerloop import /);
  });

  test.each(["float64", "float16", "bfloat16"])(
    "of %s are those numbers in float32, of either format",
    async (type) => {
      const map = await changedMap("sinusoid", (own) => ({
        ...own,
        check: { ...(own.check as MapValue), file: `sinusoid-${type}-check.safetensors` },
      }));
      for (const ending of ["pt", "safetensors"]) {
        const text = await imported(fixture(`sinusoid-${type}.${ending}`), map, `${type}-${ending}`);
        expect(differs(text)).toBeLessThan(1e-6);
        expect(text).toContain(`transpose, inferred; ${type}`);
      }
      const [first, second] = await Promise.all(
        ["pt", "safetensors"].map((ending) => readFile(inFolder(`${type}-${ending}/checkpoints/last.safetensors`))),
      );
      expect(first).toEqual(second);
    },
  );

  test("in a checkpoint with other things are found by the root that the map names", async () => {
    const map = await changedMap("sinusoid", (own) => ({ ...own, root: ["model", "state_dict"] }));
    expect(await imported(fixture("checkpoint.ckpt"), map, "rooted")).toContain("Run folder");
    expect(await refusal(fixture("checkpoint.ckpt"), fixture("sinusoid.json"))).toMatch(
      /ILD84 .*there are no tensors at the top of it.*"root".*"epoch", "model", "rates"/,
    );
    const elsewhere = await changedMap("sinusoid", (own) => ({ ...own, root: "weights" }));
    expect(await refusal(fixture("checkpoint.ckpt"), elsewhere)).toMatch(/ILD84 .*no dictionary "weights" in it/);
  });
});

describe("a run of imported weights", () => {
  test("is evaluated, which says where they are from", async () => {
    const { output, text } = collected();
    const chosen = { workers: 1, evalTasks: 4, evalSteps: [0, 3] };
    await evalCommand({ folder: inFolder("maml-maml.pt"), chosen, invocation: { skipBaselines: true } }, output);
    expect(text()).toMatch(/parameters imported from "maml\.pt" \(sha256 [0-9a-f]{16}\.\.\.\), trained elsewhere/);
    expect(text()).toContain("imported parameters, without an update here");
  });

  test("adapts and answers as PyTorch did", async () => {
    const model = await load(inFolder("maml-maml.pt"));
    const arrays = decodeWritten(await readFile(fixture("maml-check.safetensors")));
    const images = (name: string): Uint8Array[] => {
      const { data } = arrays.get(name)!;
      const bytes = Uint8Array.from(data as Float32Array, (value) => Math.round(value * 255));
      return [bytes.slice(0, 784), bytes.slice(784)];
    };
    const [a, b] = images("support");
    const task = await model.adapt({ a: [a], b: [b] }, { steps: 3, flags: { batchNorm: "transductive" } });
    const answers = await task.predict(images("inputs"));
    const logits = arrays.get("after")!.data as Float32Array;
    for (const [i, { probabilities }] of answers.entries()) {
      const share = 1 / (1 + Math.exp(logits[2 * i + 1]! - logits[2 * i]!));
      // Of images of bytes, which PyTorch's were not.
      expect((probabilities as { readonly a: number }).a).toBeCloseTo(share, 2);
    }
    await model.release();
  });

  test("is exported, with the command that imported it", async () => {
    const { output, text } = collected();
    const out = inFolder("exported");
    await exportCommand({ folder: inFolder("maml-maml.pt"), chosen: { workers: 1 }, invocation: { out } }, output);
    expect(text()).toContain("20 held-out tasks through these files and through the run");
    const card = await readFile(join(out, "README.md"), "utf8");
    expect(card).toContain("whose parameters were trained elsewhere; imported by");
    expect(card).toMatch(/^innerloop import .*maml\.pt --map .*maml\.json/m);
  });

  test.each([
    ["no digest", { sha256: "abc" }],
    ["a file without a name", { file: "" }],
    ["no difference", { difference: "none" }],
    ["words of another command", { argv: ["train", "hanzi"] }],
    ["a map that is none", { map: [] }],
  ])("is none with %s in its record", async (_, change) => {
    const path = inFolder("sinusoid-sinusoid-float32.pt/config.json");
    const text = await readFile(path, "utf8");
    const config = JSON.parse(text) as { readonly imported: object };
    await writeFile(path, JSON.stringify({ ...config, imported: { ...config.imported, ...change } }));
    const opening = openRun(inFolder("sinusoid-sinusoid-float32.pt"));
    await expect(opening).rejects.toThrow(/ILN04 .*where its parameters are from is malformed/);
    await writeFile(path, text);
  });

  test("is not trained on, which is said", async () => {
    const invocation = { resume: inFolder("maml-maml.pt") };
    const going = trainCommand({ target: undefined, chosen: {}, invocation }, collected().output);
    await expect(going).rejects.toThrow(/imported from "maml\.pt".*`innerloop train hanzi --ways 2/);
  });
});

describe("a map", () => {
  test("is written by the names on both sides, without a check or a run", async () => {
    const path = inFolder("first.json");
    await writeFile(path, JSON.stringify({ preset: "sinusoid", network: { hidden: [8, 8] } }));
    const before = await readdir(folder);
    for (const dryRun of [true, false]) {
      const text = await imported(fixture("sinusoid-float32.pt"), path, undefined, dryRun);
      expect(text).toMatch(/of the run +of the file\n +1\/weight \[1, 8\] +0\.weight \[8, 1\]/);
    }
    expect(await readdir(folder)).toEqual(before);
  });

  test("that leaves something out on either side is refused, with both sides", async () => {
    const map = await changedMap("sinusoid", ({ parameters, ...own }) => {
      const { "3/bias": _, "5/weight": __, ...others } = parameters as MapValue;
      return { ...own, parameters: { ...others, "5/weight": { value: 0 } } };
    });
    expect(await refusal(fixture("sinusoid-float32.pt"), map)).toMatch(
      /ILI02 .*1 parameter of the run and 2 tensors of the file(?:.|\n)*3\/bias \[8\] +2\.bias \[8\]\n +4\.weight \[1, 8\]/,
    );
  });

  test.each([
    ["a name that the run has not", { "1/weights": "0.weight" }, /ILI02 .*"1\/weights". Did you mean "1\/weight"/],
    ["a name that the file has not", { "1/weight": "0.weights" }, /ILI02 .*"0\.weights". Did you mean "0\.weight"/],
    [
      "a tensor of another shape",
      { "1/weight": "2.weight", "3/weight": "0.weight" },
      /ILI03 .*\[8, 8\] for 1\/weight, which is \[1, 8\]/,
    ],
    ["a layout of another shape", { "1/weight": { from: "0.weight", layout: "same" } }, /ILI03 .*the layout same/],
    ["an unknown layout", { "1/weight": { from: "0.weight", layout: "HWIO" } }, /ILI01 .*the layout of/],
    ["an unknown key", { "1/weight": { from: "0.weight", order: 1 } }, /ILI01 .*unknown key "order"/],
  ])("with %s is refused", async (_, change, expected) => {
    const map = await changedMap("sinusoid", ({ parameters, ...own }) => ({
      ...own,
      parameters: { ...(parameters as MapValue), ...change },
    }));
    expect(await refusal(fixture("sinusoid-float32.pt"), map)).toMatch(expected);
  });

  test("with a wrong layout of a square matrix has other outputs, and nothing is written", async () => {
    const map = await changedMap("sinusoid", ({ parameters, ...own }) => ({
      ...own,
      parameters: { ...(parameters as MapValue), "3/weight": { from: "2.weight", layout: "same" } },
    }));
    expect(await refusal(fixture("sinusoid-float32.pt"), map)).toMatch(/ILI04 .*more than 0\.0001: nothing is written/);
  });

  test("without flatten has other outputs: the first linear layer of PyTorch reads channels first", async () => {
    const map = await changedMap("pooled", ({ parameters, ...own }) => ({
      ...own,
      parameters: { ...(parameters as MapValue), "4/weight": "classifier.weight" },
    }));
    expect(await refusal(fixture("pooled.safetensors"), map)).toMatch(/ILI04 .*may need flatten/);
  });

  test("without a check is refused", async () => {
    const map = await changedMap("sinusoid", ({ check: _, ...own }) => own);
    expect(await refusal(fixture("sinusoid-float32.pt"), map)).toMatch(/ILI04 .*no inputs and outputs/);
  });

  test("with outputs that any weights may give is refused", async () => {
    const check = inFolder("same.safetensors");
    const tensors = { x: tensor(new Float32Array(4), [4, 1]), y: tensor(new Float32Array(4), [4, 1]) };
    await writeFile(check, encodeSafetensors({ tensors, metadata: {} }));
    const path = inFolder("same.json");
    await writeFile(
      path,
      JSON.stringify({ ...(await mapOf("sinusoid")), check: { file: check, inputs: "x", outputs: "y" } }),
    );
    expect(await refusal(fixture("sinusoid-float32.pt"), path)).toMatch(/ILI04 .*which any weights may give/);
    await rm(check);
    await rm(path);
  });

  test("says which statistics outputs are by where normalisation has two kinds", async () => {
    const silent = await changedMap("prototypes", (own) => ({
      ...own,
      check: { file: "prototypes-check.safetensors" },
    }));
    expect(await refusal(fixture("prototypes.pt"), silent)).toMatch(/ILI04 .*"mode": "train" or "eval"/);
    const train = await changedMap("prototypes", (own) => ({
      ...own,
      check: { file: "prototypes-check.safetensors", mode: "train" },
    }));
    expect(await refusal(fixture("prototypes.pt"), train)).toMatch(/ILI04 .*nothing is written/);
    const running = await changedMap("pooled", (own) => ({
      ...own,
      check: { file: "pooled-check.safetensors", mode: "eval" },
    }));
    expect(await refusal(fixture("pooled.safetensors"), running)).toMatch(/ILI04 .*batch norm is transductive/);
  });

  test("is held to a learner's answers: other steps than those have others", async () => {
    const map = await changedMap("maml", (own) => ({ ...own, check: { ...(own.check as MapValue), steps: 2 } }));
    expect(await refusal(fixture("maml.pt"), map)).toMatch(/ILI04 .*inner rate, steps, distance/);
  });

  test("may leave out what is named, of any beginning or end, and nothing else", async () => {
    const map = await changedMap("maml", (own) => ({ ...own, ignored: ["*.running_mean", "*.num_batches_tracked"] }));
    expect(await refusal(fixture("maml.pt"), map)).toMatch(/ILI02 .*0 parameters of the run and 8 tensors/);
  });
});

test("tensors that a module registers twice need no name: their numbers are those of one that is taken", async () => {
  const map = await changedMap("maml", (own) => ({ ...own, ignored: ["*.running_mean", "*.running_var"] }));
  expect(await imported(fixture("maml.pt"), map, "twice")).toMatch(
    /left out, the same numbers as one that is taken: module\.features\.1\.0\.normalize\.weight/,
  );
});

test("the map of the document imports weights of that structure", async () => {
  const document = await readFile(fileURLToPath(new URL("../../../docs/import.md", import.meta.url)), "utf8");
  const json = /<!-- the map of maml\.pt -->\n```json\n([^`]*)```/.exec(document)?.[1];
  const { check, ...told } = JSON.parse(json!) as MapValue;
  const { check: held, preset, domain, network, learner } = await mapOf("maml");
  // The document's preset is of a data set that is not here, and of 64 filters.
  const map = { ...told, ...{ preset, domain, network, learner } };
  const path = inFolder("document.json");
  const { file, inputs, outputs, steps } = held as MapValue;
  await writeFile(
    path,
    JSON.stringify({
      ...map,
      check: { ...(check as MapValue), file: fixture(file as string), inputs, outputs, steps },
    }),
  );
  expect(differs(await imported(fixture("maml.pt"), path, "document"))).toBeLessThan(1e-5);
});

test("a place that has something in it is refused before anything is read", async () => {
  await expect(imported(fixture("maml.pt"), fixture("maml.json"), "maml-maml.pt")).rejects.toThrow(/ILN01/);
});
