/** All items of a model of ratings, ranked for a user. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainedModel } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { filmCount, filmId, filmModel, filmTables } from "./films.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
let tables: Awaited<ReturnType<typeof filmTables>>;
beforeAll(async () => {
  tables = await filmTables();
});
afterAll(async () => {
  await tables.remove();
  await executor.close();
});

const modelOf = (learner: string): Promise<TrainedModel> => filmModel(tables, { executor, flags: { learner } });
/** War is liked, comedy is not. */
const mine = [
  { item: filmId(2), rating: 4.5 },
  { item: filmId(3), rating: 2 },
  { item: filmId(4), rating: 4 },
];
const all = Array.from({ length: filmCount }, (_, place) => filmId(place));
const rated = mine.map(({ item }) => item);

describe.each(["ridge", "cnp", "maml", "cavia", "tanp", "metahin"])("a ranking by %s", (learner) => {
  let model: TrainedModel;
  beforeAll(async () => {
    model = await modelOf(learner);
  });

  it("has all items but those that are rated or left out, as predicting has them one by one", async () => {
    const exclude = [{ item: filmId(9) }];
    const { items, known, ranked } = await model.ranker().recommend({ ratings: mine, exclude, top: 100 });
    expect({ known, ranked }).toEqual({ known: 3, ranked: filmCount - 4 });
    const left = all.filter((id) => !rated.includes(id) && id !== filmId(9));
    expect(items.map(({ item }) => item).sort()).toEqual(left);
    expect(items.map(({ rank }) => rank)).toEqual(left.map((_, i) => i + 1));
    const task = await model.adapt(mine);
    const told = await task.predict(items.map(({ item }) => item));
    for (const [i, { rating }] of told.entries()) expect(items[i]!.rating).toBeCloseTo(Number(rating), 3);
    const ratings = items.map(({ rating }) => rating);
    expect(ratings).toEqual(ratings.toSorted((a, b) => b - a));
  });

  it("explains by what each prediction would be without one of the ratings", async () => {
    const ranker = model.ranker();
    const request = { ratings: mine, top: 4, explain: true };
    const { items } = await ranker.recommend(request);
    for (const left of mine) {
      const without = await ranker.recommend({ ratings: mine.filter((each) => each !== left), top: 100 });
      for (const { item, rating, because } of items) {
        const { rating: other } = without.items.find((each) => each.item === item)!;
        const { change } = because!.find((each) => each.item === left.item)!;
        // What is predicted here lies within the scale, and is not clipped to it.
        expect(Math.min(rating, other)).toBeGreaterThan(1);
        expect(Math.max(rating, other)).toBeLessThan(5);
        expect(change).toBeCloseTo(rating - other, 3);
      }
    }
    for (const { because } of items) {
      const sizes = because!.map(({ change }) => Math.abs(change));
      expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    }
  });

  it("is the same to the byte, with programs made anew as well", async () => {
    const request = { ratings: mine, top: 5, explain: true };
    const first = JSON.stringify(await model.ranker().recommend(request));
    expect(JSON.stringify(await model.ranker().recommend(request))).toBe(first);
    await model.release();
    expect(JSON.stringify(await model.ranker().recommend(request))).toBe(first);
  });
});

describe("a ranking", () => {
  it("by ridge regression says that a liked film speaks for films like it, and one that is not liked against", async () => {
    // A weak penalty: in a few updates taste is to show.
    const model = await filmModel(tables, { executor, flags: { learner: "ridge", penalty: 1 } });
    const { items } = await model.ranker().recommend({ ratings: mine, top: 100, explain: true });
    /** The mean change that the rating of a film makes to films of a kind: 0 for war, 1 for comedy. */
    const changeOf = (film: number, kind: number): number => {
      const changes = items
        .filter(({ item }) => all.indexOf(item) % 2 === kind)
        .map(({ because }) => because!.find(({ item }) => item === filmId(film))!.change);
      return changes.reduce((sum, change) => sum + change, 0) / changes.length;
    };
    const [war, comedy] = [0, 1];
    expect(changeOf(2, war)).toBeGreaterThan(0.05);
    expect(changeOf(3, comedy)).toBeLessThan(-0.05);
    // The user's level moves both kinds alike: what tells them apart is taste.
    expect(changeOf(2, war)).toBeGreaterThan(changeOf(2, comedy) + 0.02);
    expect(changeOf(3, comedy)).toBeLessThan(changeOf(3, war) - 0.02);
  });

  it("of a neural process has deviations in the units of ratings, and one by ridge regression none", async () => {
    const tenfold = await filmTables({ unit: 10 });
    const wide = await filmModel(tenfold, { executor, flags: { learner: "cnp" } });
    const { items } = await (await modelOf("cnp")).ranker().recommend({ ratings: mine });
    const ratings = mine.map(({ item, rating }) => ({ item, rating: 10 * rating }));
    const others = (await wide.ranker().recommend({ ratings })).items;
    for (const [i, { item, deviation }] of items.entries()) {
      expect(others[i]!.item).toBe(item);
      expect(deviation).toBeGreaterThan(0.1);
      expect(others[i]!.deviation! / deviation!).toBeCloseTo(10, 1);
    }
    for (const item of (await (await modelOf("ridge")).ranker().recommend({ ratings: mine })).items)
      expect(item).not.toHaveProperty("deviation");
    await tenfold.remove();
  });

  it("of a user of whom nothing is known has all items, and no reasons", async () => {
    const { items, known } = await (await modelOf("ridge")).ranker().recommend({ top: 100, explain: true });
    expect(known).toBe(0);
    expect(items.map(({ item }) => item).sort()).toEqual(all);
    for (const { because } of items) expect(because).toEqual([]);
  });

  it("leaves out what too few know", async () => {
    const ranker = (await modelOf("ridge")).ranker();
    const namesBy = async (knownBy: number) =>
      (await ranker.recommend({ knownBy, top: 100 })).items.map(({ item }) => item);
    const last = filmId(filmCount - 1);
    const { ratings } = (await ranker.questions({ count: 100 })).find(({ item }) => item === last)!;
    for (const few of [0, ratings]) expect(await namesBy(few)).toEqual(expect.arrayContaining(all));
    expect((await namesBy(ratings + 1)).sort()).toEqual(all.filter((id) => id !== last));
  });

  it("has items of the words that are asked for, in the order that they have among all", async () => {
    const ranker = (await modelOf("ridge")).ranker();
    const [every, { items, ranked }] = [
      await ranker.recommend({ ratings: mine, top: 100 }),
      await ranker.recommend({ ratings: mine, top: 100, domain: ["comedy"] }),
    ];
    const comedies = every.items.filter(({ item }) => all.indexOf(item) % 2 === 1);
    expect(items.map(({ item, rating }) => [item, rating])).toEqual(comedies.map(({ item, rating }) => [item, rating]));
    expect(ranked).toBe(filmCount / 2 - 1);
    const asked = await ranker.questions({ count: 100, domain: ["comedy"] });
    expect(asked.map(({ item }) => all.indexOf(item) % 2)).toEqual(new Array(filmCount / 2).fill(1));
  });

  it("takes tables, titles, and new items by what is known of them", async () => {
    const [ratings, exclude] = [join(tables.folder, "mine.csv"), join(tables.folder, "seen.csv")];
    await writeFile(ratings, "title,genre,rating\nfilm  c!,,4.5\nA New One,war,5\n");
    await writeFile(exclude, "title\nFilm D\n");
    const { items, known } = await (await modelOf("ridge"))
      .ranker()
      .recommend({ ratings, exclude, top: 100, explain: true });
    expect(known).toBe(2);
    const names = items.map(({ item }) => item);
    expect(names).not.toContain(filmId(2));
    expect(names).not.toContain(filmId(3));
    expect(names).toHaveLength(filmCount - 2);
    expect(items[0]!.because!.map(({ title }) => title).sort()).toEqual(["A New One", "Film C"]);
  });

  it("has items of further parts, in which the last is no less than the first", async () => {
    const extra = 8192;
    const many = await filmTables({ extra });
    const model = await filmModel(many, { executor, flags: { learner: "ridge" } });
    const { items, ranked } = await model.ranker().recommend({ top: 3 });
    expect(ranked).toBe(filmCount + extra);
    expect(items[0]!.item).toBe(`x${extra - 1}`);
    const told = await (await model.adapt()).predict(items.map(({ item }) => item));
    for (const [i, { rating }] of told.entries()) expect(items[i]!.rating).toBeCloseTo(Number(rating), 3);
    await many.remove();
  });
});

describe("questions", () => {
  it("are about items that others have rated, and not about those that the user has rated", async () => {
    const ranker = (await modelOf("ridge")).ranker();
    const stepping = (await modelOf("anil")).ranker();
    for (const by of ["information", "popularity", "evidence"] as const) {
      const questions = await (by === "evidence" ? stepping : ranker).questions({
        count: 100,
        by,
        ratings: mine,
        exclude: [{ item: filmId(9) }],
      });
      expect(questions.map(({ item }) => item).sort(), by).toEqual(
        all.filter((id) => !rated.includes(id) && id !== filmId(9)),
      );
      for (const { ratings } of questions) expect(ratings).toBeGreaterThan(0);
    }
    const [most] = await ranker.questions({ count: 1, by: "popularity" });
    expect(
      await ranker.questions({ count: 1, by: "popularity", ratings: [{ item: most!.item, rating: 3 }] }),
    ).not.toEqual([most]);
  });

  it("by information are others after a rating than without the item alone", async () => {
    const ranker = (await modelOf("ridge")).ranker();
    const [first] = await ranker.questions({ count: 1 });
    const of = async (known: object) => (await ranker.questions({ count: 100, ...known })).map(({ item }) => item);
    const [after, without] = [
      await of({ ratings: [{ item: first!.item, rating: 3 }] }),
      await of({ exclude: [{ item: first!.item }] }),
    ];
    expect(after).not.toEqual(without);
    expect(after.toSorted()).toEqual(without.toSorted());
    // By popularity they are not.
    const popular = { by: "popularity" };
    expect(await of({ ...popular, ratings: [{ item: first!.item, rating: 3 }] })).toEqual(
      await of({ ...popular, exclude: [{ item: first!.item }] }),
    );
  });
});

describe("questions by evidence", () => {
  const asked = (model: TrainedModel, count = 100) => model.ranker().questions({ count, by: "evidence" });

  it("prefer, among films that as many know, those whose ratings are furthest from what the learner says", async () => {
    const torn = await filmTables({ torn: [9, 12] });
    // Gradients of absolute errors are as long wherever the learner errs.
    const model = await filmModel(torn, { executor, flags: { learner: "anil", loss: "squared" } });
    const found = await asked(model, 2);
    expect(found.map(({ item }) => item).sort()).toEqual([filmId(9), filmId(12)]);
    // All are as popular.
    const [most] = await model.ranker().questions({ count: 1, by: "popularity" });
    expect(found.map(({ ratings }) => ratings)).toEqual([most!.ratings, most!.ratings]);
    expect(most!.item).toBe(filmId(0));
    await torn.remove();
  });

  it("are the same to the byte, and after a release", async () => {
    const model = await modelOf("anil");
    const first = JSON.stringify(await asked(model));
    expect(JSON.parse(first)).toHaveLength(filmCount);
    await model.release();
    expect(JSON.stringify(await asked(model))).toBe(first);
  });

  it.each(["ridge", "cnp"])("are refused of %s, which takes no steps", async (learner) => {
    await expect(asked(await modelOf(learner))).rejects.toThrow(
      /^evidence of films, whose learner \(.*\) takes no gradient steps: .*\. Ask by information or popularity$/,
    );
  });

  it("are refused where the ratings of training have changed, or are gone", async () => {
    const others = await filmTables();
    const model = await filmModel(others, { executor, flags: { learner: "anil" } });
    const text = await readFile(others.ratings, "utf8");
    await writeFile(others.ratings, `${text}one more,${filmId(3)},5\n`);
    await expect(asked(model)).rejects.toThrow(
      /^evidence is of the ratings that films was trained on, and ratings has others now\. Ask by information/,
    );
    await rm(others.ratings);
    await expect(asked(model)).rejects.toThrow(/^evidence is of the ratings that films was trained on: there is no /);
    // They come back: nothing of the failure is remembered.
    await writeFile(others.ratings, text);
    expect(await asked(model, 3)).toHaveLength(3);
    await others.remove();
  });
});

describe("what is none of a ranking's", () => {
  const recommend = async (request: object) => (await modelOf("ridge")).ranker().recommend(request as never);

  it.each([
    [{ ratings: [{ item: "Film Q", rating: 3 }] }, /row 1: there is no item "Film Q" in .*Did you mean "Film/],
    [
      { ratings: [{ item: "the twins", rating: 3 }] },
      /2 items are called "the twins"\. Name it by its id: "The Twins" \(f00: genre war\) or "The Twins" \(f01: genre comedy\)/,
    ],
    [{ ratings: [{ item: filmId(2), rating: 6 }] }, /row 1: the rating is 6\. Give a number from 1 to 5/],
    [{ ratings: [{ item: filmId(2) }] }, /row 1: the rating is missing/],
    [{ ratings: [mine[0], mine[1], { item: "Film C", rating: 1 }] }, /row 3: "Film C" is rated for the second time/],
    [{ exclude: [{ item: "Film Q", genre: "war" }] }, /there is no item "Film Q"/],
    [{ top: 0 }, /top is 0\. Give a whole number from 1 on/],
    [{ top: 1.5 }, /top is 1\.5/],
    [{ knownBy: -1 }, /knownBy is -1/],
    [{ steps: 3 }, /3 steps of films, whose learner \(ridge regression\) takes no steps/],
    [{ domain: ["wars"] }, /no attribute of the items has "wars"\. Did you mean "war" \(genre\)\?/],
    [{ domain: "war" }, /the domain is "war"\. Give words/],
    [{ domain: [] }, /the domain is \[\]\. Give words/],
    [{ topp: 3 }, /recommend has no option "topp"\. Did you mean top\?/],
  ])("is refused: %j", async (request, message) => {
    await expect(recommend(request)).rejects.toThrow(message);
  });

  it("is refused of questions", async () => {
    const ranker = (await modelOf("ridge")).ranker();
    await expect(ranker.questions({ count: 0 })).rejects.toThrow(/count is 0/);
    await expect(ranker.questions({ by: "entropy" as never })).rejects.toThrow(
      /Choose one of information, popularity, evidence/,
    );
    await expect(ranker.questions({ steps: 1 } as never)).rejects.toThrow(/questions has no option "steps"/);
  });

  it("is refused where reasons would be as many as nobody reads", async () => {
    const ratings = Array.from({ length: 1001 }, (_, i) => ({ item: `new ${i}`, genre: "war", rating: 3 }));
    await expect(recommend({ ratings, explain: true })).rejects.toThrow(/an explanation by 1001 ratings of films/);
  });

  it("does not hold two films of one title for one", async () => {
    const ratings = [0, 1].map((place) => ({ item: filmId(place), rating: 3 }));
    expect((await recommend({ ratings })).known).toBe(2);
    expect((await (await modelOf("ridge")).adapt(ratings)).support.text).toBe("2 ratings");
  });
});
