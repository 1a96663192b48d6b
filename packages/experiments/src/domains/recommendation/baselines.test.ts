/** Rows in closed form beside a learner of ratings. */
import { key } from "@innerloop/core";
import { type RatingModelEntry, ratingModels, sourceOf } from "@innerloop/core/tasks";
import { toNumbers } from "@innerloop/graph";
import { afterEach, expect, it, vi } from "vitest";
import { ratingBaselines } from "./baselines.js";
import { loaded, optionsOf } from "./ratings.fixture.js";
import { heldOutTasks } from "./tasks.js";

const { data, spec } = await loaded();
const options = optionsOf({ shots: 3 });
const rows = () => ratingBaselines({ spec, options, data });
const withErrors: readonly RatingModelEntry[] = ratingModels.filter(({ ranksOnly }) => !ranksOnly);

afterEach(() => {
  vi.restoreAllMocks();
});

it("are all models that have an error, in their order", () => {
  expect(rows().map(({ adapter }) => adapter.name)).toEqual(withErrors.map(({ title }) => title));
  expect(rows().length).toBeGreaterThan(6);
  expect(ratingModels.length).toBeGreaterThan(rows().length);
  expect(ratingBaselines({ spec: undefined, options, data })).toEqual([]);
});

it("are fitted when first asked for, and once", () => {
  const fits = withErrors.map((entry) => vi.spyOn(entry, "fit"));
  const made = rows();
  expect(fits.map(({ mock }) => mock.calls.length)).toEqual(fits.map(() => 0));
  for (const { tasks } of made) {
    tasks!();
    tasks!();
  }
  expect(fits.map(({ mock }) => mock.calls.length)).toEqual(fits.map(() => 1));
  expect(
    fits.every(({ mock }) => mock.calls[0]![0].places === data.places && mock.calls[0]![0].base === data.fitted),
  ).toBe(true);
});

it("start from levels and attributes where the learner does not", async () => {
  const fits = withErrors.map((entry) => vi.spyOn(entry, "fit"));
  for (const base of ["bias", "mean"]) {
    const other = await loaded(undefined, { base });
    expect(other.data.fitted.base.prior).toBeUndefined();
    for (const { tasks } of ratingBaselines({ spec: other.spec, options, data: other.data })) tasks!();
    const given = fits.map(({ mock }) => mock.calls.at(-1)![0].base!);
    // Fitted once for all of them.
    expect(new Set(given).size).toBe(1);
    expect(given[0]!.base).toEqual(data.fitted.base);
  }
});

it("answer the learner's own tasks, from the ratings that it knows", () => {
  const own = heldOutTasks(data, "test", options);
  rows().forEach(({ adapter, tasks }, row) => {
    const model = withErrors[row]!.fit({ interactions: data.interactions, places: data.places, base: data.fitted });
    const source = sourceOf(tasks!());
    expect(source.count).toBe(own.count);
    for (const index of [0, own.count! - 1]) {
      const [told, task] = [source.sample(4, index), own.sample(4, index)];
      expect(leavesOf(told)).toEqual(leavesOf(task));
      const { told: predicted } = told.query.x as unknown as typeof task.query.x;
      const params = adapter.init(key(0));
      const answer = adapter.predict(adapter.adapt(params, told.support), told.query.x);
      expect(toNumbers(answer)).toEqual(toNumbers(predicted!));
      const wanted = model.predict(ratingsOf(told.support), itemsOf(told.query));
      expect(toNumbers(answer)).toEqual(
        Array.from(wanted, (value) => expect.closeTo((value - spec.units.mean) / spec.units.deviation, 4)),
      );
    }
  });
});

/** Numbers of all that a learner is given. */
const leavesOf = ({ support, query }: { readonly support: unknown; readonly query: unknown }): readonly number[][] =>
  [support as Set, query as Set].flatMap(({ x, y, present }) =>
    [x.ids, x.numbers, y.rating, y.cold, present!].map((leaf) => toNumbers(leaf)),
  );

type Set = ReturnType<ReturnType<typeof heldOutTasks>["sample"]>["support"];

/** Places of items by the year of each, which no two have: the second number after base and sureness is that of the coding. */
function itemsOf({ x, present }: { readonly x: unknown; readonly present?: unknown }): number[] {
  const { numbers } = x as Set["x"];
  const { items } = data.parts.test;
  const width = numbers.shape[1]!;
  const years = Array.from({ length: items.count }, (_, place) => items.numbers[place * items.width]!);
  const values = toNumbers(numbers);
  return toNumbers(present as Set["present"] & object).flatMap((there, row) =>
    there ? [years.indexOf(Math.fround(values[row * width + 2]!))] : [],
  );
}

function ratingsOf(set: { readonly x: unknown; readonly y: unknown; readonly present?: unknown }): {
  readonly items: number[];
  readonly ratings: number[];
} {
  const items = itemsOf(set);
  const ratings = toNumbers((set.y as Set["y"]).rating).slice(0, items.length);
  return { items, ratings: ratings.map((value) => spec.units.mean + spec.units.deviation * value) };
}
