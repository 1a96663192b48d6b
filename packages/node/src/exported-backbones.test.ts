/** Runs whose inputs go through a frozen encoder, exported: the encoder is a file of the folder, and answers are the run's. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeArrays, encodeArrays } from "@innerloop/core/training";
import { ExportedLearner, type Flags, filesAtHand, openExported, verifyExport } from "@innerloop/experiments";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  backboneFolder,
  imageModel,
  imageSide,
  textModel,
  tokenizerCases,
} from "./backbones/made-up-backbones.fixture.js";
import { collected } from "./cli/collected-output.fixture.js";
import { exportCommand, verifyCommand } from "./cli/commands/export-command.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { machineIo } from "./data/machine-io.js";
import { portableEngine } from "./executor/portable-engine.js";
import { changedExport, filesIn, type ToldExport } from "./exported-runs.fixture.js";
import { load } from "./runs/load.js";

let folder: string;
const at = (name: string): string => join(folder, name);

async function train(name: string, target: string, chosen: Flags): Promise<void> {
  const small = { iterations: 3, metaBatch: 1, validateEvery: 0, workers: 1, ways: 2, shots: 2, queries: 2 };
  const sizes = { validationClasses: 2, testClasses: 2, learner: "prototypical" };
  await trainCommand(
    { target, chosen: { ...small, ...sizes, ...chosen }, invocation: { run: at(name), skipEvaluation: true } },
    collected().output,
  );
}

async function exported(run: string): Promise<string> {
  const { output, text } = collected();
  await exportCommand({ folder: at(run), chosen: { workers: 1 }, invocation: { out: at(`exported-${run}`) } }, output);
  return text();
}

/** Pictures of a colour each, with some of another in it. */
async function writePictures(place: string): Promise<void> {
  for (let c = 0; c < 6; c++) {
    await mkdir(join(place, `class${c}`), { recursive: true });
    for (let i = 0; i < 6; i++) {
      const pixels = new Uint8Array(12 * 12 * 3);
      for (let p = 0; p < pixels.length; p++)
        pixels[p] = (40 * c + (p % 3) * 30 * (c % 3) + 5 * i + 3 * (p % 17)) % 256;
      await sharp(pixels, { raw: { width: 12, height: 12, channels: 3 } })
        .png()
        .toFile(join(place, `class${c}`, `${i}.png`));
    }
  }
}

const [wordPieces] = tokenizerCases;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-exported-backbones-"));
  vi.stubEnv("INNERLOOP_CACHE", "off");
  vi.stubEnv("INNERLOOP_DATA", at("data"));
  await writePictures(at("photos"));
  const settings = { kind: "image", size: [imageSide, imageSide], channels: 3, layout: "NCHW", mean: 100, scale: 50 };
  const pictures = { data: at("photos"), model: "mlp", hidden: [4], batchNorm: "none" } as const;
  const seen = await backboneFolder(at("encoders"), { model: imageModel(), settings });
  await train("pictures", "images", { ...pictures, backbone: seen });
  const pooled = { ...settings, pooling: "mean", normalize: true };
  const within = await backboneFolder(at("encoders"), { model: imageModel(), settings: pooled });
  await train("within", "images", { ...pictures, backbone: within, backboneOutput: "positive" });
  const texts = wordPieces.texts.map(({ text }) => text);
  const lines = Array.from({ length: 6 }, (_, c) =>
    Array.from(
      { length: 6 },
      (_, i) =>
        `${JSON.stringify(`${texts[(c + i) % texts.length]} ${texts[c % texts.length]} ${"a b ".repeat(i)}${c}`).replaceAll('\\"', '""')},class${c}`,
    ),
  );
  await writeFile(at("texts.csv"), `${["text,label", ...lines.flat()].join("\n")}\n`);
  const encoder = await backboneFolder(at("encoders"), {
    model: textModel(),
    tokenizer: wordPieces.tokenizer,
    settings: { pooling: "mean", normalize: true, maxTokens: 12 },
  });
  await train("texts", "text", {
    ...{ data: at("texts.csv"), textColumn: "text", labelColumn: "label", backbone: encoder },
    ...{ trainWays: 2, trainShots: 2 },
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe.each(["pictures", "within"])("a run of images with an encoder, %s", (run) => {
  let said: string;
  beforeAll(async () => {
    said = await exported(run);
  });

  test("is a folder with the encoder as a file of its own, which verifies", async () => {
    expect(said).toContain("held-out tasks through these files and through the run");
    expect(await readdir(at(`exported-${run}/onnx`))).toEqual([
      "adapt.onnx",
      "backbone.onnx",
      "few_shot.onnx",
      "predict.onnx",
    ]);
    const { output, text } = collected();
    await verifyCommand(at(`exported-${run}`), output);
    expect(text()).toMatch(/prototypical network: up to 25 examples/);
    const card = await readFile(at(`exported-${run}/README.md`), "utf8");
    expect(card).toContain("def features(images):");
  });

  test("adapts to files and bytes, and answers as the run does", async () => {
    const learner = await load<ExportedLearner>(at(`exported-${run}`));
    const names = (c: number): string[] => [0, 1].map((i) => at(`photos/class${c}/${i}.png`));
    const task = await learner.adapt([0, 4].flatMap((c) => names(c).map((input) => ({ input, label: `class${c}` }))));
    const model = await load(at(run));
    const own = await model.adapt({ class0: names(0), class4: names(4) });
    const asked = [at("photos/class0/3.png"), at("photos/class4/4.png")];
    const expected = await own.predict(asked);
    const answers = await task.predict([asked[0]!, new Uint8Array(await readFile(asked[1]!))]);
    for (const [i, { probabilities }] of answers.entries())
      for (const [name, p] of Object.entries(expected[i]!.probabilities as Record<string, number>))
        expect(probabilities[name]).toBeCloseTo(p, 4);
    const again = await learner.restore(task.save());
    expect(await again.predict(asked[0]!)).toEqual(answers[0]);
    await Promise.all([learner.dispose(), model.release()]);
  });
});

test("a run of texts with an encoder: the tokenizer is in the folder, and answers are the run's", async () => {
  await exported("texts");
  expect(await readdir(at("exported-texts"))).toContain("tokenizer.json");
  const { output, text } = collected();
  await verifyCommand(at("exported-texts"), output);
  expect(text()).toContain("each as config.json tells it");
  const learner = await load<ExportedLearner>(at("exported-texts"));
  const [a, b, c] = wordPieces.texts.map((each) => each.text) as [string, string, string];
  const task = await learner.adapt([
    { input: a, label: "one" },
    { input: `${b} ${b} ${b} ${a}`, label: "two" },
  ]);
  const model = await load(at("texts"));
  const own = await model.adapt({ one: [a], two: [`${b} ${b} ${b} ${a}`] });
  const asked = [c, `${a} ${c}`.repeat(8)];
  const expected = await own.predict(asked);
  for (const [i, { probabilities }] of (await task.predict(asked)).entries())
    for (const [name, p] of Object.entries(expected[i]!.probabilities as Record<string, number>))
      expect(probabilities[name]).toBeCloseTo(p, 4);
  await Promise.all([learner.dispose(), model.release()]);
});

describe("a folder with an encoder that is not what it should be", () => {
  const filesOf = (run: string) => filesIn(at(`exported-${run}`));
  const changed = (run: string, change: Parameters<typeof changedExport>[1]) =>
    changedExport(at(`exported-${run}`), change);
  const machine = { engine: portableEngine(), io: machineIo };
  const opening = async (files: Record<string, Uint8Array>): Promise<string> => {
    const learner = await openExported(filesAtHand(files), machine);
    const { backbone } = learner.config.inputs as unknown as ToldExport["inputs"];
    const [height, width] = backbone.size as [number, number];
    const image = new Uint8Array(height * width * 3);
    await learner
      .adapt([
        { input: image, label: "a" },
        { input: image, label: "b" },
      ])
      .finally(() => learner.dispose());
    return "opened";
  };

  test.each([
    ["another input", { input: "pixels" }, /ILE202 .*no input pixels/],
    ["another output", { output: "logits" }, /ILE202 .*no output logits/],
    ["a size that it does not take", { size: [5, 5] }, /ILE202 .*onnx\/backbone\.onnx: it failed/],
    ["no size", { size: [0, 4] }, /ILE202 .*innerloop\.inputs is/],
    ["a scale of 0", { scale: [1, 0, 1] }, /ILE202 .*innerloop\.inputs is/],
    ["five channels", { channels: 5 }, /ILE202 .*innerloop\.inputs is/],
  ])("%s", async (_, other, expected) => {
    const files = await changed("pictures", ({ inputs }) => Object.assign(inputs.backbone, other));
    await expect(opening(files)).rejects.toThrow(expected);
  });

  test("features of another shape, no model, one of other operators, none at all", async () => {
    await expect(
      opening(
        await changed("within", ({ inputs }) => {
          inputs.backbone.pooling = "output";
        }),
      ),
    ).rejects.toThrow(/ILE202 .*config\.json tells features \[2\]/);
    await expect(
      opening(
        await changed("pictures", (_, files) => {
          files["onnx/backbone.onnx"] = Uint8Array.of(1, 2, 3);
        }),
      ),
    ).rejects.toThrow(/ILE202 .*backbone\.onnx: it cannot be opened/);
    const { "onnx/backbone.onnx": _, ...without } = await filesOf("pictures");
    await expect(opening(without)).rejects.toThrow(/ILE202 .*backbone\.onnx: it is not there/);
    await expect(
      opening(
        await changed("pictures", ({ files }) => {
          delete files["onnx/backbone.onnx"];
        }),
      ),
    ).rejects.toThrow(/ILE202 .*innerloop\.files/);
  });

  test("another encoder than the run's has other features, which verifying tells", async () => {
    const other = await changed("pictures", ({ inputs }) => {
      inputs.backbone.mean = [100, 100, 101];
    });
    await expect(verifyExport(filesAtHand(other), machine.engine)).rejects.toThrow(/ILE205 .*features differ/);
    const bare = await changed("pictures", (_, files) => {
      const { arrays, metadata } = decodeArrays(files["expected.safetensors"]!);
      const { backbone_features: _features, ...others } = arrays;
      files["expected.safetensors"] = encodeArrays({ arrays: others, metadata });
    });
    await expect(verifyExport(filesAtHand(bare), machine.engine)).rejects.toThrow(
      /ILE202 .*no inputs with the features/,
    );
  });

  test("texts where no tokenizer is run, or a damaged one", async () => {
    const files = await filesOf("texts");
    const { pieces: _, ...io } = machineIo;
    await expect(openExported(filesAtHand(files), { engine: machine.engine, io })).rejects.toThrow(
      /ILE206 .*tokenizer, which this machine does not run/,
    );
    const damaged = await changed("texts", (__, all) => {
      all["tokenizer.json"] = new TextEncoder().encode("{}");
    });
    await expect(openExported(filesAtHand(damaged), machine)).rejects.toThrow(/ILE202 .*it is no tokenizer/);
  });
});

test("is an ExportedLearner of that kind of inputs", async () => {
  const learner = await load<ExportedLearner>(at("exported-texts"));
  expect(learner).toBeInstanceOf(ExportedLearner);
  expect(learner.config.inputs).toMatchObject({ kind: "encoded-text", shape: [5] });
  await learner.dispose();
});
