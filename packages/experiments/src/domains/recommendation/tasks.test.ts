/** Users as tasks of training, validation and evaluation: their sizes, and which are refused. */
import type { RatedUsers, RatingModel } from "@innerloop/core/tasks";
import { toNumbers } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { loaded, madeUpInteractions, needs, optionsOf } from "./ratings.fixture.js";
import { heldOutTasks, ratingTasks, requireRatingOptions } from "./tasks.js";

const { data } = await loaded(madeUpInteractions({ times: true }));
const tasksOf = (flags: Readonly<Record<string, unknown>> = {}) => ratingTasks(data, optionsOf(flags));
const there = (present: Parameters<typeof toNumbers>[0] | undefined): number =>
  toNumbers(present!).reduce((a, b) => a + b, 0);
const usersOf = ({ starts }: RatedUsers): number => starts.length - 1;

describe("tasks", () => {
  it("have the sizes that are asked for; those held out are each user once", () => {
    const { train, validation, test } = tasksOf({ shots: 4, queries: 6, trainShots: { from: 1, to: 3 } });
    for (const [source, part] of [
      [validation, data.parts.validation],
      [test, data.parts.test],
    ] as const) {
      expect(source.count).toBe(usersOf(part));
      for (let index = 0; index < source.count!; index++) {
        const { support, query } = source.sample(1, index);
        expect([there(support.present), there(query.present)]).toEqual([4, 6]);
      }
    }
    expect(train.count).toBeUndefined();
    const sizes = Array.from({ length: 60 }, (_, index) => there(train.sample(1, index).support.present));
    expect([...new Set(sizes)].sort()).toEqual([1, 2, 3]);
  });

  it("of training alone have items that are as cold ones, as many as --cold-share says", () => {
    const coldOf = (flags: Readonly<Record<string, unknown>>): number => {
      const { train } = tasksOf({ trainShots: 8, ...flags });
      return Array.from({ length: 40 }, (_, index) => there(train.sample(1, index).query.y.cold)).reduce(
        (a, b) => a + b,
      );
    };
    expect(coldOf({ coldShare: 0 })).toBe(0);
    expect(coldOf({ coldShare: 0.5 }) / 400).toBeGreaterThan(0.4);
    const known = tasksOf({ coldShare: 0.9 }).test.sample(1, 0).query;
    const [ids, cold] = [toNumbers(known.x.ids), toNumbers(known.y.cold)];
    const slots = known.x.ids.shape[1]!;
    expect(cold.map((each, row) => each === 1 || ids[row * slots]! > 0)).not.toContain(false);
    expect(cold).toContain(0);
  });

  it("of no shots have no rating, and say so; --order time takes the latest", () => {
    const { test } = tasksOf({ shots: 0 });
    expect(there(test.sample(1, 0).support.present)).toBe(0);
    expect(test.description.shots).toBe(0);
    const { starts, rating, units } = data.parts.test;
    const { query } = tasksOf({ order: "time", queries: 2 }).test.sample(1, 0);
    const last = starts[1]! - 1;
    expect(toNumbers(query.y.rating).map((each) => units.mean + units.deviation * each)).toEqual(
      [last, last - 1].map((place) => expect.closeTo(rating[place]!, 4)),
    );
  });

  it("hold what a model says where it is given, in validation too", () => {
    const told: Pick<RatingModel, "predict"> = { predict: (_known, items) => Float32Array.from(items, () => 4) };
    const { mean, deviation } = data.parts.test.units;
    const { query } = heldOutTasks(data, "validation", optionsOf(), told).sample(1, 0);
    expect(toNumbers(query.x.told!)).toEqual(Array(10).fill(expect.closeTo((4 - mean) / deviation, 5)));
    expect(heldOutTasks(data, "test", optionsOf()).sample(1, 0).query.x.told).toBeUndefined();
  });
});

describe("users of training", () => {
  const warm = { evaluatedUsers: "warm", heldRatings: 10 };

  it("are evaluated on by what is held out of training, and validation stays of others", async () => {
    const { data: withHeld } = await loaded(madeUpInteractions(), { heldRatings: 10 });
    const { test, validation } = ratingTasks(withHeld, optionsOf({ ...warm, shots: 50 }));
    expect(test.count).toBe(usersOf(data.parts.train));
    expect(validation.count).toBe(usersOf(data.parts.validation));
    const { starts, rating, held, units } = withHeld.parts.warm!;
    for (let index = 0; index < test.count!; index++) {
      const { support, query } = test.sample(1, index);
      expect([there(support.present), there(query.present)]).toEqual([10, 10]);
      const places = Array.from({ length: 20 }, (_, i) => starts[index]! + i).filter((place) => held![place]);
      const told = toNumbers(query.y.rating).map((each) => units.mean + units.deviation * each);
      const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
      sorted(told).forEach((each, i) => {
        expect(each).toBeCloseTo(sorted(places.map((place) => rating[place]!))[i]!, 4);
      });
    }
    // The others are trained on.
    expect(withHeld.places.length).toBeLessThan(data.places.length);
  });

  it("are refused where none of their ratings is held out, or too few, or they are asked for otherwise", async () => {
    const { data: withHeld } = await loaded(madeUpInteractions({ times: true }), { heldRatings: 10 });
    expect(() => tasksOf({ evaluatedUsers: "warm" })).toThrow(
      "--evaluated-users warm of a run that holds no ratings of users of training out. Train one with --held-ratings 10",
    );
    const refused = (flags: object) => () => ratingTasks(withHeld, optionsOf({ ...warm, ...flags }));
    expect(refused({ queries: 12 })).toThrow(
      "--queries 12 of --evaluated-users warm, of whom 10 ratings are held out. Ask about 10 or fewer",
    );
    expect(refused({ order: "time" })).toThrow(/^--order time of --evaluated-users warm/);
    const across = { sourceDomain: ["Crime"], targetDomain: ["Comedy"], queries: 2 };
    expect(refused(across)).toThrow(/^--source-domain of --evaluated-users warm/);
    expect(refused({ queries: 10 })).not.toThrow();
  });
});

describe("sizes", () => {
  it("that leave no known rating, or no user, are refused wherever tasks are made", () => {
    for (const refused of [tasksOf, (flags: object) => requireRatingOptions(optionsOf({ ...flags }), needs)]) {
      expect(() => refused({ queries: 13 })).toThrow(
        "--least-ratings 13 with --queries 13, which leave no known rating. Raise the first, or lower the second to 12 or fewer",
      );
      expect(() => refused({ leastRatings: 30, mostRatings: 20 })).toThrow(
        /--most-ratings 20 below --least-ratings 30/,
      );
    }
    requireRatingOptions(optionsOf(), needs);
  });

  it("that no user has ratings for are refused with what to lower", async () => {
    const few = await loaded(madeUpInteractions({ each: 8 }));
    const refused =
      (of: typeof data, flags: Readonly<Record<string, unknown>> = {}) =>
      () =>
        ratingTasks(of, optionsOf(flags));
    expect(refused(few.data)).toThrow(
      /^none of the \d+ users of films for validation has 13 to 100 ratings: they have 8 at most\. Lower --least-ratings to 8 or fewer, and --queries below it$/,
    );
    expect(refused(few.data, { leastRatings: 8, queries: 3 })).not.toThrow();
    expect(refused(data, { mostRatings: 15 })).toThrow(
      /has 13 to 15 ratings: they have 20 at most\. .*raise --most-ratings/,
    );
    const two = await loaded(madeUpInteractions({ each: 4 }));
    expect(refused(two.data)).toThrow(
      /^none of the \d+ users of films for training has 5 ratings or more of items that are not cold: they have 4 at most\. Give more ratings of each user, or lower --cold-items$/,
    );
    const none = { ...data, parts: { ...data.parts, test: { ...data.parts.test, starts: new Int32Array(1) } } };
    expect(refused(none)).toThrow(
      /^no user of films is for evaluation\. Give ratings of more users: .* a fifth for evaluation$/,
    );
  });

  it("across domains are those of both, whatever --least-ratings says, or refused", () => {
    const across = {
      sourceDomain: ["Crime"],
      targetDomain: ["Comedy"],
      shots: 1,
      queries: 2,
      sourceShots: 3,
      leastRatings: 2,
    };
    const { support, query } = tasksOf(across).test.sample(1, 0);
    expect([there(support.present), there(query.present)]).toEqual([4, 2]);
    requireRatingOptions(optionsOf(across), needs);
    expect(() => tasksOf({ ...across, queries: 19 })).toThrow(
      "no user of films for validation has 20 ratings of --target-domain and 5 of --source-domain. Lower --queries, or name words that more items have",
    );
  });

  it("by time of ratings that have none are refused", async () => {
    const { data: timeless } = await loaded();
    expect(() => ratingTasks(timeless, optionsOf({ order: "time" }))).toThrow(
      /^--order time of films, whose ratings have no times\. Name the column that has them \(--time-column\)/,
    );
  });
});

it("learners that are not trained on tasks, and tables beside a data set, are refused", () => {
  const kind = { ...needs, training: { kind: "classes" } } as unknown as typeof needs;
  expect(() => requireRatingOptions(optionsOf(), kind)).toThrow(
    /^a learner of classes for ratings, whose tasks are users/,
  );
  expect(() => requireRatingOptions(optionsOf({ ratings: "x-wines", items: "i.csv" }), needs)).toThrow(
    "--items with --ratings x-wines, which has its own. Leave it out, or name a file of ratings",
  );
  expect(() => requireRatingOptions(optionsOf({ ratings: "", users: "u.csv" }), needs)).toThrow(
    /--users with --ratings none/,
  );
  requireRatingOptions(optionsOf({ items: "i.csv" }), needs);
});
