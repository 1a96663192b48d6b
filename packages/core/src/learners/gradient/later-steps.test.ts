/** Steps beyond those of training that are shorter, whichever learner takes them. */
import { concat, sliceAxis } from "@innerloop/graph";
import { expect, test } from "vitest";
import { meanSquaredError } from "../../losses/losses.js";
import { sgd } from "../../optimizers/optimizers.js";
import type { Examples } from "../../tasks/task.js";
import { fineTuning, fromScratch } from "../baselines/baselines.js";
import { cavia, contextualMlp } from "./cavia.js";
import { base, curve, curves, distance, expectClose, movedParams, rate } from "./gradient-options.fixture.js";
import { maml } from "./maml.js";
import { reptile } from "./reptile.js";

const { support, query } = curves();
const rows = (set: Examples, from: number, to: number): Examples => ({
  x: sliceAxis(set.x, 0, from, to),
  y: sliceAxis(set.y, 0, from, to),
});

test("are of the share of their length: one step at the rate, then others at that share of it", () => {
  const learner = maml({ ...base, steps: 1, laterShare: 0.25 });
  const params = movedParams(learner);
  const whole = maml({ ...base, steps: 1 });
  const slower = maml({ ...base, inner: sgd({ learningRate: rate / 4 }), steps: 1 });
  const first = learner.adapt(params, support, { steps: 1 }).params;
  expectClose(first, whole.adapt(params, support, { steps: 1 }).params);
  const third = slower.adapt(first, support, { steps: 2 }).params;
  expectClose(learner.adapt(params, support, { steps: 3 }).params, third);
  expect(distance(third, whole.adapt(params, support, { steps: 3 }).params)).toBeGreaterThan(1e-3);
});

test("change nothing of training", () => {
  const [plain, later] = [maml(base), maml({ ...base, laterShare: 0.1 })];
  const params = movedParams(plain);
  expectClose(
    later.metaGradient(params, { support, query }).gradient,
    plain.metaGradient(params, { support, query }).gradient,
  );
});

const inner = sgd({ learningRate: rate });
const shared = { loss: meanSquaredError, inner, steps: 1, laterShare: 0.5 };
test.each([
  ["Reptile", reptile({ model: curve, ...shared }), reptile({ model: curve, ...shared, laterShare: 1 })],
  [
    "CAVIA",
    cavia({ model: contextualMlp({ sizes: [2, 4, 1], contextSize: 3 }), ...shared }),
    cavia({ model: contextualMlp({ sizes: [2, 4, 1], contextSize: 3 }), ...shared, laterShare: 1 }),
  ],
  ["from scratch", fromScratch({ model: curve, ...shared }), fromScratch({ model: curve, ...shared, laterShare: 1 })],
  ["fine-tuning", fineTuning({ model: curve, ...shared }), fineTuning({ model: curve, ...shared, laterShare: 1 })],
] as const)("%s takes them, too", (_name, halved, whole) => {
  const params = movedParams(halved as never);
  const after = (learner: typeof halved | typeof whole, steps: number) =>
    learner.adapt(params, support, { steps }).params;
  expectClose(after(halved, 1), after(whole, 1));
  const lengths = [halved, whole].map((learner) => distance(after(learner, 2), after(learner, 1)));
  expect(lengths[0]! / lengths[1]!).toBeCloseTo(0.5, 6);
});

test("baselines take rows of their own for each step", () => {
  const plain = fromScratch({ model: curve, loss: meanSquaredError, inner });
  const params = movedParams(plain as never);
  const learner = fromScratch({ model: curve, loss: meanSquaredError, inner, minibatch: { size: 2 } });
  // Of four rows in two parts the first has every other one, as sets that are gathered by step have them.
  const ofStep = (step: number): Examples => {
    const at = [step, step + 2].map((row) => rows(support, row, row + 1));
    return { x: concat(at.map(({ x }) => x)), y: concat(at.map(({ y }) => y)) };
  };
  const first = plain.adapt(params, ofStep(0), { steps: 1 }).params;
  expectClose(learner.adapt(params, support, { steps: 1 }).params, first);
  expectClose(learner.adapt(params, support, { steps: 2 }).params, plain.adapt(first, ofStep(1), { steps: 1 }).params);
});

test.each([0, -1, 1.5, Number.NaN])("a share of %d is refused", (laterShare) => {
  expect(() => maml({ ...base, laterShare })).toThrow(/IL102 maml: laterShare .* Use a share above 0, 1 at most/);
});
