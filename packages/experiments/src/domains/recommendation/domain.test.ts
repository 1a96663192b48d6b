import { key } from "@innerloop/core";
import type { ResidualLearner } from "@innerloop/core/learners";
import type { RatedInputs } from "@innerloop/core/tasks";
import { sourceOf } from "@innerloop/core/tasks";
import { interpret } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { buildExperiment } from "../../build.js";
import { configOf } from "../../made-up.fixture.js";
import { recommendation } from "./domain.js";
import { loaded, madeUpInteractions, needs, optionsOf } from "./ratings.fixture.js";

const numbersOf = (of: (user: number) => number) => Float64Array.from({ length: 60 }, (_, user) => of(user));
const town = {
  kind: "category",
  name: "town",
  words: ["Oslo", "Rome", "Bonn"],
  of: Int32Array.from({ length: 60 }, (_, user) => user % 3),
} as const;
const age = { kind: "number", name: "age", values: numbersOf((user) => 20 + user) } as const;
const config = (flags: object) => configOf("recommendation", { ratings: "films.csv", embeddingWidth: 4, ...flags });

describe("the profile of users", () => {
  it.each([
    ["words and numbers", [town, age], 2],
    ["words alone", [town], 1],
    ["numbers alone", [age], 1],
  ] as const)("is the columns that are the same in all rows of a user: %s", async (_, userAttributes, ranges) => {
    const films = await loaded(madeUpInteractions({ userAttributes }));
    const options = optionsOf({ embeddingWidth: 4 });
    const { profile, inputShape } = recommendation.shapes(films.spec, options, needs);
    expect(profile).toHaveLength(ranges);
    const { learner, tasks } = buildExperiment(config({ learner: "mamo" }), films);
    const { features } = learner as unknown as ResidualLearner;
    const { embedding } = (learner as unknown as ResidualLearner).init(key(1));
    const rowsOf = (index: number): number[][] => {
      const { x } = sourceOf(tasks.test).sample(0, index).query as unknown as { readonly x: RatedInputs };
      const found = features(embedding, x).features;
      const values = Array.from(interpret([found])[0]!, Number);
      const [n, width] = found.shape as [number, number];
      return Array.from({ length: n }, (_, row) => values.slice(row * width, (row + 1) * width));
    };
    const users = [0, 1, 2, 3, 4, 5].map(rowsOf);
    for (let column = 0; column < inputShape[0]!; column++) {
      const isProfile = profile!.some(([from, to]) => column >= from && column < to);
      const values = users.map((rows) => new Set(rows.map((row) => row[column]!)));
      expect(
        values.every(({ size }) => size === 1),
        `column ${column}`,
      ).toBe(isProfile);
      expect(new Set(values.flatMap((own) => [...own])).size, `column ${column}`).toBeGreaterThan(1);
    }
  });

  it("is nothing where nothing is known of users, and MAMO is refused then before it trains", async () => {
    const films = await loaded();
    expect(recommendation.shapes(films.spec, optionsOf(), needs)).not.toHaveProperty("profile");
    expect(() => buildExperiment(config({ learner: "mamo" }), films)).toThrow(
      /^--learner mamo of ratings of users, when nothing is known of whom a task is about.*with --users/,
    );
  });
});

describe("paths between items", () => {
  it("are the columns of ids that have the words of an attribute, and none the item itself", async () => {
    const films = await loaded(madeUpInteractions({ userAttributes: [town] }));
    const { paths } = recommendation.shapes(films.spec, optionsOf(), needs);
    const { fields } = films.spec.codings.items;
    const ofWords = fields.filter(({ kind }) => kind !== "id");
    expect(ofWords.length).toBeGreaterThan(0);
    expect(paths!.map(([from, to]) => to - from)).toEqual(ofWords.map(({ slots }) => slots));
    const { learner, tasks } = buildExperiment(config({ learner: "metahin" }), films);
    expect(learner.description).toMatchObject({ paths: ofWords.length });
    // Ids of an attribute's words follow those of the fields before it.
    const { x } = sourceOf(tasks.test).sample(0, 0).query as unknown as { readonly x: RatedInputs };
    const [values, slots] = [Array.from(x.ids.data!, Number), x.ids.shape[1]!];
    let next = 1 + fields[0]!.words.length;
    for (const [i, [from, to]] of paths!.entries()) {
      const last = next + ofWords[i]!.words.length;
      const ids = values.filter((id, at) => id > 0 && at % slots >= from && at % slots < to);
      expect(ids.length).toBeGreaterThan(0);
      for (const id of ids) expect(id >= next && id < last).toBe(true);
      next = last;
    }
  });

  it("are none where items have no words, and MetaHIN is refused then", async () => {
    const { items, ...films } = madeUpInteractions();
    const plain = await loaded({ ...films, items: { ...items, attributes: [] } });
    expect(recommendation.shapes(plain.spec, optionsOf(), needs)).not.toHaveProperty("paths");
    expect(() => buildExperiment(config({ learner: "metahin" }), plain)).toThrow(
      /^--learner metahin of ratings of users, when inputs have no words in common.*with --items/,
    );
  });
});
