/** Models without a graph, on the tasks of learners and by their figures. */
import { tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { madeUpRatings } from "../../domains/recommendation/ratings.fixture.js";
import { userTasks } from "../../domains/recommendation/user-tasks.js";
import { ratingMae } from "../../losses/rating-metrics.js";
import { valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import { toldRatings } from "./told-ratings.js";

const data = madeUpRatings();
const units = { ...data.units, scale: { least: 0, most: 3 } };
const adapter = toldRatings({ name: "level of three", metrics: [ratingMae(units)] });
/** What it was told of each user, and asked: a rating is that of the first known, and a tenth for each place. */
const model = {
  predict: ({ ratings }: { readonly ratings: ArrayLike<number> }, items: ArrayLike<number>) =>
    Float32Array.from(items, (item) => (ratings[0] ?? 0) + item / 10),
};
const source = userTasks(data, { shots: 2, queries: 2, inTurn: true, told: model });
const after = (index: number, of = source) => {
  const { support, query } = of.sample(1, index);
  return { support, query, prediction: adapter.predict(adapter.adapt(adapter.init(key(0)), support), query.x) };
};

test("predictions are those that the model made of the known ratings", () => {
  for (const index of [0, 1, 2]) {
    const { support, query, prediction } = after(index);
    expect(prediction.shape).toEqual([2, 1]);
    const [first] = valuesIn(support.y.rating);
    // A user's i-th film is rated u + i / 10.
    const inUnits = (value: number): number => units.mean + units.deviation * value;
    const items = valuesIn(query.y.rating).map((value) => Math.round(10 * (inUnits(value) - index)));
    expect(valuesIn(prediction).map(inUnits)).toEqual(
      items.map((item) => expect.closeTo(inUnits(first!) + item / 10, 4)),
    );
  }
});

test("are judged by the squared error, and by figures of ratings within their scale", () => {
  const { query, prediction } = after(2);
  const { loss, name } = adapter;
  const wanted = valuesIn(query.y.rating);
  const squares = valuesIn(prediction).map((value, row) => (value - wanted[row]!) ** 2);
  expect(name).toBe("level of three");
  expect(valuesIn(loss(prediction, query.y, query.present))[0]).toBeCloseTo((squares[0]! + squares[1]!) / 2, 5);
  const [mae] = loss.metrics!;
  const errors = valuesIn(prediction).map((value, row) => {
    const [told, is] = [value, wanted[row]!].map((each) => units.mean + units.deviation * each) as [number, number];
    return Math.abs(Math.min(3, Math.max(0, told)) - is);
  });
  expect(errors.some((error) => error > 0)).toBe(true);
  expect(valuesIn(mae!.compute!(tensor(valuesIn(prediction), [2, 1]) as never, query.y, query.present))[0]).toBeCloseTo(
    (errors[0]! + errors[1]!) / 2,
    5,
  );
});

test("are refused of tasks that hold none, with what to do", () => {
  const untold = userTasks(data, { shots: 2, queries: 2 });
  expect(() => after(0, untold)).toThrow(
    /^IL303 level of three: tasks hold no predictions of a model.*userTasks\(data, \{ \.\.\., told: model \}\)/,
  );
});
