/** Kinds of exported tasks: each is read from config.json as it was written, with the inputs and predictions that it goes with. */
import { wordFeatureSlots } from "@innerloop/core/tasks";
import { beforeAll, describe, expect, test } from "vitest";
import { answersFrom, type ExportedAnswers, kindNameIn, kindOf, loadKind } from "./exported-kinds.js";
import type { ExportedInputs } from "./input-forms.js";

const numbers: ExportedInputs = { kind: "numbers", shape: [2] };
const item: ExportedInputs = { kind: "item", slots: 3, numbers: 2 };
const words: ExportedInputs = {
  kind: "words",
  words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 0 },
};

const observations: ExportedInputs = {
  kind: "observations",
  horizon: 5,
  observation: { kind: "discrete", size: 4 },
};

type Setting = Parameters<typeof answersFrom>[1];
const sizes = { support: 6, steps: { usual: 2, fixed: undefined } };
const classes: Setting = { ways: 3, inputs: numbers, outputs: ["logits", "probabilities"] };
const values: Setting = { ways: undefined, inputs: numbers, outputs: ["mean", "deviation"] };
const ratings: Setting = { ways: undefined, inputs: item, outputs: ["mean"] };
const spans: Setting = { ways: 3, inputs: words, outputs: ["scores", "tags", "mask"] };
const stated: Setting = {
  ...spans,
  inputs: {
    kind: "encoded-words",
    words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 8 },
    backbone: { name: "tiny", output: "states", maxTokens: 16 },
  },
};
const policies: Setting = { ways: undefined, inputs: observations, outputs: ["prediction"] };
const policy: ExportedAnswers = {
  kind: "policy",
  action: { kind: "box", size: 2 },
  episodes: 3,
  discount: 0.99,
  lambda: 1,
  baseline: "linear",
  trial: true,
};
const targets = [{ name: "fare", mean: 3, deviation: 2 }];

const told: readonly (readonly [ExportedAnswers, Setting])[] = [
  [{ kind: "classes" }, classes],
  [{ kind: "classes", classes: ["a", "b"] }, classes],
  [{ kind: "numbers", targets }, values],
  [{ kind: "ratings" }, ratings],
  [{ kind: "ratings", takenFrom: 4 }, ratings],
  [{ kind: "spans" }, spans],
  [{ kind: "spans" }, stated],
  [policy, policies],
];

beforeAll(async () => {
  for (const [answers] of told) await loadKind(kindNameIn({ answers }));
});

describe.each(told)("%j", (answers, setting) => {
  test("config.json has all of it", () => {
    expect(answersFrom(JSON.parse(JSON.stringify({ answers })), setting)).toEqual(answers);
  });

  test("is refused with inputs of other kinds", () => {
    const others = [numbers, item, words, observations].filter(({ kind }) => !setting.inputs.kind.endsWith(kind));
    for (const inputs of others) expect(answersFrom({ answers }, { ...setting, inputs }), inputs.kind).toBeUndefined();
  });

  test("names its tensors, and each prediction once", () => {
    const kind = kindOf(answers);
    expect(kind.predictions({ ...setting, ...sizes, answers }).map(({ name }) => name)).toEqual(setting.outputs);
    expect(setting.outputs).toContain(kind.output);
    for (const { name } of kind.targets({ ...setting, ...sizes, answers }))
      expect(name).toMatch(/^support_(labels|targets)/);
  });
});

test.each<[unknown, Setting]>([
  [null, values],
  [[], classes],
  ["classes", classes],
  [{ kind: "constructor" }, classes],
  [{ kind: "classes", classes: ["a", "b", "c", "d"] }, classes],
  [{ kind: "classes", classes: ["a", "a"] }, classes],
  [{ kind: "classes" }, values],
  [{ kind: "numbers", targets: [] }, values],
  [{ kind: "numbers", targets: [{ name: "a", mean: 0, deviation: 0 }] }, values],
  [{ kind: "numbers", targets }, classes],
  [{ kind: "ratings", takenFrom: "4" }, ratings],
  [{ kind: "spans" }, { ...spans, ways: 1 }],
  [{ ...policy, action: { kind: "box", size: 0 } }, policies],
  [{ ...policy, discount: 2 }, policies],
  [{ ...policy, episodes: 1e9 }, policies],
  [{ ...policy, baseline: "none at all" }, policies],
  [policy, { ...policies, outputs: ["mean"] }],
  [{ kind: "spans" }, { ...spans, outputs: ["tags"] }],
])("%j are no answers of %j", (answers, setting) => {
  expect(answersFrom({ answers }, setting)).toBeUndefined();
});

test("folders of before tell classes or targets beside their answers", () => {
  expect(answersFrom({ classes: ["a"], targets: null }, classes)).toEqual({ kind: "classes", classes: ["a"] });
  expect(answersFrom({ targets }, values)).toEqual({ kind: "numbers", targets });
  expect(answersFrom({}, classes)).toEqual({ kind: "classes" });
});
