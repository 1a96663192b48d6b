/** Runs of ratings as exported folders: a user's ratings in, ratings of other items out, and all items in their order. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ExportedLearner, openExported, type RatingAnswer, type TrainedModel } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ranCard, ranNodeCard } from "./card-programs.fixture.js";
import { machineIo } from "./data/machine-io.js";
import { onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { portableEngine } from "./executor/portable-engine.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { filmCount, filmId, filmTables } from "./films.fixture.js";
import { load } from "./runs/load.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-ratings");
let tables: Awaited<ReturnType<typeof filmTables>>;
type Learner = ExportedLearner<RatingAnswer>;

/** War is liked, comedy is not; of the two with one title, one by its id. */
const mine = [
  { item: filmId(2), rating: 4.5 },
  { item: "film d", rating: 2 },
  { item: filmId(0), rating: 4 },
];
const all = Array.from({ length: filmCount }, (_, place) => filmId(place));
const small = { embeddingWidth: 4, shots: 5, queries: 5, leastRatings: 6 };

beforeAll(async () => {
  tables = await filmTables();
  const { ratings, items } = tables;
  for (const learner of ["ridge", "maml", "cnp"])
    await train(learner, undefined, { ...small, ratings, items, learner });
  await train("taken", undefined, { ...small, ratings, items, learner: "ridge", takenFrom: 4 });
  for (const run of ["ridge", "maml", "cnp", "taken"])
    expect(await exported(run)).toMatch(/held-out tasks through these files and through the run/);
});
afterAll(async () => {
  await tables.remove();
  await remove();
});

describe.each(["ridge", "maml", "cnp"])("a run of ratings by %s", (run) => {
  let learner: Learner;
  let model: TrainedModel;
  beforeAll(async () => {
    learner = await load<Learner>(inFolder(`exported-${run}`));
    model = await load(inFolder(run));
  });
  afterAll(() => Promise.all([learner.dispose(), model.release()]));

  test("tells ratings as the run itself: of items by id and title, and of new ones by what is known of them", async () => {
    const [task, own] = [await learner.adapt(mine), await model.adapt(mine)];
    const asked = [...all, { item: "A new one", genre: "war" }];
    const [answers, expected] = [await task.predict(asked), await own.predict(asked)];
    expect(answers).toHaveLength(filmCount + 1);
    answers.forEach(({ item, rating, deviation }, i) => {
      expect(rating).toBeCloseTo(Number(expected[i]!.rating), 3);
      expect(item).toBe(all[i] ?? "A new one");
      expect(deviation === undefined).toBe(run !== "cnp");
    });
    const { rating = 0, ...called } = await task.predict("film e");
    expect(rating).toBeCloseTo(answers[4]!.rating!, 5);
    expect(called).toMatchObject({ item: filmId(4), title: "Film E" });
  });

  test("of a user of whom nothing is known it says what it says of all", async () => {
    const [task, own] = [await learner.adapt([]), await model.adapt(undefined)];
    const [answers, expected] = [await task.predict(all), await own.predict(all)];
    answers.forEach(({ rating }, i) => {
      expect(rating).toBeCloseTo(Number(expected[i]!.rating), 3);
    });
    const again = await learner.restore(task.save());
    expect(await again.predict(all)).toEqual(answers);
    expect((await again.recommend({ top: 1 })).ranked).toBe(filmCount);
  });

  test("ranks all items as `innerloop recommend`, within words of an attribute, without those that are left out", async () => {
    const task = await learner.adapt(mine);
    const requests = [
      {},
      { top: 3, exclude: [filmId(9), "Film F"] },
      { domain: ["comedy"], top: 100 },
      { knownBy: 40, top: 100 },
      { explain: true, top: 3 },
    ];
    for (const request of requests) {
      const found = await task.recommend(request);
      const { items, ...facts } = await model.ranker().recommend({ ratings: mine, ...request });
      expect(found).toMatchObject(facts);
      expect(found.items.map(({ item }) => item)).toEqual(items.map(({ item }) => item));
      found.items.forEach(({ rank, rating, deviation }, i) => {
        expect(rank).toBe(i + 1);
        expect(rating).toBeCloseTo(items[i]!.rating!, 3);
        found.items[i]!.because?.forEach(({ item, change }, j) => {
          const own = items[i]!.because![j]!;
          expect(change, `${i} ${item}`).toBeCloseTo(own.change, 3);
        });
        expect(found.items[i]!.because?.map(({ item }) => item).sort()).toEqual(
          items[i]!.because?.map(({ item }) => item).sort(),
        );
        if (items[i]!.deviation !== undefined) expect(deviation).toBeCloseTo(items[i]!.deviation!, 3);
      });
    }
  });

  test("ratings come and go, and a task is bytes", async () => {
    const task = await learner.adapt(mine.slice(0, 2));
    const more = await task.with([
      { ...mine[2]!, id: "third" },
      { item: "new", genre: "war", rating: 5, id: "new" } as never,
    ]);
    const back = await learner.restore(more.save());
    expect(back.ids).toEqual(["1", "2", "third", "new"]);
    expect(await back.predict(all)).toEqual(await more.predict(all));
    expect((await back.recommend({ top: 100 })).items).toHaveLength(filmCount - 3);
    const without = await back.without(["third", "new"]);
    expect(await without.predict(all)).toEqual(await task.predict(all));
    const bare = await learner.restore(more.save({ examples: false }));
    expect(await bare.predict(all)).toEqual(await more.predict(all));
    await expect(bare.recommend()).rejects.toThrow(/ILE206 task: its examples were not kept/);
  });

  test.each<[string, unknown, RegExp]>([
    [
      "an item that is not known",
      [{ item: "Flim E", rating: 3 }],
      /ILE206 items: .*there is no item "Flim E".*"Film E"/,
    ],
    ["two of one title", [{ item: "The Twins", rating: 3 }], /ILE206 items: .*2 items are called "The Twins"/],
    ["no rating", [{ item: filmId(1) }], /ILE206 example 1: the rating is missing.*from 1 to 5/],
    ["a rating beyond the scale", [{ item: filmId(1), rating: 9 }], /ILE206 example 1: the rating is 9/],
    ["an item twice", [mine[0], mine[0]], /ILE206 examples: "Film C" comes up for the second time/],
    ["no list", { item: filmId(1), rating: 3 }, /ILE206 examples: they are/],
    ["a text", ["Film E"], /ILE206 example 1: it is "Film E", and has no input.*\{ item, rating \}/],
  ])("refuses %s", async (_name, given, problem) => {
    await expect(learner.adapt(given as never)).rejects.toThrow(problem);
  });

  test("refuses what is no item, and no request", async () => {
    const task = await learner.adapt(mine);
    await expect(task.predict([3] as never)).rejects.toThrow(/ILE206 input 1: it is 3/);
    await expect(task.recommend({ top: 0 })).rejects.toThrow(/ILE206 recommend: top is 0/);
    await expect(task.recommend({ domain: ["cartoon"] })).rejects.toThrow(
      /ILE206 recommend: .*no attribute .*"cartoon"/,
    );
    await expect(task.recommend({ exclude: "nothing" })).rejects.toThrow(/ILE206 recommend: .*no item "nothing"/);
    await expect(task.recommend({ steps: 3 } as never)).rejects.toThrow(/ILE206 recommend: .*no option "steps"/);
  });
});

test("of what was taken a score is told, and what is rated lower is refused", async () => {
  const learner = await load<Learner>(inFolder("exported-taken"));
  const model = await load(inFolder("taken"));
  const taken = [{ item: filmId(2) }, { item: filmId(4), rating: 5 }];
  const [task, own] = [await learner.adapt(taken), await model.adapt(taken)];
  const [answers, expected] = [await task.predict(all), await own.predict(all)];
  answers.forEach(({ score }, i) => {
    expect(score).toBeCloseTo(Number(expected[i]!.score), 3);
  });
  expect((await task.recommend()).told).toBe("score");
  await expect(learner.adapt([{ item: filmId(2), rating: 1 }])).rejects.toThrow(/ILE206 example 1: its rating is 1/);
  await Promise.all([learner.dispose(), model.release()]);
});

describe("the folder", () => {
  test("has the items in a file of their own, and verifies", async () => {
    expect(await verified("exported-ridge")).toMatch(new RegExp(`up to 25 examples, ${filmCount} items\\n.*6 files`));
    const config = JSON.parse(await readFile(inFolder("exported-ridge/config.json"), "utf8"));
    expect(config.architectures).toEqual(["FewShotRecommender"]);
    expect(config.innerloop.inputs).toEqual({ kind: "item", slots: expect.any(Number), numbers: expect.any(Number) });
    const text = await readFile(inFolder("exported-ridge/items.json"), "utf8");
    expect(JSON.parse(text).items.ids).toEqual(all);
    // No user is in it, and no path of this machine.
    for (const name of ["items.json", "config.json", "README.md"])
      expect(await readFile(inFolder(`exported-ridge/${name}`), "utf8"), name).not.toMatch(/secret-/);
    expect(text).not.toContain(tables.folder);
  });

  test("answers by the program of its card in Node", async () => {
    const printed = await ranNodeCard(inFolder("exported-cnp"), { print: "JSON.stringify([rating, items.length])" });
    expect(JSON.parse(printed)).toEqual([expect.any(Number), 10]);
    const score = await ranNodeCard(inFolder("exported-taken"), { print: "score" });
    expect(Number.isFinite(Number(score))).toBe(true);
  });

  test("answers from Python as from here, by the program of its card", async (context) => {
    const missing = onnxCheckerMissing();
    if (missing) context.skip(missing);
    for (const run of ["ridge", "cnp", "taken"]) {
      const place = inFolder(`exported-${run}`);
      const { mean, rating } = ranCard<Readonly<Record<"mean" | "rating", number[][]>>>(
        place,
        '{"mean": names["answers"]["mean"].tolist(), "rating": names["task"]["support_targets.rating"][:3].tolist()}',
      );
      const { units, implicit } = JSON.parse(await readFile(join(place, "items.json"), "utf8"));
      const learner = await load<Learner>(place);
      const inUnits = ([value = 0]: number[]): number => units.mean + units.deviation * value;
      const task = await learner.adapt(
        rating.map((each, i) => ({ item: filmId(i), ...(implicit ? {} : { rating: inUnits(each) }) })),
      );
      const answers = await task.predict(all);
      answers.forEach(({ rating: told, score }, i) => {
        const found = implicit ? mean[i]![0]! : Math.max(1, Math.min(5, inUnits(mean[i]!)));
        expect(found, `${run} ${i}`).toBeCloseTo(told ?? score!, 3);
      });
      await learner.dispose();
    }
  });

  test("with other items is refused, whatever config.json tells of them", async () => {
    const { createHash } = await import("node:crypto");
    const text = await readFile(inFolder("exported-ridge/items.json"), "utf8");
    const config = JSON.parse(await readFile(inFolder("exported-ridge/config.json"), "utf8"));
    const opened = async (items: string) => {
      const bytes = new TextEncoder().encode(items);
      const told = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
      const { innerloop } = config;
      const changed = { ...config, innerloop: { ...innerloop, files: { ...innerloop.files, "items.json": told } } };
      const read = async (name: string) =>
        name === "items.json"
          ? bytes
          : name === "config.json"
            ? new TextEncoder().encode(JSON.stringify(changed))
            : new Uint8Array(await readFile(inFolder(`exported-ridge/${name}`)));
      const learner = await openExported<RatingAnswer>(
        { shown: "x", read },
        { engine: portableEngine(), io: machineIo },
      );
      await learner.dispose();
    };
    await opened(text);
    const table = JSON.parse(text);
    const others = [
      "",
      "[]",
      text.slice(0, -10),
      JSON.stringify({ ...table, base: { ...table.base, offsets: [1] } }),
      JSON.stringify({ ...table, items: { ...table.items, ids: [...table.items.ids, filmId(1)] } }),
      JSON.stringify({ ...table, units: { mean: 0, deviation: 0 } }),
      JSON.stringify({ ...table, codings: { items: { fields: [], numbers: [] } } }),
      JSON.stringify({ ...table, codings: { items: { ...table.codings.items, fields: [{ slots: 1e9 }] } } }),
    ];
    for (const other of others)
      await expect(opened(other), other.slice(0, 80)).rejects.toThrow(/ILE202 x\/items\.json: it is not what/);
  });

  test("of another learner with the same items takes the ratings of a task, and of other items none", async () => {
    const [ridge, maml] = await Promise.all(["ridge", "maml"].map((run) => load<Learner>(inFolder(`exported-${run}`))));
    const task = await ridge!.adapt(mine);
    const there = await maml!.restore(task.save());
    expect(await there.predict(all)).toEqual(await (await maml!.adapt(mine)).predict(all));
    const taken = await load<Learner>(inFolder("exported-taken"));
    await expect(taken.restore(task.save())).rejects.toThrow(/ILE203 task: it is of the learner/);
    await Promise.all([ridge!.dispose(), maml!.dispose(), taken.dispose()]);
  });
});
