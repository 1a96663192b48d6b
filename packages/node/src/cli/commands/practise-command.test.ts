/** `innerloop adapt --task` of small policies, in this process: what is shown, written and refused. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { load } from "../../runs/load.js";
import { collected } from "../collected-output.fixture.js";
import { adaptCommand } from "./adapt-command.js";
import { evalCommand } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";
import { trainCommand } from "./train-command.js";

let folder: string;
const run = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-practise-"));
  const small = { iterations: 2, metaBatch: 2, validateEvery: 0, workers: 1 };
  const train = (name: string, target: string, chosen: object) =>
    trainCommand(
      { target, chosen: { ...small, ...chosen }, invocation: { run: run(name), skipEvaluation: true } },
      collected().output,
    );
  const policies = { learner: "maml", episodes: 3, evalTasks: 3, evalSteps: [0, 1, 2] };
  await train("point", "navigation-2d", { ...policies, horizon: 10 });
  await train("arms", "bandits", { ...policies, arms: 3, evalSteps: [0, 1] });
  await train("curves", "sinusoid", {});
  await train("trials", "tabular-mdp", { states: 3, actions: 2, trialEpisodes: 3, horizon: 4, units: 4, evalTasks: 3 });
});
afterAll(() => rm(folder, { recursive: true }));

async function adapted(name: string, invocation: InvocationOptions, more: object = {}, queries: string[] = []) {
  const { output, text } = collected();
  const events: Record<string, unknown>[] = [];
  const noted = { ...output, event: (event: Readonly<Record<string, unknown>>) => events.push(event) };
  const chosen = { workers: 1, ...more };
  await adaptCommand({ folder: run(name), queries, chosen, invocation }, noted);
  return { text: text(), events };
}

const goal = '{"goal":[0.3,-0.1]}';

describe("innerloop adapt --task", () => {
  it("shows returns before adaptation and after each step, and paths to the goal", async () => {
    const { text, events } = await adapted("point", { task: goal });
    expect(text).toContain('navigation-2d, {"goal":[0.3,-0.1]}: 3 episodes before adaptation and after each step');
    for (const row of [/before +-\d+\.\d+ ± [\d.]+ +\d+\.\d\n/, /after 1 step +-/, /after 2 steps +-/])
      expect(text).toMatch(row);
    expect(text.match(/◎/g)!.length).toBe(4);
    expect(text).toContain(
      "mean ± 95% interval over 3 episodes of this one task; seed 0; last checkpoint, after 2 updates",
    );
    const [adaptation, ...stages] = events;
    expect(adaptation).toMatchObject({ type: "adapted", environment: "navigation-2d", task: { goal: [0.3, -0.1] } });
    expect(stages.map(({ steps }) => steps)).toEqual([0, 1, 2]);
    for (const { returns, lengths, return: mean } of stages as {
      returns: number[];
      lengths: number[];
      return: number;
    }[]) {
      expect([returns.length, lengths.length]).toEqual([3, 3]);
      expect(mean).toBeCloseTo(returns.reduce((a, b) => a + b, 0) / 3, 9);
    }
  });

  it("gives the same again, other episodes of another seed, and as many as are asked for", async () => {
    const returns = async (invocation: InvocationOptions, more: object = {}) =>
      (await adapted("point", { task: goal, steps: 1, ...invocation }, more)).events
        .slice(1)
        .map((each) => each.returns);
    const first = await returns({});
    expect(first).toHaveLength(2);
    expect(await returns({})).toEqual(first);
    expect(await returns({ seed: 1 })).not.toEqual(first);
    const more = (await returns({}, { episodes: 5 })) as number[][];
    expect(more.map(({ length }) => length)).toEqual([5, 5]);
    // Those before adaptation are of the same addresses, and two more.
    more[0]!.slice(0, 3).forEach((value, i) => {
      expect(value).toBeCloseTo((first as number[][])[0]![i]!, 4);
    });
  });

  it("takes steps beyond those of training at a share of the rate, which may be another one", async () => {
    const after = async (more: object) =>
      (await adapted("point", { task: goal, steps: 2 }, more)).events.slice(1).map((each) => each.return);
    const [half, whole] = [await after({}), await after({ laterShare: 1 })];
    expect(whole.slice(0, 2)).toEqual(half.slice(0, 2));
    expect(whole[2]).not.toBe(half[2]);
  });

  it("writes the picture that is asked for", async () => {
    const file = run("episodes.svg");
    const { text } = await adapted("point", { task: goal, output: file });
    expect(text).toContain("episodes.svg");
    const svg = await readFile(file, "utf8");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).toContain("Episodes of navigation-2d: {&quot;goal&quot;:[0.3,-0.1]}");
    for (const text of ["before", "after 1 step", "after 2 steps"]) expect(svg).toContain(`>${text}</text>`);
  });

  it("shows the arms that are pulled", async () => {
    const { text, events } = await adapted("arms", { task: '{"means":[0,1,0.5]}' });
    expect(text).toMatch(/arms pulled +before +after 1 step\n +arm 1 \(0\.00\) +\d+% +\d+%/);
    expect(events[0]).toMatchObject({ environment: "bandits" });
  });

  it("refuses what is no task, with one to begin with", async () => {
    await expect(adapted("point", {})).rejects.toThrow(
      /^there is no --task\. Give one of the environment's, such as --task '\{"goal":\[-?[\d.]+,-?[\d.]+\]\}'$/,
    );
    await expect(adapted("point", { task: "{goal: 1}" })).rejects.toThrow(
      /^--task "\{goal: 1\}" is no JSON\. .*'\{"goal":/,
    );
    await expect(adapted("point", { task: '{"goal":[1]}' })).rejects.toThrow(/^ILE102 navigation-2d: goal is /);
    await expect(adapted("point", { task: '{"goal":[1e300,0]}' })).rejects.toThrow(/from -1000 to 1000$/);
    await expect(adapted("point", { task: '{"direction":1}' })).rejects.toThrow(
      /^ILE102 navigation-2d: the task has no goal/,
    );
    await expect(adapted("point", { task: "null" })).rejects.toThrow(/^ILE102 /);
  });

  it("refuses examples for policies, and tasks for others", async () => {
    const policy = /means nothing for .*point, a policy, which adapts by episodes and by no examples\. .*--task JSON/;
    await expect(adapted("point", { task: goal, support: "x.csv" })).rejects.toThrow(policy);
    await expect(adapted("point", { task: goal }, {}, ["x.csv"])).rejects.toThrow(policy);
    await expect(adapted("point", { task: goal, reject: true })).rejects.toThrow(/^--reject means nothing/);
    await expect(adapted("point", { task: goal }, { batchNorm: "support" })).rejects.toThrow(
      /^--batch-norm means nothing/,
    );
    await expect(adapted("point", { task: goal, output: "episodes.png" })).rejects.toThrow(
      /--output .* is no name of an SVG/,
    );
    for (const option of [{ task: goal }, { output: "x.svg" }, { seed: 1 }])
      await expect(adapted("curves", option)).rejects.toThrow(
        /^--(task|output|seed) means nothing for .*curves, which is of /,
      );
    await expect(adapted("curves", {}, { episodes: 3 })).rejects.toThrow();
  });
});

describe("a policy with a memory", () => {
  const task = { transitions: [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1], rewards: [0, 1, 2, 3, 4, 5] };

  it("plays trials, which are shown episode by episode; its task may be in a file", async () => {
    const file = run("task.json");
    await writeFile(file, JSON.stringify(task));
    const { text, events } = await adapted("trials", { task: file }, { episodes: 4 });
    expect(text).toContain(": 4 trials of 3 episodes\n");
    expect(text).toMatch(/first episode +-?\d.*\n +after 1 episode +.*\n +after 2 episodes +/);
    expect(events.slice(1).map(({ remembered, returns }) => [remembered, (returns as number[]).length])).toEqual([
      [0, 4],
      [1, 4],
      [2, 4],
    ]);
    expect((await adapted("trials", { task: JSON.stringify(task) }, { episodes: 4 })).events).toEqual(events);
    await expect(adapted("trials", { task: file, steps: 2 })).rejects.toThrow(
      /^steps of .*trials, whose policy takes none/,
    );
    await writeFile(file, "{");
    await expect(adapted("trials", { task: file })).rejects.toThrow(
      /task\.json is no JSON\. .* --task '\{"transitions":/,
    );
    await expect(adapted("trials", { task: run("none.json") })).rejects.toThrow(/there is no such file/);
  });

  it("is reported with trials that are held out", async () => {
    await evalCommand(
      { folder: run("trials"), chosen: { workers: 1 }, invocation: { skipBaselines: true } },
      collected().output,
    );
    const page = await readFile(join(run("trials"), "report.html"), "utf8");
    expect(page.match(/<h2>Actions taken, episode by episode of a trial: /g)).toHaveLength(2);
    expect(page).not.toMatch(/NaN|undefined/);
  });
});

describe("a policy in a program", () => {
  it("practises a task: the episodes that the command shows", async () => {
    const model = await load(run("point"));
    const practice = await model.practise({ goal: [0.3, -0.1] }, { steps: [1], seed: 3 });
    const { events } = await adapted("point", { task: goal, steps: 1, seed: 3 });
    expect(practice.after.map(({ steps }) => steps)).toEqual([1]);
    expect(practice.after[0]!.episodes.map((episode) => episode.return)).toEqual(events[2]!.returns);
    expect(practice.after[0]!.episodes[0]!.observations).toHaveLength(2 * (practice.after[0]!.episodes[0]!.length + 1));
    expect(practice.svg()).toContain("after 1 step");
    await model.release();
  });

  it("is refused where it is none, or is asked for what there is not", async () => {
    const [point, curves] = [await load(run("point")), await load(run("curves"))];
    await expect(curves.practise({ goal: [0, 0] })).rejects.toThrow(/in which no policy acts/);
    await expect(point.practise(undefined)).rejects.toThrow(/is given no task\. .*such as \{"goal":\[/);
    await expect(point.practise({ goal: [0, 0] }, { step: 1 } as never)).rejects.toThrow(
      'practise has no option "step". Did you mean steps?',
    );
    await expect(point.practise({ goal: [0, 0] }, { steps: -1 })).rejects.toThrow(/^steps is /);
    await expect(point.practise({ goal: [0, 0] }, { episodes: 0.5 })).rejects.toThrow(/episodes/);
    await expect(point.practise({ goal: [0, 0] }, { flags: { horizon: 5 } })).rejects.toThrow(
      /^"horizon" is no option of the episodes of /,
    );
    await expect(point.adapt([])).rejects.toThrow(/is a policy, which adapts by episodes of a task/);
  });
});

it("the report of a policy has pictures of returns, and of episodes of two tasks that are held out", async () => {
  await evalCommand(
    { folder: run("point"), chosen: { workers: 1 }, invocation: { skipBaselines: true } },
    collected().output,
  );
  const page = await readFile(join(run("point"), "report.html"), "utf8");
  for (const title of ["Return by adaptation steps", "Return over training", "environment steps"])
    expect(page).toContain(title);
  expect(
    page.match(/<h2>Path of the point, before and after adaptation: held-out task [01], \{&quot;goal&quot;:\[/g),
  ).toHaveLength(2);
  expect(page).not.toMatch(/NaN|undefined|https?:\/\//);
});
