/** Exported folders of every kind of task from anyone: config.json and tasks with other values are read, or refused with a code. */
import { writeFile } from "node:fs/promises";
import { random } from "@innerloop/core";
import { decodeArrays, encodeArrays, safetensorsHeader, seal, unsealed } from "@innerloop/core/training";
import { type ExportedLearner, filesAtHand, openExported } from "@innerloop/experiments";
import { CodedError, type PortableArray, type TypedArray } from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  backboneFolder,
  cellModel,
  cellSettings,
  textModel,
  tokenizerCases,
} from "./backbones/made-up-backbones.fixture.js";
import { machineIo } from "./data/machine-io.js";
import { portableEngine } from "./executor/portable-engine.js";
import { exportedRuns, filesIn } from "./exported-runs.fixture.js";
import { filmId, filmTables } from "./films.fixture.js";
import { writePhotos } from "./photos.fixture.js";

type Files = Readonly<Record<string, Uint8Array>>;
type Learner = ExportedLearner<unknown>;

const { inFolder, train, exported, remove } = await exportedRuns("hostile-kinds");
const engine = portableEngine();
const open = (files: Files): Promise<Learner> => openExported<unknown>(filesAtHand(files), { engine, io: machineIo });
let tables: Awaited<ReturnType<typeof filmTables>>;

const sentences = ["Oslo", "Rome", "Bonn", "Lima"].map((city) => ({
  text: `a flight to ${city} please`,
  spans: [{ start: 12, end: 12 + city.length, type: "city" }],
}));
const step = { observations: [[0, 0]], actions: [[0.1, 0]], rewards: [-1] };
/** A photo of the size that the encoder takes. */
const square = Uint8Array.from({ length: 3 * 64 ** 2 }, (_, i) => (i * 37) % 200);
/** What each kind adapts to, and is asked about. */
const kinds: readonly (readonly [run: string, examples: readonly object[], asked: unknown])[] = [
  [
    "ratings",
    [
      { item: filmId(2), rating: 4 },
      { item: "new", genre: "war", rating: 1 },
    ],
    filmId(5),
  ],
  ["spans", sentences, "home from Kyiv"],
  ["states", sentences, "home from Kyiv"],
  ["photos", [{ input: square, objects: [{ label: "brick", box: [4, 6, 20, 18] }] }], square],
  ["policy", [step, step], [0, 0]],
];

beforeAll(async () => {
  vi.stubEnv("INNERLOOP_CACHE", "off");
  tables = await filmTables();
  const { ratings, items } = tables;
  const few = { embeddingWidth: 4, shots: 5, queries: 5, leastRatings: 6 };
  await train("ratings", undefined, { ...few, ratings, items, learner: "ridge" });
  const lines = ["book", "call", "deliver", "fetch"].flatMap((domain) =>
    Array.from({ length: 20 }, (_, i) => {
      const text = `please ${domain} it at ${i} now`;
      const at = text.indexOf(` ${i} `) + 1;
      return JSON.stringify({
        text,
        domain,
        spans: [
          [at, at + `${i}`.length, "time"],
          [0, 6, "wish"],
        ],
      });
    }),
  );
  const data = inFolder("marked.jsonl");
  await writeFile(data, lines.join("\n"));
  const words = { types: 2, shots: 2, queries: 4, featureWidth: 4, wordUnits: 8, wordWidth: 4, bestBy: undefined };
  await train("spans", "entities", { data, ...words, learner: "struct-shot" });
  const reader = {
    ...{ model: textModel(), tokenizer: tokenizerCases[0].tokenizer, settings: { pooling: "mean", maxTokens: 12 } },
  };
  const states = await backboneFolder(inFolder("encoders"), reader);
  await train("states", "entities", { data, ...words, learner: "struct-shot", backbone: states });
  await writePhotos(inFolder("pictures"), 12);
  const cells = await backboneFolder(inFolder("encoders"), { model: cellModel(64), settings: cellSettings(64) });
  await train("photos", "photos", { data: inFolder("pictures"), backbone: cells, shots: 2, queries: 2 });
  await train("policy", "navigation-2d", { episodes: 2, horizon: 4, metaBatch: 2, hidden: [4], evalSteps: [0, 2] });
  for (const [run] of kinds) await exported(run);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await tables.remove();
  await remove();
});

const filesOf = (run: string): Promise<Files> => filesIn(inFolder(`exported-${run}`));

function coded(error: unknown): string {
  if (error instanceof CodedError) return error.code as string;
  throw error;
}

const seed = 20_261_201;
const tried = 150;
const values: readonly unknown[] = [
  ...[null, true, -1, 0, 1, 2, 1e9, 1e300, "", "x", "__proto__", [], {}, [1], ["a", "a"], { kind: "classes" }],
  ...[{ kind: "box", size: 1 }, { kind: "constructor" }, "a".repeat(100_000), new Array(10_000).fill(1)],
];

describe.each(kinds)(`%s, seed ${seed}`, (run, examples, asked) => {
  let files: Files;
  beforeAll(async () => {
    files = await filesOf(run);
  });

  test("config.json with other values is read within its bounds, or refused", async () => {
    const source = random(seed, 1);
    const text = new TextDecoder().decode(files["config.json"]);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < tried; i++) {
      const config = JSON.parse(text) as { innerloop: Record<string, unknown> };
      // Half of them within what is of the kind.
      let at = (
        i % 2 === 0 ? config : { inputs: config.innerloop.inputs, answers: config.innerloop.answers }
      ) as Record<string, unknown>;
      for (;;) {
        const keys = Object.keys(at);
        const name = keys[source.integer(keys.length)]!;
        const child = at[name];
        const goesOn = typeof child === "object" && child !== null && Object.keys(child).length > 0;
        if (goesOn && source.uniform(0, 1) < 0.9) {
          at = child as Record<string, unknown>;
          continue;
        }
        if (source.integer(5) === 0) delete at[name];
        else at[name] = values[source.integer(values.length)];
        break;
      }
      const changed = { ...files, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
      const outcome = await open(changed).then(async (learner) => {
        const task = await learner.adapt(examples).catch(coded);
        if (typeof task !== "string") await task.predict(asked).catch(coded);
        await learner.dispose();
        return "read";
      }, coded);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(["ILE202", "read"]);
  });

  test("a task with other arrays or names under a seal of its own is read, or refused with ILE203", async () => {
    const learner = await open(files);
    const saved = (await learner.adapt(examples)).save();
    const { metadata } = safetensorsHeader(saved, "task");
    const source = random(seed, 2);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < tried; i++) {
      const arrays = { ...decodeArrays(saved, "task").arrays } as Record<string, PortableArray>;
      const record = JSON.parse(metadata.task!) as Record<string, unknown>;
      const names = Object.keys(arrays);
      const name = names[source.integer(names.length)]!;
      const { dtype, shape, data } = arrays[name]!;
      const other = data.slice() as TypedArray;
      const place = source.integer(Math.max(1, other.length));
      const number = [-1, 2, 99, 1e9, Number.NaN][source.integer(5)]!;
      const changes: readonly (() => unknown)[] = [
        () => delete arrays[name],
        () => {
          (other as Float32Array)[place] = (dtype === "int64" ? BigInt(Math.round(number) || 7) : number) as number;
          arrays[name] = { dtype, shape, data: other };
        },
        () => {
          arrays[name] = { dtype, shape: [...shape, 1], data };
        },
        () => {
          arrays[`examples.said.${["labels", "extra", "__proto__"][source.integer(3)]!}x`] = arrays[name]!;
        },
        () => {
          const keys = ["classes", "ids", "rows", "steps", "invert"];
          record[keys[source.integer(keys.length)]!] = values[source.integer(values.length)];
        },
      ];
      changes[source.integer(changes.length)]!();
      const bytes = seal(
        encodeArrays({ arrays, metadata: { ...metadata, sha256: unsealed, task: JSON.stringify(record) } }),
      );
      const outcome = await learner.restore(bytes).then(async (task) => {
        await task.predict(asked).catch(coded);
        await task.with([]).catch(coded);
        return "read";
      }, coded);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(["ILE203", "read"]);
    expect(outcomes.get("ILE203")).toBeGreaterThan(tried / 3);
    await learner.dispose();
  });
});
