import { describe, expect, it } from "vitest";
import { sampleTasks } from "../../training/task-batch.js";
import { madeUpRatings } from "./ratings.fixture.js";
import { type UserTaskOptions, userTasks } from "./user-tasks.js";

const make = (options: Partial<UserTaskOptions> = {}) =>
  userTasks(madeUpRatings(), { shots: 3, queries: 2, ...options });
type Set = ReturnType<ReturnType<typeof make>["sample"]>["support"];
/** The ratings that are there, in units: user and item follow from each. */
const ratingsOf = ({ y, present }: Set): number[] =>
  Array.from(y.rating.data!, Number).flatMap((value, row) =>
    Number(present!.data![row]) ? [Math.round(10 * (1 + 2 * value))] : [],
  );
const userOf = (rating: number): number => Math.floor(rating / 10);

describe("users as tasks", () => {
  it("have queries and other ratings of one user, as many as are asked for or as there are", () => {
    const source = make({ shots: 4 });
    const sizes = new Set<string>();
    for (let index = 0; index < 200; index++) {
      const { support, query } = source.sample(3, index);
      const [known, asked] = [ratingsOf(support), ratingsOf(query)];
      expect(asked).toHaveLength(2);
      expect(new Set([...known, ...asked].map(userOf)).size).toBe(1);
      expect(new Set([...known, ...asked]).size).toBe(known.length + asked.length);
      sizes.add(`${userOf(asked[0]!)}: ${known.length}`);
    }
    expect([...sizes].sort()).toEqual(["0: 1", "1: 3", "2: 4"]);
  });

  it("have rows of items: ids, the base and numbers, and 1 where training does not know the item", () => {
    const data = madeUpRatings();
    const { query } = userTasks(data, { shots: 1, queries: 7, order: "time" }).sample(1, 0);
    expect(Array.from(query.y.cold.data!, Number)).toEqual([1, 1, 0, 0, 0, 0, 0]);
    expect(query.x.ids.shape).toEqual([7, 5]);
    expect(Array.from(query.x.ids.data!, Number).slice(10, 15)).toEqual(Array.from(data.items.ids.subarray(25, 30)));
    // (1.07 - 1) / 2 is the base of the last item, and its year is far out.
    expect(Number(query.x.numbers.data![0])).toBeCloseTo(0.035, 6);
    expect(Array.from(query.x.numbers.data!, Number).slice(1, 3)).toEqual([0, 5]);
    expect(Number(query.x.numbers.data![3 * 2 + 1])).toBe(0.5);
    expect(Number(query.y.rating.data![0])).toBeCloseTo((2.7 - 1) / 2, 6);
  });

  it("have items as cold ones as often as is asked: without an id, by their attributes alone", () => {
    const data = madeUpRatings();
    const source = userTasks(data, { shots: 3, queries: 5, inTurn: true, coldShare: 0.4 });
    let asCold = 0;
    for (let index = 0; index < 200; index++) {
      const { x, y } = source.sample(1, index).query;
      for (let row = 0; row < 5; row++) {
        const item = Math.round(10 * ((1 + 2 * Number(y.rating.data![row])) % 1));
        const [id, base, sure] = [x.ids.data![5 * row], x.numbers.data![3 * row], x.numbers.data![3 * row + 1]].map(
          Number,
        );
        const isAsCold = base! > 0.5;
        if (isAsCold) asCold++;
        expect([id, sure, Number(y.cold.data![row])]).toEqual(isAsCold || item > 5 ? [0, 0, 1] : [item + 1, 0.5, 0]);
        expect(base).toBeCloseTo(((isAsCold ? 3 + item : 1 + item / 100) - 1) / 2, 5);
      }
    }
    expect(asCold / 1000).toBeGreaterThan(0.35);
    expect(asCold / 1000).toBeLessThan(0.45);
    expect(() => make({ coldShare: 2 })).toThrow(/ILT201 userTasks: coldShare is 2/);
  });

  it("have what is known of the user on each row, beside the item", () => {
    const users = {
      count: 4,
      slots: 1,
      ids: Int32Array.from([101, 102, 103, 104]),
      width: 1,
      numbers: Float32Array.from([0.1, 0.2, 0.3, 0.4]),
    };
    const source = userTasks(madeUpRatings(users), { shots: 1, queries: 2, inTurn: true });
    expect([source.spec.x.ids.shape, source.spec.x.numbers.shape]).toEqual([[6], [4]]);
    const { x } = source.sample(1, 1).query;
    for (const row of [0, 1]) {
      expect(Number(x.ids.data![6 * row + 5])).toBe(102);
      expect(Number(x.numbers.data![4 * row + 3])).toBeCloseTo(0.2, 6);
    }
  });

  it("take the latest for queries and those before them as known, where time is the order", () => {
    const source = make({ order: "time", inTurn: true });
    const { support, query } = source.sample(1, 2);
    expect([ratingsOf(query), ratingsOf(support)]).toEqual([
      [27, 26],
      [25, 24, 23],
    ]);
  });

  it("meet each user once before one is met again, where they come in turn, whatever the seed", () => {
    const source = make({ inTurn: true });
    expect(source.count).toBe(3);
    const users = (seed: number) =>
      [0, 1, 2, 3].map((index) => userOf(ratingsOf(source.sample(seed, index).query)[0]!));
    expect(users(1)).toEqual([0, 1, 2, 0]);
    expect(users(2)).toEqual(users(1));
    const drawn = [1, 2, 3, 4, 5, 6].map((seed) => ratingsOf(source.sample(seed, 2).query).join());
    expect(new Set(drawn).size).toBeGreaterThan(1);
    expect(make().count).toBeUndefined();
  });

  it("leave users out who have too few ratings or too many, or ask those for half of theirs", () => {
    const seen = (options: Partial<UserTaskOptions>): number[] => {
      const source = make({ ...options, inTurn: true });
      return Array.from({ length: source.count! }, (_, i) => userOf(ratingsOf(source.sample(1, i).query)[0]!));
    };
    expect(seen({ leastRatings: 5 })).toEqual([1, 2]);
    expect(seen({ mostRatings: 5 })).toEqual([0, 1]);
    expect(seen({ queries: 5 })).toEqual([2]);
    expect(seen({ queries: 5, fewQueries: true })).toEqual([0, 1, 2]);
    const few = make({ queries: 5, fewQueries: true, inTurn: true }).sample(1, 0);
    expect([ratingsOf(few.query).length, ratingsOf(few.support).length]).toEqual([1, 2]);
    expect(() => make({ queries: 8 })).toThrow(/ILT402 userTasks: none of the 4 users of films has 9 ratings or more/);
    expect(() => make({ shots: -1 })).toThrow(/ILT201/);
    expect(() => make({ queries: 5, leastRatings: 5 })).toThrow(/ILT201 userTasks: leastRatings is 5, with 5 queries/);
  });

  it("ask about items of one domain, and know ratings of another, or of both", () => {
    const target = Uint8Array.from([1, 1, 1, 1, 0, 0, 0, 0]);
    const across = (sourceShots: number) => ({
      target,
      source: Uint8Array.from(target, (each) => 1 - each),
      sourceShots,
      leastSource: 1,
    });
    const itemsIn = (set: Set): number[] => ratingsOf(set).map((rating) => rating % 10);
    const sizes = (shots: number, sourceShots: number): string[] => {
      const source = userTasks(madeUpRatings(), { shots, queries: 2, inTurn: true, across: across(sourceShots) });
      // The first user has rated no item of the source.
      expect(source.count).toBe(2);
      return [0, 1].map((index) => {
        const { support, query } = source.sample(4, index);
        expect(itemsIn(query).every((item) => item < 4)).toBe(true);
        expect(new Set([...ratingsOf(query), ...ratingsOf(support)].map(userOf))).toEqual(new Set([index + 1]));
        const ofTarget = itemsIn(support).filter((item) => item < 4).length;
        return `${ofTarget} and ${itemsIn(support).length - ofTarget}`;
      });
    };
    expect(sizes(5, 0)).toEqual(["2 and 0", "2 and 0"]);
    expect(sizes(0, 3)).toEqual(["0 and 1", "0 and 3"]);
    expect(sizes(1, 9)).toEqual(["1 and 1", "1 and 4"]);
  });

  it("may have no known rating, and are of one look: they stack", () => {
    const source = make({ shots: { from: 0, to: 40 } });
    expect(source.spec.support).toEqual({ rows: 6, present: true, mayBeEmpty: true });
    const known = Array.from({ length: 100 }, (_, i) => ratingsOf(source.sample(1, i).support).length);
    expect(Math.min(...known)).toBe(0);
    expect(sampleTasks(source as never, 1, 0, 3).support.present!.shape).toEqual([3, 6]);
    expect(JSON.stringify(source.sample(5, 9))).toBe(JSON.stringify(source.sample(5, 9)));
  });
});

describe("users whose ratings to be told are held out", () => {
  // Of the third user three ratings may be asked about, of the first two.
  const held = Uint8Array.from({ length: 16 }, (_, at) => (at === 0 || at === 2 || (at >= 9 && at < 12) ? 1 : 0));
  const source = (options: Partial<UserTaskOptions> = {}) =>
    userTasks({ ...madeUpRatings(), held }, { shots: 8, queries: 2, ...options });

  it("are asked about these alone, and told others alone", () => {
    const [asked, known] = [new Set<number>(), new Set<number>()];
    for (let index = 0; index < 100; index++) {
      const { support, query } = source().sample(2, index);
      expect(ratingsOf(query)).toHaveLength(2);
      for (const rating of ratingsOf(query)) asked.add(rating);
      for (const rating of ratingsOf(support)) known.add(rating);
    }
    expect([...asked].sort((a, b) => a - b)).toEqual([0, 2, 21, 22, 23]);
    expect([...known].sort((a, b) => a - b)).toEqual([1, 20, 24, 25, 26, 27]);
    expect(source().description).toMatchObject({ users: 2, heldOut: true });
    expect(make().description).not.toHaveProperty("heldOut");
  });

  it("are left out where too few are held out", () => {
    expect(source({ queries: 3, inTurn: true }).count).toBe(1);
    expect(() => source({ queries: 4 })).toThrow(/ILT402/);
  });

  it("are asked at random, of all items", () => {
    expect(() => source({ order: "time" })).toThrow(/ILT201 userTasks: the latest ratings, of users whose/);
    const [target, other] = [new Uint8Array(8).fill(1), new Uint8Array(8)];
    const across = { target, source: other, sourceShots: 1, leastSource: 0 };
    expect(() => source({ across })).toThrow(/ILT201 userTasks: ratings across domains, of users whose/);
  });
});
