/** What rows take besides their updates: users of few ratings have no more of them than they have. */
import { type Row, type Table, tables } from "@innerloop/experiments/published";
import { expect, it } from "vitest";
import { overhead } from "./row-overhead.js";

const melu = tables.find(({ name }) => name === "melu")!;
const [first] = melu.rows as readonly [Row];

const withOptions = (options: Row["train"]["options"], more: Partial<Row> = {}): Row => ({
  ...first,
  ...more,
  train: { ...first.train, options },
});
const secondsOf = (row: Row, table: Table = melu): number => overhead(table, row, 0, 1);

it("an evaluation of all that users have told is of the most ratings that they have", () => {
  const { options } = first.train;
  expect(options.shots).toBe(10_000);
  expect(secondsOf(first)).toBeCloseTo(secondsOf(withOptions({ ...options, shots: 90 })), 6);
  expect(secondsOf(first)).toBeGreaterThan(1.5 * secondsOf(withOptions({ ...options, shots: 40 })));
});

it("closed forms take no steps, and networks from scratch take 50", () => {
  const partOfBaselines = (row: Row, table: Table): number =>
    secondsOf(row, table) / secondsOf({ ...row, baselines: false }, table);
  expect(partOfBaselines(first, melu)).toBeLessThan(3);
  const omniglot = tables.find(({ name }) => name === "omniglot")!;
  const maml = omniglot.rows.find(({ name }) => name === "maml-5way-1shot")!;
  expect(partOfBaselines({ ...maml, baselines: true }, omniglot)).toBeGreaterThan(3);
});
