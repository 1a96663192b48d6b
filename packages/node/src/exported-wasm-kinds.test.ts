/**
 * Modules of exported learners of every kind of task and of inputs: they answer as the ONNX programs beside them. Classes of
 * images, and curves, are in exported-wasm.test.ts.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Flags } from "@innerloop/experiments";
import { exportedKinds } from "@innerloop/experiments/exported";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  backboneFolder,
  imageModel,
  imageSide,
  textModel,
  tokenizerCases,
} from "./backbones/made-up-backbones.fixture.js";
import { wasmCompiler } from "./executor/native/c-compilers.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { filmId, filmTables } from "./films.fixture.js";
import { requireSameByModule, type TriedLearner } from "./wasm-answers.fixture.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-wasm-kinds");
let tables: Awaited<ReturnType<typeof filmTables>>;
beforeAll(async () => {
  vi.stubEnv("INNERLOOP_CACHE", "off");
  vi.stubEnv("INNERLOOP_DATA", inFolder("data"));
  tables = await filmTables();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await tables.remove();
  await remove();
});

/** A run of a kind of task: what it is trained on, and what its learner is then tried on. */
interface TriedRun {
  /** The kind of its answers, and of its inputs. */
  readonly answers: string;
  readonly inputs: string;
  trained(): Promise<readonly [target: string | undefined, chosen: Flags]>;
  tried(): Promise<TriedLearner>;
}

const written = async (name: string, lines: readonly string[]): Promise<string> => {
  await writeFile(inFolder(name), `${lines.join("\n")}\n`);
  return inFolder(name);
};

/** A picture of a colour with a square of another in it. */
async function pictureFile(name: string, [x, y]: readonly [number, number], size = 112): Promise<string> {
  const pixels = Uint8Array.from({ length: 3 * size * size }, (_, i) => {
    const [row, column] = [Math.floor(i / 3 / size), Math.floor(i / 3) % size];
    const isWithin = Math.abs(column - x) < size / 8 && Math.abs(row - y) < size / 6;
    return isWithin ? 230 - 60 * (i % 3) : 20 + ((7 * i) % 30) + 25 * (i % 3);
  });
  await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toFile(inFolder(name));
  return inFolder(name);
}

/** Rides of six cities: fares by distance and sky. */
const rides = (): readonly string[] => [
  "city,distance,sky,fare",
  ...Array.from({ length: 120 }, (_, i) => {
    const [city, distance, sky] = [i % 6, 1 + ((7 * i) % 19), ["sun", "rain", "snow"][i % 3]];
    return `c${city},${distance},${sky},${20 + 3 * city + (2 + city) * distance + 5 * (i % 3)}`;
  }),
];
const ride = (i: number) => ({ distance: 2 + 3 * i, sky: ["sun", "rain", "snow"][i % 3] });

const verbs = ["pay", "call", "send", "book", "stop", "play", "find", "read"];
const intents = (): readonly string[] => [
  "text,intent",
  ...verbs.flatMap((verb, c) =>
    Array.from({ length: 10 }, (_, i) => `"please ${verb} thing number ${i} of ${c}",${verb}`),
  ),
];
const fewClasses = { ways: 2, shots: 2, queries: 2, validationClasses: 2, testClasses: 2, learner: "prototypical" };
const ofTexts = { textColumn: "text", trainWays: 2, trainShots: 2 };

const rated = (learner: string): TriedRun => ({
  answers: "ratings",
  inputs: "item",
  trained: async () => {
    const { ratings, items } = tables;
    return [undefined, { embeddingWidth: 4, shots: 5, queries: 5, leastRatings: 6, ratings, items, learner }];
  },
  tried: async () => ({
    tasks: [
      [],
      [{ item: filmId(2), rating: 4.5 }],
      [2, 3, 5, 8, 9, 12, 14].map((place, i) => ({ item: filmId(place), rating: 1 + (i % 5) })),
    ],
    asked: [...Array.from({ length: 16 }, (_, place) => filmId(place)), { item: "A new one", genre: "war" }],
  }),
});

const marked = (learner: string, steps?: readonly number[]): TriedRun => ({
  answers: "spans",
  inputs: "words",
  trained: async () => {
    const lines = ["book", "call", "deliver", "fetch"].flatMap((domain) =>
      Array.from({ length: 30 }, (_, i) => {
        const [name, text] = [["Ada", "Bo", "Chloe"][i % 3]!, `please ${domain} it for`];
        const from = text.length + 1;
        const spans = [
          [from, from + name.length, "name"],
          [0, 6, "wish"],
        ];
        return JSON.stringify({ text: `${text} ${name} at ${i} now`, domain, spans });
      }),
    );
    const small = { types: 2, shots: 2, queries: 4, featureWidth: 4, wordUnits: 8, wordWidth: 4, bestBy: undefined };
    return ["entities", { data: await written("marked.jsonl", lines), ...small, learner }];
  },
  tried: async () => {
    const sentences = ["Oslo", "Rome", "Bonn", "Lima", "Bern", "Kyiv"].map((city, i) => {
      const text = `${["👋 a flight to", "what is on in"][i % 2]} ${city} at noon`;
      const at = text.indexOf(city);
      const spans = [
        { start: at, end: at + city.length, type: "city" },
        { start: text.length - 4, end: text.length, type: "time" },
      ];
      return { text, spans };
    });
    const asked = ["a flight to Zürich please", "what is on in 京 at noon", `${"and so on ".repeat(30)}to Berlin`, ""];
    return { tasks: [sentences.slice(0, 2), sentences], asked, ...(steps ? { steps } : {}) };
  },
});

const scenes = (chosen: Flags): TriedRun => ({
  answers: "objects",
  inputs: "picture",
  trained: async () => ["scenes", { filters: 8, ...chosen }],
  tried: async () => {
    const places = [
      [30, 40],
      [80, 70],
      [50, 60],
    ] as const;
    const files = await Promise.all(places.map((place, i) => pictureFile(`square-${i}.png`, place)));
    const examples = places.slice(0, 2).map(([x, y], i) => ({
      input: files[i]!,
      objects: [{ label: ["nut", "bolt"][i]!, box: [x - 14, y - 18, 28, 36] as const }],
    }));
    return { tasks: [examples.slice(0, 1), examples], asked: files, together: [3, 1] };
  },
});

const [wordPieces] = tokenizerCases;
const encoded = { model: "mlp", hidden: [4], batchNorm: "none" } as const;

const runs: Readonly<Record<string, TriedRun>> = {
  "rows of a table": {
    answers: "numbers",
    inputs: "row",
    trained: async () => [
      "table",
      {
        ...{ data: await written("rides.csv", rides()), groupColumn: "city", target: ["fare"], hidden: [8] },
        ...{ shots: 4, queries: 6, validationClasses: 1, testClasses: 2 },
      },
    ],
    tried: async () => ({
      tasks: [1, 4, 11].map((count) =>
        Array.from({ length: count }, (_, i) => ({ input: ride(i), target: { fare: 30 + 9 * i } })),
      ),
      asked: Array.from({ length: 19 }, (_, i) => ride(i)),
      steps: [0, 2],
    }),
  },
  "curves with deviations": {
    answers: "numbers",
    inputs: "row",
    trained: async () => ["sinusoid", { learner: "cnp", hidden: [8] }],
    tried: async () => ({
      tasks: [1, 6, 12].map((count) =>
        Array.from({ length: count }, (_, i) => ({ input: i / 2 - 3, target: Math.sin(i / 2) })),
      ),
      asked: [-4, -1, 0, 0.5, 2, 4],
    }),
  },
  "classes of texts": {
    answers: "classes",
    inputs: "text",
    trained: async () => [
      "text",
      {
        ...{ data: await written("intents.csv", intents()), labelColumn: "intent", vectorWidth: 8, sketch: 256 },
        ...ofTexts,
        ...fewClasses,
        testClasses: 3,
      },
    ],
    tried: async () => ({
      tasks: [1, 5].map((each) =>
        ["pay", "stop"].flatMap((verb) =>
          Array.from({ length: each }, (_, i) => ({ input: `${verb} it ${i} times`, label: verb })),
        ),
      ),
      asked: ["stop paying", "pay now", "please send it on", "nothing"],
    }),
  },
  "ratings by ridge": rated("ridge"),
  "ratings by maml": rated("maml"),
  "ratings by cnp": rated("cnp"),
  "marked texts by struct-shot": marked("struct-shot"),
  "marked texts by crf": marked("crf", [0, 3]),
  "scenes by prototypes": scenes({}),
  "scenes by steps": scenes({ learner: "two-stage", steps: 2 }),
  policies: {
    answers: "policy",
    inputs: "observations",
    trained: async () => ["navigation-2d", { episodes: 3, horizon: 6, metaBatch: 2, hidden: [8], evalSteps: [0, 2] }],
    tried: async () => {
      const episode = (i: number) => ({
        observations: [0, 1, 2].map((t) => [0.1 * i * t, -0.05 * t]),
        actions: [0, 1, 2].map((t) => [0.1 * i, 0.02 * t]),
        rewards: [-1, -0.9, -0.8 + 0.1 * i],
      });
      const asked = Array.from({ length: 18 }, (_, i) => [i / 20, -i / 30]);
      return { tasks: [[], [episode(1)], [0, 1, 2].map(episode)], asked };
    },
  },
  "pictures behind an encoder": {
    answers: "classes",
    inputs: "encoded-image",
    trained: async () => {
      const settings = {
        ...{ kind: "image", size: [imageSide, imageSide], channels: 3, layout: "NCHW" },
        ...{ mean: 100, scale: 50 },
      };
      const backbone = await backboneFolder(inFolder("encoders"), { model: imageModel(), settings });
      for (let c = 0; c < 6; c++) {
        await mkdir(inFolder(`photos/class${c}`), { recursive: true });
        for (let i = 0; i < 6; i++) await pictureFile(`photos/class${c}/${i}.png`, [2 * c, 12 - 2 * i], 12);
      }
      return ["images", { data: inFolder("photos"), backbone, ...encoded, ...fewClasses }];
    },
    tried: async () => {
      const file = (c: number, i: number) => inFolder(`photos/class${c}/${i}.png`);
      const examples = [0, 4].flatMap((c) => [0, 1].map((i) => ({ input: file(c, i), label: `class ${c}` })));
      return { tasks: [examples], asked: [0, 4].flatMap((c) => [2, 3, 4].map((i) => file(c, i))) };
    },
  },
  "texts behind an encoder": {
    answers: "classes",
    inputs: "encoded-text",
    trained: async () => {
      const backbone = await backboneFolder(inFolder("encoders"), {
        ...{ model: textModel(), tokenizer: wordPieces.tokenizer },
        settings: { pooling: "mean", normalize: true, maxTokens: 12 },
      });
      const texts = wordPieces.texts.map(({ text }) => text.replaceAll('"', '""'));
      const lines = Array.from({ length: 36 }, (_, at) => {
        const [c, i] = [Math.floor(at / 6), at % 6];
        return `"${texts[(c + i) % texts.length]} ${texts[c % texts.length]} ${"a b ".repeat(i)}${c}",class${c}`;
      });
      const data = await written("texts.csv", ["text,label", ...lines]);
      return ["text", { data, labelColumn: "label", backbone, ...ofTexts, ...fewClasses }];
    },
    tried: async () => {
      const [a, b, c] = wordPieces.texts.map(({ text }) => text) as [string, string, string];
      const examples = [
        { input: a, label: "one" },
        { input: `${b} ${b} ${b} ${a}`, label: "two" },
      ];
      return { tasks: [examples], asked: [c, `${a} ${c}`.repeat(8), b] };
    },
  },
};

describe.runIf(wasmCompiler)("an export with a module", () => {
  test.each(Object.keys(runs))("answers as its ONNX programs: %s", async (name) => {
    const { answers, inputs, trained, tried } = runs[name]!;
    const run = name.replaceAll(" ", "-");
    const [target, chosen] = await trained();
    await train(run, target, chosen);
    const said = await exported(run, { wasm: true });
    expect(said).toMatch(/held-out tasks through these files and through the run/);
    // An encoder is a model of its own, and no part of the module.
    if (inputs.startsWith("encoded")) expect(said).toMatch(/stays\s+onnx\/backbone\.onnx,\s+which onnxruntime runs/);
    else expect(said).not.toMatch(/backbone/);
    expect(await verified(`exported-${run}`)).toMatch(/the largest difference from the expected answers/);
    const config = JSON.parse(await readFile(inFolder(`exported-${run}/config.json`), "utf8"));
    expect(config.innerloop).toMatchObject({ answers: { kind: answers }, inputs: { kind: inputs } });
    const card = await readFile(inFolder(`exported-${run}/README.md`), "utf8");
    expect(card).toMatch(/engine: "wasm" \}\)` the module wasm\/learner\.wasm \([\d.]+ [KM]iB\) adapts and predicts/);
    if (inputs.startsWith("encoded")) expect(card).toContain("runs the encoder, onnx/backbone.onnx, alone");
    else expect(card).toContain("no onnxruntime is loaded");
    await requireSameByModule(inFolder(`exported-${run}`), await tried());
  });

  test("is of every kind of task that is exported", async () => {
    const here = new Set(Object.values(runs).map(({ answers }) => answers));
    expect([...here].sort()).toEqual(Object.keys(await exportedKinds()).sort());
  });
});
