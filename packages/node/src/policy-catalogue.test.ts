/** Every learner of the catalogue that is for policies: it trains one by the command, and is judged. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LearnerEntry, learnerCatalogue, learnerNames } from "@innerloop/core";
import { decodeSafetensors } from "@innerloop/core/training";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { trainCommand } from "./cli/commands/train-command.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-policies-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const names = learnerNames.filter((name) => (learnerCatalogue[name] as LearnerEntry).kinds.includes("policy"));

test("gradient-based learners, those with a memory and joint training are for policies", () =>
  expect(names).toEqual(expect.arrayContaining(["maml", "cavia", "reptile", "rl2", "snail", "joint"])));

test.each(names)("%s trains a policy, and is evaluated beside its baselines", async (learner) => {
  const run = join(folder, learner.replace(/\W/g, "-"));
  const lengths = { iterations: 2, metaBatch: 4, validateEvery: 0, evalTasks: 4, evalSteps: [0, 1], horizon: 6 };
  const { takesSteps } = learnerCatalogue[learner] as LearnerEntry;
  const chosen = {
    ...{ learner, outer: "policy-gradient", workers: 1, chunk: 4, ...lengths },
    ...(takesSteps ? { episodes: 3, innerRate: 0.1 } : {}),
  };
  await trainCommand({ target: "navigation-2d", chosen, invocation: { run } }, collected().output);
  const parameters = async (name: string): Promise<number[]> => {
    const { tensors } = decodeSafetensors(await readFile(join(run, `checkpoints/${name}.safetensors`)));
    return Object.entries(tensors).flatMap(([path, { data }]) =>
      path.startsWith("params/") ? Array.from(data as Float32Array, Number) : [],
    );
  };
  expect((await parameters("last")).every(Number.isFinite)).toBe(true);
  const { evaluations } = JSON.parse(await readFile(join(run, "results.json"), "utf8")) as {
    readonly evaluations: readonly { readonly rows: readonly { readonly figures: { readonly return: unknown } }[] }[];
  };
  expect(evaluations[0]!.rows.map(({ figures }) => Object.keys(figures).includes("return"))).toEqual(
    takesSteps ? [true, true] : [true],
  );
});
