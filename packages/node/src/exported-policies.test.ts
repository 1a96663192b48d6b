/** Runs of policies as exported folders: they act, adapt to episodes of their own step by step, and act again. */
import { readFile } from "node:fs/promises";
import { random } from "@innerloop/core";
import { actionDistribution, type Space } from "@innerloop/core/reinforcement";
import type { ExportedExample, ExportedLearner, PolicyAnswer, Practice, TrainedModel } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ranCard, ranNodeCard } from "./card-programs.fixture.js";
import { onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { load } from "./runs/load.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-policies");
type Learner = ExportedLearner<PolicyAnswer>;
const episodes = 3;
const small = { episodes, metaBatch: 2, iterations: 2, hidden: [8], evalSteps: [0, 2] };
const seed = 5;

beforeAll(async () => {
  await train("maml", "navigation-2d", { ...small, horizon: 6 });
  await train("cavia", "navigation-2d", { ...small, horizon: 6, learner: "cavia" });
  await train("joint", "navigation-2d", { ...small, horizon: 6, learner: "joint", evalSteps: undefined });
  await train("bandits", "bandits", { ...small, learner: "maml" });
  await train("tabular", "tabular-mdp", { ...small, learner: "maml" });
  for (const run of ["maml", "cavia", "joint", "bandits", "tabular"])
    expect(await exported(run)).toMatch(/20 held-out tasks through these files and through the run/);
});
afterAll(remove);

/** The episodes that a run plays in a task before it adapts and after each step, as examples, with what was seen. */
function examplesIn({ after, family }: Practice): readonly (readonly ExportedExample[])[] {
  const seen = family.observation.kind === "box" ? family.observation.shape[0] : family.observation.n;
  const width = family.action.kind === "box" ? family.action.shape[0] : 1;
  return after.map((stage) =>
    stage.episodes.map(({ length, observations, actions, rewards }) => ({
      observations: Array.from({ length }, (_, t) => Array.from(observations.slice(t * seen, (t + 1) * seen))),
      actions: Array.from({ length }, (_, t) =>
        family.action.kind === "box" ? Array.from(actions.slice(t * width, (t + 1) * width)) : actions[t]!,
      ),
      rewards: Array.from(rewards),
    })),
  );
}

/** That the actions of episodes are those of a policy by the chance of their addresses. */
async function requireActs(
  policy: Awaited<ReturnType<Learner["adapt"]>>,
  played: readonly ExportedExample[],
  { stage, action }: { readonly stage: number; readonly action: Space },
): Promise<void> {
  const space = actionDistribution(action);
  for (const [j, { observations, actions }] of played.entries()) {
    const source = random(seed, 0, stage, j, 1);
    const answers = await policy.predict(observations as readonly Float32Array[]);
    answers.forEach(({ mean, deviation, probabilities }, t) => {
      const noise = new Float32Array(space.noise);
      space.drawNoise(source, noise, 0);
      if (probabilities) {
        const scores = probabilities.map((p, i) => Math.log(p) + noise[i]!);
        expect(scores.indexOf(Math.max(...scores)), `${stage} ${j} ${t}`).toBe(actions![t]);
        return;
      }
      (actions![t] as number[]).forEach((done, i) => {
        expect(mean![i]! + deviation![i]! * noise[i]!, `${stage} ${j} ${t}`).toBeCloseTo(done, 4);
      });
    });
  }
}

describe.each([
  ["maml", { goal: [0.3, -0.1] }],
  ["cavia", { goal: [0.3, -0.1] }],
  ["bandits", undefined],
  ["tabular", undefined],
])("a run of policies, %s", (run, given) => {
  let learner: Learner;
  let model: TrainedModel;
  let practice: Practice;
  beforeAll(async () => {
    learner = await load<Learner>(inFolder(`exported-${run}`));
    model = await load(inFolder(run));
    practice = await model.practise(given ?? (await model.exampleTask()), { steps: 2, seed });
  });
  afterAll(() => Promise.all([learner.dispose(), model.release()]));

  test("acts as the run itself before it adapts, and after each step of episodes of its own", async () => {
    const stages = examplesIn(practice);
    const { action } = practice.family;
    const meta = await learner.adapt([]);
    expect(meta.steps).toBe(0);
    await requireActs(meta, stages[0]!, { stage: 0, action });
    const once = await learner.adapt(stages[0]!);
    expect(once.steps).toBe(1);
    await requireActs(once, stages[1]!, { stage: 1, action });
    const twice = await once.with(stages[1]!);
    expect(twice.steps).toBe(2);
    await requireActs(twice, stages[2]!, { stage: 2, action });
    const seen = stages[0]![0]!.observations![0] as number[];
    expect(await twice.predict(seen)).not.toEqual(await meta.predict(seen));
  });

  test("fewer episodes do as well, they come and go, and a task is bytes", async () => {
    const [first] = examplesIn(practice);
    const seen = first!.flatMap(({ observations }) => observations as number[][]);
    const few = await learner.adapt(first!.slice(0, 2));
    const back = await learner.restore(few.save());
    expect(await back.predict(seen as never)).toEqual(await few.predict(seen as never));
    const all = await back.with(first!.slice(2));
    const whole = await learner.adapt(first!);
    expect(await all.predict(seen as never)).toEqual(await whole.predict(seen as never));
    const again = await all.without(["3"]);
    expect(await again.predict(seen as never)).toEqual(await few.predict(seen as never));
    const bare = await learner.restore(few.save({ examples: false }));
    expect(await bare.predict(seen as never)).toEqual(await few.predict(seen as never));
  });
});

describe("what is given", () => {
  let learner: Learner;
  const [point, step] = [[0, 0], { observations: [[0, 0]], actions: [[0.1, 0]], rewards: [-1] }];
  beforeAll(async () => {
    learner = await load<Learner>(inFolder("exported-maml"));
  });
  afterAll(() => learner.dispose());

  test.each<[string, unknown, RegExp]>([
    ["no list", step, /ILE206 examples: they are/],
    ["no observations", [{ actions: [], rewards: [] }], /ILE206 example 1: .*has no input/],
    ["fewer rewards", [{ ...step, rewards: [] }], /ILE206 example 1: it has 1 observation, 1 action and 0 rewards/],
    ["no step", [{ observations: [], actions: [], rewards: [] }], /ILE206 example 1: it has 0 observations/],
    [
      "too many steps",
      [{ observations: new Array(7).fill(point), actions: new Array(7).fill(point), rewards: new Array(7).fill(0) }],
      /ILE206 example 1: it has 7 observations.*6 steps at most/,
    ],
    ["an action of other numbers", [{ ...step, actions: [[1]] }], /ILE206 example 1: its action 1 is \[1\].*2 numbers/],
    ["a reward that is none", [{ ...step, rewards: [Number.NaN] }], /ILE206 example 1: its reward 1 is/],
    ["an observation of other numbers", [{ ...step, observations: [[1]] }], /ILE206 example 1, step 1: it is \[1\]/],
    [
      "more episodes than steps have",
      new Array(7).fill(step),
      /ILE206 examples: there are 7 examples, and the programs take 6/,
    ],
  ])("refuses %s", async (_name, given, problem) => {
    await expect(learner.adapt(given as never)).rejects.toThrow(problem);
  });

  test("refuses steps, and what is no observation", async () => {
    await expect(learner.adapt([step], { steps: 2 })).rejects.toThrow(
      /ILE206 steps: 2 steps of .*one for the examples/,
    );
    const policy = await learner.adapt([]);
    await expect(policy.predict([1, 2, 3] as never)).rejects.toThrow(/ILE206 input 1: it is 1/);
    await expect(policy.predict("here")).rejects.toThrow(/ILE206 input 1: it is "here".*2 numbers/);
    const joint = await load<Learner>(inFolder("exported-joint"));
    expect(await (await joint.adapt([])).predict(point as unknown)).toMatchObject({
      mean: [expect.any(Number), expect.any(Number)],
    });
    await expect(joint.adapt([step])).rejects.toThrow(/ILE206 examples: it does not adapt/);
    await joint.dispose();
    const bandits = await load<Learner>(inFolder("exported-bandits"));
    await expect(bandits.restore(policy.save())).rejects.toThrow(/ILE203 task: it is of the learner/);
    const arms = bandits.config.inputs as { readonly observation: { readonly size: number } };
    const wrong = { observations: [new Array(arms.observation.size).fill(0)], actions: [99], rewards: [1] };
    await expect(bandits.adapt([wrong])).rejects.toThrow(/ILE206 example 1: its action 1 is 99.*one of 0 to/);
    await bandits.dispose();
  });
});

describe("the folder", () => {
  test("is what was said of it, verifies, and its card's programs run", async (context) => {
    expect(await verified("exported-maml")).toMatch(/up to 6 examples, 2 steps of 3 episodes/);
    const config = JSON.parse(await readFile(inFolder("exported-maml/config.json"), "utf8"));
    expect(config.architectures).toEqual(["FewShotPolicy"]);
    expect(config.innerloop).toMatchObject({
      ...{ support: 6, outputs: ["prediction"], inputs: { kind: "observations", horizon: 6 } },
      answers: { kind: "policy", action: { kind: "box", size: 2 }, episodes: 3, discount: 0.99, baseline: "linear" },
    });
    const first = "const episodes = [{ observations: [[0, 0]], actions: [[0.1, 0]], rewards: [-1] }];";
    const printed = await ranNodeCard(inFolder("exported-maml"), {
      first,
      print: "JSON.stringify([action, deviation.length, adapted.steps])",
    });
    expect(JSON.parse(printed)).toEqual([[expect.any(Number), expect.any(Number)], 2, 1]);
    const missing = onnxCheckerMissing();
    if (missing) context.skip(missing);
    expect(ranCard<number[]>(inFolder("exported-maml"), 'list(names["answers"]["prediction"].shape)')).toEqual([2, 4]);
  });

  test("of as many episodes as are asked for, of a fixed number of steps, and of a memory", async () => {
    await exported("maml", { out: inFolder("more"), maxSupport: 8 });
    expect(await verified("more")).toMatch(/up to 9 examples, 3 steps of 3 episodes/);
    await expect(exported("maml", { out: inFolder("less"), maxSupport: 2 })).rejects.toThrow(
      /--max-support 2 of .*whose steps have 3 episodes/,
    );
    await exported("maml", { out: inFolder("one"), fixed: 1 });
    const learner = await load<Learner>(inFolder("one"));
    await expect(learner.adapt([])).rejects.toThrow(/ILE206 examples: they are 0 episodes.*written for 1/);
    await learner.dispose();
    await train("rl2", "bandits", { metaBatch: 2, iterations: 1, units: 4 });
    await expect(exported("rl2")).rejects.toThrow(/ILR301 .*remembers/);
  });
});
