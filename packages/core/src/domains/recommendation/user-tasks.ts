/** Users as tasks: the ratings of one that are known, and others to be told. */
import { type Tensor, tensor } from "@innerloop/graph";
import type { RatingTarget, RatingUnits } from "../../losses/rating-target.js";
import { type Random, random } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  describeCount,
  drawCount,
  type Examples,
  TaskError,
  wholeNumber,
} from "../../tasks/task.js";
import { requireObject } from "../../tasks/value-gate.js";
import type { CodedEntities } from "./entity-coding.js";
import type { RatingModel } from "./rating-models.js";
import { type CandidateItems, drawUntaken, type UntakenRows, untakenCount, untakenText } from "./untaken-items.js";

/** Inputs of rated items, a row each. (A type and not an interface: so it is a tree of tensors.) */
export type RatedInputs = {
  /** int32 [n, slots]: ids of the item and of what is known of it, and of the user; 0 is not known, or padding. */
  readonly ids: Tensor;
  /**
   * float32 [n, 2 + numbers]: the base, what a rating of the item is to be whoever rates it, as (rating - mean) / deviation;
   * how sure of it ratings make one, 0 to 1; then the numbers of the item, and of the user.
   */
  readonly numbers: Tensor;
  /** float32 [n, 1]: what a model without a graph has told of the rating, where tasks were made for it. */
  readonly told?: Tensor;
};

/** The ratings of the users that tasks are of. */
export interface RatedUsers {
  readonly name: string;
  /** [users + 1]: the ratings of the i-th are from starts[i] up to starts[i + 1], by time where it is known. */
  readonly starts: Int32Array;
  /** Of each rating the place of its item. */
  readonly item: Int32Array;
  readonly rating: Float32Array;
  /** Of each rating 1 where it may be asked about, and others of the user are known alone; any may be unless given. */
  readonly held?: Uint8Array;
  /** Of each rating what the base says of it, without what this user says of the item. */
  readonly base: Float32Array;
  /** Of each rating the part that ratings of the item have in its base, n / (n + lambda) of n; 0 where it is cold. */
  readonly sureness: Float32Array;
  /** Of each item what its attributes alone say, learned without the item: the base of a cold one. */
  readonly prior: Float32Array;
  /** Of each item 1 where it is cold. */
  readonly cold: Uint8Array;
  readonly items: CodedEntities;
  /** What is known of the users, in their order. */
  readonly users?: CodedEntities;
  /** Ids of items and users are below it. */
  readonly entries: number;
  /** Ratings of training, by which all are standardised. */
  readonly units: Pick<RatingUnits, "mean" | "deviation">;
  /** Of implicit feedback, whose ratings are all 1: the items that may stand against those taken. */
  readonly candidates?: CandidateItems;
}

/** Options of `userTasks`. */
export interface UserTaskOptions {
  /** Known ratings, at most: of a user who has fewer beside the queries, all that there are. */
  readonly shots: Count;
  /** Ratings to be told: as many of every user, but for `fewQueries`. */
  readonly queries: number;
  /** Users with fewer ratings are left out: queries + 1 by default. */
  readonly leastRatings?: number;
  /** Users with more are left out. */
  readonly mostRatings?: number;
  /** Users with fewer ratings than queries + 1 are asked for half of what they have. */
  readonly fewQueries?: boolean;
  /** Task i is of user i, and of as many more as there are users: each is met once before one is met again. */
  readonly inTurn?: boolean;
  /** Draws of each user in an evaluation, with `inTurn`: 1 by default. */
  readonly draws?: number;
  /**
   * Items of a task are as cold ones with this probability, each by itself: without an id of their own, and with what their
   * attributes say for a base. Learners then know what to make of such items (Volkovs, Yu & Poutanen 2017). 0 by default.
   */
  readonly coldShare?: number;
  /** A model that is told the known ratings, and whose predictions stand in the inputs: to be judged as learners are. */
  readonly told?: Pick<RatingModel, "predict">;
  /** Ratings of two domains of items: all queries are of one, and what is known is of both. */
  readonly across?: DomainsOfItems;
  /** Those known are before those to be told in time, the latest of them; at random by default. */
  readonly order?: "random" | "time";
  /**
   * Of implicit feedback: items that the user has not taken, rows of rating 0 behind the queries. They are drawn by the
   * address as the rest is. Users who have taken all items are left out; of others there are fewer rows where fewer items are
   * left. None of them is known: that one of thousands was not taken says next to nothing, and who comes with a list of what
   * they took has no such rows.
   */
  readonly untaken?: UntakenRows;
}

/** Two domains of items, such as red wines and white ones. */
export interface DomainsOfItems {
  /** Of each item 1 where it is of the domain that is asked about; `shots` and `queries` are of these. */
  readonly target: Uint8Array;
  /** Of each item 1 where it is of the other one. */
  readonly source: Uint8Array;
  /** Known ratings of the source, at most. */
  readonly sourceShots: Count;
  /** Users with fewer ratings of the source are left out. */
  readonly leastSource: number;
}

const operation = "userTasks";

/**
 * Tasks that are users (Lee et al. 2019, MeLU): of a user's ratings `queries` at random are to be told, and of the others
 * up to `shots` are known. With `order: "time"` the latest are to be told, and those right before them are known.
 *
 * Of users with ratings that are held out `queries` of these are to be told; those with fewer are left out. Of implicit
 * feedback queries are items that were taken, with others beside them that were not: `untaken`.
 *
 * Sets are padded to one size: `present` is 1 for rows that are there, which come first. A task is a function of its
 * address. With `inTurn` the user of a task does not depend on the seed.
 *
 * @throws ILT201 where an option is out of range, users would have fewer ratings than queries, or ratings that are held out
 *   are asked for by time or across domains; ILT402 where no user has ratings enough
 * @example userTasks(ratings, { shots: 5, queries: 10, mostRatings: 100, inTurn: true })
 */
export function userTasks(data: RatedUsers, options: UserTaskOptions): DescribedTaskSource<RatedInputs, RatingTarget> {
  requireObject(options, operation, "the second argument", "Give { shots, queries }");
  const {
    shots,
    queries,
    fewQueries = false,
    inTurn = false,
    order = "random",
    coldShare = 0,
    told,
    across,
    untaken,
  } = options;
  const { draws = 1 } = options;
  const { to: mostTarget } = countRange(shots, operation, "shots", 0);
  const { to: mostSource } = across ? countRange(across.sourceShots, operation, "sourceShots", 0) : { to: 0 };
  wholeNumber(queries, operation, "queries");
  wholeNumber(draws, operation, "draws");
  if (draws > 1 && !inTurn)
    throw new TaskError("ILT201", operation, `draws are ${draws}, of users at random`, "Say inTurn: true");
  if (!(coldShare >= 0 && coldShare <= 1))
    throw new TaskError("ILT201", operation, `coldShare is ${coldShare}`, "Give a share from 0 to 1");
  const leastRatings = options.leastRatings ?? (fewQueries ? 2 : queries + 1);
  if (leastRatings <= queries && !fewQueries)
    throw new TaskError(
      "ILT201",
      operation,
      `leastRatings is ${leastRatings}, with ${queries} queries`,
      "Raise it above them, or say fewQueries: true",
    );
  const { mostRatings = Number.POSITIVE_INFINITY } = options;
  const { starts, items, users: known, entries, held } = data;
  if (held && (order === "time" || across))
    throw new TaskError(
      "ILT201",
      operation,
      `${across ? "ratings across domains" : "the latest ratings"}, of users whose ratings to be told are held out`,
      "Ask for them at random, of all items",
    );
  const pool = untaken ? poolOf(data, untaken, across) : new Int32Array();
  /** The places of a user's ratings: those that may be asked about, and those of a source. */
  const ratingsOf = (user: number): { readonly target: readonly number[]; readonly source: readonly number[] } => {
    const all = Array.from({ length: starts[user + 1]! - starts[user]! }, (_, i) => starts[user]! + i);
    if (!across) return { target: all, source: [] };
    const of = (domain: Uint8Array): number[] => all.filter((place) => domain[data.item[place]!]);
    return { target: of(across.target), source: of(across.source) };
  };
  const countOf = (user: number): number =>
    across ? ratingsOf(user).target.length : starts[user + 1]! - starts[user]!;
  const users = Array.from({ length: starts.length - 1 }, (_, user) => user).filter((user) => {
    const isLarge = countOf(user) >= leastRatings && countOf(user) <= mostRatings;
    if (held && ratingsOf(user).target.filter((place) => held[place]).length < queries) return false;
    // A user and an item have one rating at most, and what a user may be asked about is in the pool.
    if (untaken && countOf(user) >= pool.length) return false;
    return isLarge && (!across || ratingsOf(user).source.length >= across.leastSource);
  });
  const bounds = `${leastRatings} ${mostRatings === Number.POSITIVE_INFINITY ? "ratings or more" : `to ${mostRatings} ratings`}`;
  if (users.length === 0) {
    const all = Array.from({ length: starts.length - 1 }, (_, user) => user);
    const tookAll = untaken ? all.filter((user) => countOf(user) >= pool.length).length : 0;
    throw new TaskError(
      "ILT402",
      operation,
      `none of the ${starts.length - 1} users of ${data.name} has ${bounds}${tookAll > 0 ? `, ${tookAll} of them left out who took all ${pool.length} items` : ""}`,
      tookAll > 0
        ? "There is nothing to rank for who took everything: give more items, or more users"
        : "Lower the queries or the least ratings, or give ratings of more users",
    );
  }
  const askedOf = (user: number): number =>
    fewQueries && countOf(user) <= queries ? Math.max(1, countOf(user) >> 1) : queries;
  const untakenRows = (user: number, wanted: number, source: Random, asCold: () => boolean): readonly TaskRow[] => {
    const taken = new Set(data.item.subarray(starts[user], starts[user + 1]));
    const { base, sureness } = data.candidates!;
    return drawUntaken(pool, taken, wanted, source).map((item) => ({
      item,
      rating: 0,
      base: base[item]!,
      sureness: sureness[item]!,
      asCold: asCold(),
    }));
  };
  const longest = users.reduce((most, user) => Math.max(most, countOf(user) - askedOf(user)), 0);
  const fewest = users.reduce((least, user) => Math.min(least, countOf(user)), pool.length);
  const longestSource = across ? users.reduce((most, user) => Math.max(most, ratingsOf(user).source.length), 0) : 0;
  const rows = {
    support: Math.max(1, Math.min(mostTarget, longest) + Math.min(mostSource, longestSource)),
    query: queries + (untaken ? Math.min(untakenCount(untaken, queries), pool.length - fewest) : 0),
  };
  return {
    name: `${data.name} ${describeCount(shots)}-shot`,
    description: {
      data: data.name,
      users: users.length,
      shots: mostTarget === 0 ? 0 : `at most ${describeCount(shots)}`,
      queries,
      ratingsOfUser: bounds,
      order,
      ...(across
        ? { sourceShots: `at most ${describeCount(across.sourceShots)}`, leastSource: across.leastSource }
        : {}),
      ...(coldShare > 0 ? { coldShare } : {}),
      // As many as there are at most are all, whatever was asked for.
      ...(untaken
        ? {
            untaken: untakenText(
              untaken.candidates !== undefined && untakenCount(untaken, queries) >= pool.length - fewest
                ? { candidates: "all" }
                : untaken,
            ),
          }
        : {}),
      ...(draws > 1 ? { draws } : {}),
      ...(held ? { heldOut: true } : {}),
    },
    spec: {
      x: {
        ids: {
          shape: [items.slots + (known?.slots ?? 0)],
          dtype: "int32",
          range: { least: 0, most: entries - 1 },
        },
        numbers: { shape: [2 + items.width + (known?.width ?? 0)], dtype: "float32" },
        ...(told ? { told: { shape: [1], dtype: "float32" as const } } : {}),
      },
      y: {
        rating: { shape: [1], dtype: "float32" },
        cold: { shape: [1], dtype: "float32", range: { least: 0, most: 1 } },
      },
      support: { rows: rows.support, present: true, mayBeEmpty: true },
      query: { rows: rows.query, present: true },
    },
    ...(inTurn ? { count: users.length, draws } : {}),
    sample(seed, index) {
      const source = random(seed, index);
      const drawn = source.integer(users.length);
      const user = users[inTurn ? index % users.length : drawn]!;
      const { target, source: others } = ratingsOf(user);
      const asked = askedOf(user);
      const mayBeKnown = held ? target.filter((place) => !held[place]).length : target.length - asked;
      const taken = Math.min(drawCount(shots, source), mayBeKnown);
      const takenOfSource = across ? Math.min(drawCount(across.sourceShots, source), others.length) : 0;
      const ordered = (places: readonly number[]): readonly number[] =>
        order === "time" ? [...places].reverse() : source.choose(places.length, places.length).map((i) => places[i]!);
      const asCold = (): boolean => coldShare > 0 && source.uniform() < coldShare;
      const rated = (places: readonly number[]): readonly TaskRow[] =>
        places.map((at) => ({
          item: data.item[at]!,
          rating: data.rating[at]!,
          base: data.base[at]!,
          sureness: data.sureness[at]!,
          asCold: asCold(),
        }));
      const places = ordered(target);
      const ofSource = across ? ordered(others).slice(0, takenOfSource) : [];
      const toldOf = held ? places.filter((place) => held[place]) : places;
      const queried = rated(toldOf.slice(0, asked));
      const knownOf = held ? places.filter((place) => !held[place]) : places.slice(asked);
      const support = rated([...knownOf.slice(0, taken), ...ofSource]);
      const query = untaken
        ? [...queried, ...untakenRows(user, untakenCount(untaken, asked), source, asCold)]
        : queried;
      if (!told)
        return {
          support: examplesOf(data, user, support, rows.support),
          query: examplesOf(data, user, query, rows.query),
        };
      const itemsOf = (list: readonly TaskRow[]): number[] => list.map(({ item }) => item);
      const known = { items: itemsOf(support), ratings: support.map(({ rating }) => rating) };
      return {
        support: examplesOf(data, user, support, rows.support, []),
        query: examplesOf(data, user, query, rows.query, told.predict(known, itemsOf(query))),
      };
    },
  };
}

/** The items that may stand against those taken. @throws ILT201 where the data have ratings, which say that themselves */
function poolOf(
  { name, candidates }: RatedUsers,
  untaken: UntakenRows,
  across: DomainsOfItems | undefined,
): Int32Array {
  if (!candidates) {
    const problem = `items that were not taken beside ratings of ${name}`;
    throw new TaskError("ILT201", operation, problem, "Leave `untaken` out, or give implicit feedback");
  }
  const { forEach, candidates: wanted } = untaken;
  if (wanted !== "all") wholeNumber((forEach ?? wanted)!, operation, forEach === undefined ? "candidates" : "forEach");
  return across ? candidates.pool.filter((item) => across.target[item]) : candidates.pool;
}

/** A row of a task. */
interface TaskRow {
  /** Its place. */
  readonly item: number;
  readonly rating: number;
  readonly base: number;
  readonly sureness: number;
  /** Whether the item is to be as one that training does not know. */
  readonly asCold: boolean;
}

/**
 * Ratings of a user as the rows of a set of so many.
 *
 * @param told what a model says of them, in units
 */
function examplesOf(
  data: RatedUsers,
  user: number,
  ratings: readonly TaskRow[],
  rows: number,
  told?: ArrayLike<number>,
): Examples<RatedInputs, RatingTarget> {
  const { cold, items, users, units } = data;
  const slots = items.slots + (users?.slots ?? 0);
  const width = 2 + items.width + (users?.width ?? 0);
  const ids = new Int32Array(rows * slots);
  const numbers = new Float32Array(rows * width);
  const [targets, colds, present] = [new Float32Array(rows), new Float32Array(rows), new Float32Array(rows)];
  const put = (row: number, of: CodedEntities, place: number, [slot, column]: readonly [number, number]): void => {
    ids.set(of.ids.subarray(place * of.slots, (place + 1) * of.slots), row * slots + slot);
    numbers.set(of.numbers.subarray(place * of.width, (place + 1) * of.width), row * width + column);
  };
  const inUnits = (value: number): number => (value - units.mean) / units.deviation;
  ratings.forEach(({ item: place, rating, base, sureness, asCold }, row) => {
    put(row, items, place, [0, 2]);
    if (users) put(row, users, user, [items.slots, 2 + items.width]);
    if (asCold) ids[row * slots] = 0;
    numbers[row * width] = inUnits(asCold ? data.prior[place]! : base);
    numbers[row * width + 1] = asCold ? 0 : sureness;
    targets[row] = inUnits(rating);
    colds[row] = asCold ? 1 : cold[place]!;
    present[row] = 1;
  });
  const column = (values: Float32Array): Tensor => tensor(values, [rows, 1]);
  return {
    x: {
      ids: tensor(ids, [rows, slots], "int32"),
      numbers: tensor(numbers, [rows, width]),
      ...(told
        ? { told: column(Float32Array.from({ length: rows }, (_, row) => inUnits(told[row] ?? units.mean))) }
        : {}),
    },
    y: { rating: column(targets), cold: column(colds) },
    present: tensor(present, [rows]),
  };
}
