/** Tasks that a trained model was adapted to, as bytes: they answer as before, and bytes from anywhere are looked at. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random } from "@innerloop/core";
import { registerDomain, type TrainedModel } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { load } from "./index.js";
import { sentences } from "./sentences-domain.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
let folder: string;

const draw = random(1, 2);
const image = (): Float32Array => Float32Array.from({ length: 784 }, () => draw.uniform());
const cases = [
  {
    preset: "sinusoid",
    options: {},
    support: [-1, 0, 0.5, 2].map((x) => ({ x, y: Math.sin(x) })),
    inputs: [{ x: 1 }, { x: -2 }],
  },
  {
    preset: "hanzi",
    options: { filters: 4, blocks: 2, learner: "prototypical" },
    support: { a: [image(), image()], b: [image()], c: [image()] },
    inputs: [image(), image()],
  },
  {
    preset: "topics",
    options: {},
    support: {
      art: [
        [0, 1],
        [3, 2, 1],
      ],
      sport: [[20, 21]],
    },
    inputs: [[1, 3], [22]],
  },
] as const;

const models = new Map<string, TrainedModel>();
beforeAll(async () => {
  registerDomain(sentences as never);
  folder = await mkdtemp(join(tmpdir(), "innerloop-tasks-"));
  for (const { preset, options } of cases) {
    const invocation = { run: join(folder, preset), skipEvaluation: true };
    const chosen = { iterations: 2, metaBatch: 2, validateEvery: 0, workers: 1, ...options };
    await trainCommand({ target: preset, chosen, invocation }, collected().output);
    models.set(preset, await load(join(folder, preset), { executor }));
  }
});
afterAll(async () => {
  await executor.close();
  await rm(folder, { recursive: true, force: true });
});

describe.each(cases)("a task of $preset", ({ preset, support, inputs }) => {
  test("answers from its bytes as it did, in a model that was loaded anew", async () => {
    const task = await models.get(preset)!.adapt(support);
    const expected = await task.answer(inputs);
    const again = await load(join(folder, preset), { executor });
    const restored = await again.restore(task.toBytes());
    expect(await restored.answer(inputs)).toEqual(expected);
    expect([restored.steps, restored.support.text]).toEqual([task.steps, task.support.text]);
    expect(restored.toBytes()).toEqual(task.toBytes());
  });

  test("is refused where a byte is another, where bytes are missing, and by another model", async () => {
    const model = models.get(preset)!;
    const bytes = (await model.adapt(support)).toBytes();
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 60)) {
      const other = bytes.slice();
      other[at]! ^= 1;
      await expect(model.restore(other), String(at)).rejects.toMatchObject({ code: "ILR201" });
      await expect(model.restore(bytes.slice(0, at))).rejects.toMatchObject({ code: "ILR201" });
    }
    for (const [name, other] of models)
      if (name !== preset)
        await expect(other.restore(bytes)).rejects.toThrow(/ILR202|no task of|support set|shape|class/);
  });
});

test("no examples are refused by a run that has to have some", async () => {
  for (const { preset } of cases) await expect(models.get(preset)!.adapt()).rejects.toThrow(/no examples. Give some/);
});

test("no examples are enough for a run that was trained to answer without", async () => {
  const [data, run] = ["opinions.csv", "opinions"].map((name) => join(folder, name)) as [string, string];
  // The same words are good and bad in each of three places.
  const opinions = ["oslo", "rome", "kyoto"].flatMap((place) =>
    Array.from({ length: 200 }, (_, i) => [`${i % 2 ? "good" : "bad"} number ${i} of ${place}`, i % 2, place].join()),
  );
  await writeFile(data, ["text,label,domain", ...opinions].join("\n"));
  const chosen = { data, split: "domains", domainColumn: "domain", testDomains: ["kyoto"], learner: "logistic-prior" };
  const sizes = { trainShots: "0-2", shots: 1, queries: 2, iterations: 2, validateEvery: 0, workers: 1 };
  const invocation = { run, skipEvaluation: true };
  await trainCommand({ target: "text", chosen: { ...chosen, ...sizes }, invocation }, collected().output);
  const model = await load(run, { executor });
  const task = await model.adapt();
  const { answers } = await task.answer(["good at noon", "bad at night"]);
  expect(answers.map(({ prediction }) => prediction)).toEqual(["1", "0"]);
  const restored = await (await load(run, { executor })).restore(task.toBytes());
  expect((await restored.answer(["good at noon", "bad at night"])).answers).toEqual(answers);
  // With examples it is another task, of the same model.
  const other = await model.adapt({ "0": ["good one"], "1": ["bad one"] });
  expect((await other.answer(["good at noon"])).answers).not.toEqual(answers.slice(0, 1));
});

test("options that adapting does not know are refused", async () => {
  const { support } = cases[0];
  await expect(models.get("sinusoid")!.adapt(support, { step: 3 } as never)).rejects.toThrow(
    'adapt has no option "step". Did you mean steps?',
  );
});
