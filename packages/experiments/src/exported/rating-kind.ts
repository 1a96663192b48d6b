/** Ratings of a user: those of a few items in, those of others out, and all items in their order. */

import type { Recommendations } from "../domains/ranker.js";
import { feedbackOf } from "../domains/recommendation/feedback.js";
import { placesOfList } from "../domains/recommendation/given-ratings.js";
import type { FoundItem } from "../domains/recommendation/item-index.js";
import { knownItems } from "../domains/recommendation/known-items.js";
import {
  bestPlaces,
  influencesOf,
  mostExplained,
  placesOutside,
  recommendedItems,
  requireCount,
  requireKnown,
  unknownPlaces,
} from "../domains/recommendation/ranked-items.js";
import type { RatingTable } from "../domains/recommendation/spec.js";
import { quoted } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import { ExportError } from "./export-error.js";
import type { ExportedKind, KindSetting, Ranked } from "./exported-kind.js";
import { allItemRows, type ItemInputs, tableOf } from "./item-inputs.js";
import { finiteRow, isWhole } from "./kind-values.js";
import { plain } from "./markdown-text.js";
import { readAs } from "./refused-values.js";

/** Answers that are ratings, in the units of items.json. */
export interface RatingAnswers {
  readonly kind: "ratings";
  /** The rating from which on an item was taken, where that was learned of ratings. */
  readonly takenFrom?: number;
}

/** The rating, or score, that is told of an item. */
export interface RatingAnswer {
  /** The id of the item, or what a new one was called. */
  readonly item: string;
  readonly title: string;
  /** The rating that is predicted, within the scale. */
  readonly rating?: number;
  /** Of implicit feedback, in its place: the log-odds that the item is one taken, and not one drawn at random. */
  readonly score?: number;
  /** Standard deviation, where the learner says how sure it is. */
  readonly deviation?: number;
}

/** A request for the items that a user may like. */
export interface ExportedRecommendation {
  /** Items to name, 10 unless given. */
  readonly top?: number | undefined;
  /** Items to leave out beside those that are rated: ids or titles. */
  readonly exclude?: string | readonly string[] | undefined;
  /** Words of an attribute of items: only items that have one of them are ranked. All unless given. */
  readonly domain?: readonly string[] | undefined;
  /** Ratings that an item has among those of training, at least; 0 unless given: items that are new are ranked too. */
  readonly knownBy?: number | undefined;
  /** Whether each item has the known ratings that moved it; false unless given. One adaptation more for each of them. */
  readonly explain?: boolean | undefined;
}

/** A rating of a user's, in its own unit. */
interface SaidRating {
  readonly rating: number;
  /** The place of the item; undefined of a new one. */
  readonly place?: number;
  readonly name: string;
}

type Setting = KindSetting<RatingAnswers>;

const tableIn = ({ inputs }: Pick<Setting, "inputs">): RatingTable => tableOf(inputs as ItemInputs);

/** @internal */
export const ratingKind: ExportedKind<RatingAnswers, number, SaidRating, FoundItem, RatingAnswer> = {
  inputs: ["item"],
  parse: ({ takenFrom }) => {
    if (takenFrom === undefined) return { kind: "ratings" };
    return typeof takenFrom === "number" && Number.isFinite(takenFrom) ? { kind: "ratings", takenFrom } : undefined;
  },
  tasks: "ratings",
  learners: ({ kinds }) => kinds.includes("regression"),
  architecture: "FewShotRecommender",
  output: "mean",
  masked: true,
  targets: () => [
    { name: "support_targets.rating", dtype: "float32", shape: [1] },
    { name: "support_targets.cold", dtype: "float32", shape: [1] },
  ],
  predictions: ({ outputs }) => outputs.map((name) => ({ name, dtype: "float32", shape: [1] })),

  example: "{ item, rating }",
  // A new item is what is said of it: the whole example.
  inputOf: (example) => example,
  given: (example, where, setting) => {
    const { answers } = setting;
    const table = tableIn(setting);
    const said = readAs(where, () => feedbackOf(table).said(example, "", { spec: table, options: answers }));
    if (said !== undefined) return said;
    throw new ExportError(
      "ILE206",
      where,
      `its rating is ${quoted(example.rating)}, and what was taken has ${answers.takenFrom} or more`,
      "Leave it out: of what was not taken the learner learns nothing",
    );
  },
  said: (rating, item) => [{ rating, name: item.name, ...("place" in item ? { place: item.place } : {}) }],
  classes: (said, _, refuse) => {
    const seen = new Set<number | string>();
    for (const { place, name } of said) {
      const which = place ?? name;
      if (seen.has(which) && which !== "")
        refuse("examples", `${quoted(name)} comes up for the second time`, "Give each item once");
      seen.add(which);
    }
    return [];
  },
  rowOf: ({ rating, place }, _, setting) => {
    const { units, cold } = tableIn(setting);
    return [
      Float32Array.of((rating - units.mean) / units.deviation),
      Float32Array.of(place === undefined ? 1 : cold[place]!),
    ];
  },
  kept: (said) => ({
    ratings: { dtype: "float64", shape: [said.length], data: Float64Array.from(said, ({ rating }) => rating) },
    places: { dtype: "int32", shape: [said.length], data: Int32Array.from(said, ({ place = -1 }) => place) },
  }),
  restored: ({ ratings, places, ...others }, rows, classes, setting) => {
    const table = tableIn(setting);
    const { scale, items, implicit } = table;
    const { index } = knownItems(table);
    const [least, most] = implicit ? [1, 1] : [scale.least, scale.most];
    const fits =
      Object.keys(others).length === 0 &&
      classes.length === 0 &&
      ratings?.dtype === "float64" &&
      ratings.shape.join() === `${rows}` &&
      ratings.data.every((rating) => Number(rating) >= least && Number(rating) <= most) &&
      places?.dtype === "int32" &&
      places.shape.join() === `${rows}` &&
      places.data.every((place) => isWhole(place, -1, items.ids.length - 1));
    if (!fits) return undefined;
    return Array.from({ length: rows }, (_, row) => {
      const [rating, place] = [Number(ratings.data[row]), Number(places.data[row])];
      return place < 0 ? { rating, name: "" } : { rating, place, name: index.nameOf(place) };
    });
  },
  areClasses: (classes) => classes.length === 0,
  sameAs: ({ takenFrom }) => takenFrom ?? null,

  answers: ({ outputs, read, starts, setting, where }) => {
    const table = tableIn(setting);
    const { told, toldOf } = feedbackOf(table);
    const { index } = knownItems(table);
    const one = (name: string, i: number): number => finiteRow(outputs, name, starts[i]!, { where })[0]!;
    return read.map((item, i) => ({
      item: "place" in item ? index.idOf(item.place) : item.name,
      title: item.name,
      [told]: toldOf(table, one("mean", i)),
      ...(outputs.deviation ? { deviation: table.units.deviation * one("deviation", i) } : {}),
    }));
  },
  recommend: (request, ranked) => readAs("recommend", () => recommended(request, ranked)),
  words: (setting) => {
    const table = tableIn(setting);
    const { told, known } = feedbackOf(table);
    const { units, scale, implicit, items } = table;
    const [first, second, third] = popularNames(table);
    const rated = (item: string, rating: number): string =>
      implicit ? `{ item: ${item} }` : `{ item: ${item}, rating: ${rating} }`;
    return {
      title: "what a user likes, from a few ratings",
      does: `tells what a user makes of ${items.ids.length} items of ${plain(table.name)}`,
      most: `${items.ids.length} items`,
      given: known.many,
      takes: [
        implicit
          ? "`support_targets.rating` is 1 of what was taken; `mean` is the log-odds that an item is one taken."
          : `\`support_targets.rating\` is (rating - ${units.mean}) / ${units.deviation}, ratings are from ${scale.least} to ${scale.most}; so are \`mean\` and \`deviation\`, which \`innerloop\` gives in their own units.`,
        "`support_targets.cold` is 1 of items that training did not know; no answer depends on it.",
      ],
      limits: ["It knows the items of its training; of new ones what their attributes say."],
      pythonRows: (support) => Math.min(support, 3, items.ids.length),
      pythonTargets: (rows) => ({
        "support_targets.rating": implicit ? `np.ones((${rows}, 1))` : `np.linspace(-1, 1, ${rows})[:, None]`,
      }),
      pythonAnswers: [
        'names = items.get("titles", items["ids"])',
        'for place in np.argsort(-answers["mean"][:, 0])[:10]:',
        implicit
          ? '    print(names[place], answers["mean"][place, 0])'
          : '    print(names[place], units["mean"] + units["deviation"] * answers["mean"][place, 0])',
      ],
      javascript: () => ({
        examples: [rated(first, scale.most), rated(second, scale.least)],
        ask: [
          `const { ${told} } = await task.predict(${third});`,
          `const { items } = await task.recommend({ top: 10 }); // [{ rank, item, title, ${told} }, ...]`,
        ],
      }),
    };
  },
};

/** Three items that most users know, as JavaScript writes what they are called: by id where several have their title. */
function popularNames(table: RatingTable): readonly [string, string, string] {
  const { index } = knownItems(table);
  const { counts } = table.base;
  const places = [...counts.keys()].sort((a, b) => counts[b]! - counts[a]! || a - b).slice(0, 3);
  const names = places.map((place) => {
    const title = index.nameOf(place);
    return JSON.stringify(index.called(title).length === 1 ? title : index.idOf(place));
  });
  const [first, second = first!, third = second] = names;
  return [first!, second, third];
}

/** Options of `recommend`. */
const known = ["top", "exclude", "domain", "knownBy", "explain"];

async function recommended(
  request: ExportedRecommendation,
  { setting, said, steps, predicted, where }: Ranked<RatingAnswers, SaidRating>,
): Promise<Recommendations> {
  requireKnown("recommend", request, known);
  const { top = 10, exclude, domain, knownBy = 0, explain = false } = request;
  requireCount("top", top, 1);
  requireCount("knownBy", knownBy, 0);
  const table = tableIn(setting);
  const others = exclude === undefined ? [] : await placesOfList([exclude].flat(), table);
  const leftOut = new Set([
    ...said.flatMap(({ place }) => place ?? []),
    ...others,
    ...(domain === undefined ? [] : placesOutside(table, domain)),
    ...unknownPlaces(table, knownBy),
  ]);
  const { mean, deviation } = await predicted(allItemRows(table));
  const centres = mean!.data as Float32Array;
  for (const place of centres.keys()) finiteRow({ mean: mean! }, "mean", place, { where });
  const found = { centres, deviations: deviation?.data as Float32Array | undefined };
  const places = bestPlaces(centres, top, leftOut);
  const ranked = { told: feedbackOf(table).told, known: said.length, ranked: centres.length - leftOut.size, steps };
  const items = recommendedItems(table, found, places);
  if (!explain) return { items, ...ranked };
  if (said.length > mostExplained)
    throw new UsageError(
      `an explanation by ${said.length} ratings`,
      `Give ${mostExplained} at most, or leave the explanation out`,
    );
  const { index } = knownItems(table);
  const asked = places.map((place) => allItemRows(table)[place]!);
  const without: (readonly number[])[] = [];
  for (const left of said.keys()) {
    const told = await predicted(asked, left);
    without.push(places.map((_, row) => finiteRow(told, "mean", row, { where })[0]!));
  }
  const rated = said.map(({ rating, place, name }) => {
    const item = place === undefined ? name : index.idOf(place);
    return { item, title: name, rating };
  });
  const because = influencesOf(table, rated, { all: places.map((place) => centres[place]!), without });
  return { items: items.map((item, i) => ({ ...item, because: because[i]! })), ...ranked };
}
