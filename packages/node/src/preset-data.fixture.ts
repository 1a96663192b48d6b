/** Data sets of the shapes that presets train on, made up: small, always the same, and under the presets' own names. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabelledExamples } from "@innerloop/core";
import type { Flags } from "@innerloop/experiments";
import sharp from "sharp";
import { backboneFolder, cellModel, cellSettings } from "./backbones/made-up-backbones.fixture.js";
import { writeDatasetFile } from "./data/store/dataset-file.js";
import { writePhotos } from "./photos.fixture.js";
import { writePresetRatings } from "./preset-ratings.fixture.js";
import { writePresetTexts } from "./preset-texts.fixture.js";

/** Bytes that follow from their place alone, by whole numbers: the same wherever and by whatever they are computed. */
function bytesAt(seed: number, count: number): Uint8Array {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Classes of a pattern each, under noise: mostly dark, as light ink on dark is. */
function madeUp(name: string, classes: number, perClass: number, exampleShape: readonly number[]): LabelledExamples {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  return {
    name,
    exampleShape,
    classes: Array.from({ length: classes }, (_, c) => {
      const pattern = bytesAt(c, size).map((value) => (value > 200 ? 180 : 0));
      const noise = bytesAt(1000 + c, perClass * size);
      return {
        name: `class ${c}`,
        count: perClass,
        examples: noise.map((value, i) => pattern[i % size]! + (value >> 2)),
      };
    }),
  };
}

/** Groups of a table of numbers, each with a slope of its own. */
const tableLines = (): string[] => {
  const rows = Array.from({ length: 12 }, (_, c) =>
    Array.from({ length: 16 }, (_, i) => {
      const distance = ((7 * i + 3 * c) % 20) + 1;
      return `city${c},${distance},${(5 * i + c) % 24},${2 + (c % 5) + distance * (1 + (c % 3))}`;
    }),
  );
  return ["city,distance,hour,fare", ...rows.flat()];
};

/** Writes all of them: data sets into the folder of data sets, `images`, `rides.csv` and files of texts into `folder`. */
export async function writePresetData(folder: string, datasets: string): Promise<void> {
  await mkdir(datasets, { recursive: true });
  const sets = [
    madeUp("mnist", 10, 60, [28, 28, 1]),
    // As many classes as the presets hold out, and some to train on.
    madeUp("omniglot", 560, 10, [28, 28, 1]),
    madeUp("hanzi", 320, 16, [28, 28, 1]),
    madeUp("grocery-store", 40, 6, [42, 42, 3]),
  ];
  for (const examples of sets)
    await writeDatasetFile(join(datasets, `${examples.name}.examples`), examples, { kind: "examples" });
  for (const { name, examples } of madeUp("images", 20, 4, [28, 28, 1]).classes) {
    await mkdir(join(folder, "images", name), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const pixels = examples.subarray(784 * i, 784 * (i + 1));
      const image = sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } });
      await image.png().toFile(join(folder, "images", name, `${i}.png`));
    }
  }
  await writeFile(join(folder, "rides.csv"), `${tableLines().join("\n")}\n`);
  await writePhotos(join(folder, "photos"), 12, { parts: true });
  const encoder = await backboneFolder(folder, { model: cellModel(64), settings: cellSettings(64) });
  await rename(encoder, join(folder, "cells"));
  await writePresetTexts(folder, datasets);
  await writePresetRatings(folder, datasets);
}

/** A run of a preset: what of it is other than the preset says. */
export interface PresetRun {
  readonly target: string;
  readonly chosen: Flags;
}

/** How long each is: 3 updates of 2 tasks. */
const briefly = { metaBatch: 2, iterations: 3, validateEvery: 0, workers: 1, chunk: 2 };
/** Networks with fewer filters where the preset's own would take long. */
const narrow = { filters: 8 };

/** Networks over texts with shorter vectors. */
const short = { sketch: 256, vectorWidth: 8 };

/** Episodes so few and short that rounding has no time to grow in them. */
const acting: Flags = { metaBatch: 4, episodes: 4, horizon: 10 };

/** Runs of all presets, and of a preset of each kind of task with learners of every family and with other networks. */
export function presetRuns(folder: string): ReadonlyMap<string, PresetRun> {
  const table = { data: join(folder, "rides.csv"), groupColumn: "city", target: ["fare"] };
  const intents = { data: join(folder, "intents.csv"), textColumn: "text", labelColumn: "intent" };
  const runs: readonly (readonly [target: string, chosen?: Flags, more?: Flags])[] = [
    ["sinusoid"],
    ["mnist"],
    ["omniglot-5way-1shot"],
    ["omniglot-5way-5shot", {}, narrow],
    ["omniglot-20way-1shot", {}, narrow],
    ["omniglot-20way-5shot", {}, { ...narrow, queries: 1 }],
    ["hanzi"],
    ["grocery-store", {}, narrow],
    ["images", {}, { data: join(folder, "images") }],
    ["table", {}, table],
    ["glosses", {}, short],
    ...["clinc150", "banking77", "huffpost", "sib200", "nusax", "sentiment"].map(
      (preset) => [preset, {}, short] as const,
    ),
    ["text", {}, { ...short, ...intents }],
    ["snips"],
    ["crossner"],
    ["entities", {}, { data: join(folder, "trips.jsonl") }],
    ["preferences"],
    ["movietweetings"],
    ["x-wines", { learner: "ridge" }],
    ["x-wines"],
    ["ratings", { learner: "maml" }, { ratings: join(folder, "ratings.csv") }],
    ["ratings", {}, { ratings: join(folder, "ratings.csv") }],
    ...["navigation-2d", "half-cheetah-direction", "half-cheetah-velocity", "ant-direction"].map(
      (preset) => [preset, {}, acting] as const,
    ),
    ...["bandits", "tabular-mdp"].map((preset) => [preset, {}, { metaBatch: 8 }] as const),
    ["photos", {}, { data: join(folder, "photos"), backbone: join(folder, "cells"), shots: 2, queries: 2 }],
    ["scenes", {}, { filters: 4 }],
    ["scenes", { learner: "anil" }, { filters: 4 }],
    ["navigation-2d", { outer: "proximal" }, acting],
    ["navigation-2d", { learner: "cavia" }, acting],
    ["bandits", { learner: "maml" }, { metaBatch: 8 }],
    ["bandits", { learner: "snail" }, { metaBatch: 8 }],
    ["table", { learner: "reptile" }, table],
    ...["fomaml", "reptile", "anil", "boil", "meta-sgd", "maml++", "cavia", "ridge", "cnp", "joint"].map(
      (learner) => ["sinusoid", { learner }] as const,
    ),
    ...["reptile", "boil", "prototypical", "relation", "semi-supervised", "joint"].map(
      (learner) => ["hanzi", { learner }, narrow] as const,
    ),
    ["mnist", { model: "linear" }],
    ["mnist", { model: "conv" }, narrow],
  ];
  return new Map(
    runs.map(([target, chosen = {}, more = {}]) => [
      [target, ...Object.values(chosen)].join(" "),
      { target, chosen: { ...briefly, ...chosen, ...more } },
    ]),
  );
}

/** What is kept of a tensor: its mean, its Euclidean norm, and values in three places. */
export function digestOf(values: readonly number[]): readonly number[] {
  const n = values.length;
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return [mean, norm, ...[Math.floor(n / 7), Math.floor(n / 2), n - 1].map((at) => values[at]!)];
}
