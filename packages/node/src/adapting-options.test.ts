/** Options of `model.adapt`: what means nothing is refused at every call, and learners of many sizes do not pile up. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adam, maml, meanSquaredError, mlp, sgd, sinusoids, train } from "@innerloop/core";
import type { AdaptSetting } from "@innerloop/experiments";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { countingLoads } from "./executor/counting-loads.fixture.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { load } from "./index.js";

const { executor, open } = countingLoads(onnxruntimeExecutor({ threads: 1 }));
const learner = maml({
  model: mlp({ sizes: [1, 4, 1] }),
  loss: meanSquaredError,
  inner: sgd({ learningRate: 0.01 }),
  steps: 1,
});
const experiment = { learner, tasks: sinusoids({ shots: 3 }), optimizer: adam({ learningRate: 1e-3 }) };
const points = [-1, 0.5, 2].map((x) => ({ x, y: x / 2 }));
const classes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, c) => [`c${c}`, [new Float32Array(784).fill(c / count)]]));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-adapting-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  const chosen = { iterations: 1, metaBatch: 2, validateEvery: 0, workers: 1 };
  for (const [target, more] of [
    ["sinusoid", { model: "linear" }],
    ["hanzi", { filters: 4, blocks: 1, learner: "prototypical", ways: 2, batchNorm: "transductive" }],
  ] as const) {
    const invocation = { run: join(folder, target), skipEvaluation: true };
    await trainCommand({ target, chosen: { ...chosen, ...more }, invocation }, collected().output);
  }
  const run = await train({ ...experiment, metaBatchSize: 2, iterations: 1, executor });
  await run.save(join(folder, "program"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await executor.close();
  await rm(folder, { recursive: true, force: true });
});

const rule = { score: "top logit", threshold: 0 } as unknown as NonNullable<AdaptSetting["rule"]>;

test.each<[run: string, setting: AdaptSetting, message: RegExp]>([
  ["sinusoid", { flags: { foo: 1 } }, /^adapting .* has no option "foo"\. It takes none/],
  ["sinusoid", { flags: { invert: "yes" } }, /^--invert means nothing for .*It is for data sets of classes/],
  ["sinusoid", { flags: { batchNorm: "support" } }, /^--batch-norm means nothing for .* --model linear/],
  ["sinusoid", { flags: { shots: 3 } }, /^--shots is no option of adapting .*\. It takes none/],
  ["sinusoid", { rule }, /^a rule of open sets for .* Leave it out/],
  ["hanzi", { flags: { shots: 3 } }, /^--shots is no option of adapting .*\. It takes --batch-norm, --invert/],
  ["hanzi", { flags: { invert: "perhaps" } }, /^invert in flags is "perhaps"/],
  ["hanzi", { flags: { reject: true } }, /^adapting .* has no option "reject"/],
  ["program", { flags: { invert: "yes" } }, /^--invert means nothing for .*It is for data sets of classes/],
  ["program", { flags: { batchNorm: "support" } }, /^--batch-norm is settled by /],
  ["program", { flags: { foo: 1 } }, /^adapting .* has no option "foo"/],
])("a run of %s refuses %j, before and after it has adapted", async (name, setting, message) => {
  const model = await load(join(folder, name), { executor, ...(name === "program" ? { experiment } : {}) });
  const examples = name === "hanzi" ? classes(2) : points;
  await expect(model.adapt(examples, setting)).rejects.toThrow(message);
  await model.adapt(examples, { flags: { batchNorm: undefined } });
  await expect(model.adapt(examples, setting)).rejects.toThrow(message);
  await model.release();
});

test("a run of options takes no learner of a program", async () => {
  await expect(load(join(folder, "sinusoid"), { experiment, executor })).rejects.toThrow(
    /^a learner for .*whose learner is made by its options \(--learner maml\)\. Leave `experiment` out/,
  );
});

test("of learners for many numbers of classes the last few are kept, and tasks of the others still answer", async () => {
  const model = await load<{ prediction: string }>(join(folder, "hanzi"), { executor });
  const before = open();
  const inputs = [new Float32Array(784).fill(0.01)];
  const first = await model.adapt(classes(2));
  const answer = await first.predict(inputs);
  // The mode that is meant where none is given is no other learner.
  const loaded = open();
  await (await model.adapt(classes(2), { flags: { batchNorm: "support" } })).predict(inputs);
  expect(open()).toBe(loaded);
  for (let count = 3; count <= 14; count++) await (await model.adapt(classes(count))).predict(inputs);
  await vi.waitFor(() => expect(open() - before).toBeLessThanOrEqual(4 * (loaded - before)));
  expect(await first.predict(inputs)).toEqual(answer);
});
