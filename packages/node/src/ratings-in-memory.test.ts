/** Ratings in memory, from interactions to a user's predictions: trained, stopped and gone on with, evaluated and adapted. */
import { evaluate, key, type TrainingEvent } from "@innerloop/core";
import { type Interactions, preferences, ratingModels, sourceOf, splitRatings } from "@innerloop/core/tasks";
import { checkpointSummary } from "@innerloop/core/training";
import {
  type DataIo,
  evaluateSession,
  type Flags,
  openModel,
  prepareRun,
  resolvePreset,
  type SessionHost,
  type SessionProgress,
  trainSession,
} from "@innerloop/experiments";
import { afterAll, expect, it } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { emptyIo, runInMemory } from "./run-in-memory.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const { interactions: simulated } = preferences({ users: 120, items: 40, ratings: 16 });
const interactions: Interactions = {
  ...simulated,
  name: "films",
  items: { ...simulated.items, titles: simulated.items.ids.map((id) => `Film ${id}`) },
};
const held = splitRatings(interactions).parts.filter((part) => part === "test").length;
const ioOf = (has: Interactions, sha256 = "s1"): DataIo => ({
  ...emptyIo,
  kindOf: async () => "file",
  interactions: async () => ({ interactions: has, sha256, folder: "/films.csv", notes: [] }),
});
const host: SessionHost = { io: ioOf(interactions), executor };

const small = { iterations: 6, metaBatch: 2, hidden: [4], embeddingWidth: 2, units: 4, checkpointEvery: 2 };
const flags: Flags = {
  ...small,
  validateEvery: 2,
  validationTasks: 4,
  evalTasks: 500,
  workers: 1,
  ratings: "films.csv",
};
const newRun = () => runInMemory("ratings", resolvePreset("ratings", flags), host, flags);

it("a run is trained, stopped and gone on with, and ends with the bytes of one that was not stopped", async () => {
  const [whole, parts] = [await newRun(), await newRun()];
  const events: TrainingEvent[] = [];
  const onEvent = (event: TrainingEvent): void => {
    events.push(event);
  };
  expect(await trainSession(whole, { executor, onEvent })).toEqual({ reason: "finished", iteration: 6 });
  expect(events.filter(({ type }) => type === "validation").length).toBeGreaterThan(2);
  const stop = new AbortController();
  const { reason, iteration } = await trainSession(parts, {
    executor,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.iteration === 3) stop.abort();
    },
  });
  expect([reason, iteration < 6]).toEqual(["interrupted", true]);
  expect(checkpointSummary(parts.run.kept.get("last")!).iteration).toBe(iteration);
  // Another process reads the ratings anew, by what the run has kept of them.
  const again = await prepareRun(parts.run, parts.run.config.config, host);
  expect(again.spec).toEqual(parts.prepared.spec);
  await trainSession({ run: parts.run, prepared: again, experiment: again.experiment } as typeof parts, { executor });
  for (const name of ["last", "best"]) expect(parts.run.kept.get(name)).toEqual(whole.run.kept.get(name));
});

it("it is evaluated on each user once, beside all models in closed form; and tells a user's ratings", async () => {
  const { run, experiment, ...rest } = await newRun();
  await trainSession({ run, experiment, ...rest }, { executor });
  const seen: SessionProgress[] = [];
  const { evaluations } = await evaluateSession({ run }, { ...host, onProgress: (progress) => seen.push(progress) });
  const rows = ratingModels.filter(({ ranksOnly }) => !ranksOnly);
  expect(evaluations.map(({ learner }) => learner)).toEqual([
    experiment.learner.name,
    ...rows.map(({ title }) => title),
  ]);
  // 500 are asked for, and there are as many as users.
  expect(sourceOf(experiment.tasks.test).count).toBe(held);
  expect(evaluations.map(({ protocol }) => protocol.tasks)).toEqual(evaluations.map(() => held));
  const { done, total } = seen.filter(({ phase }) => phase === "evaluating").at(-1)!.at!;
  expect([done, total]).toEqual([total, held * evaluations.length]);
  for (const { figures, rows: of } of evaluations) {
    expect(figures.map(({ name }) => name)).toContain("mae");
    expect(of).toHaveLength(1);
  }
  const { learner, tasks } = experiment;
  const params = learner.init(key(0));
  const alone = await evaluate({ learner, params, tasks: tasks.test, count: 500, executor });
  expect([alone.protocol.tasks, alone.values[0]!.mae!.length]).toEqual([held, held]);
  const few = await evaluateSession({ run, chosen: { evalTasks: 7 } }, host);
  expect(few.evaluations.map(({ protocol }) => protocol.tasks)).toEqual(evaluations.map(() => 7));

  const { model } = await openModel(run, { executor, io: emptyIo });
  const [first, second] = interactions.items.ids as [string, string];
  const task = await model.adapt([
    { item: first, rating: 5 },
    { item: `film ${second}`, rating: 1.5 },
  ]);
  const asked = interactions.items.ids.slice(2, 8);
  const answers = await task.predict(asked);
  expect(answers.map(({ item }) => item)).toEqual(asked.map((id) => `Film ${id}`));
  for (const { rating } of answers) {
    expect(rating).toBeGreaterThanOrEqual(1);
    expect(rating).toBeLessThanOrEqual(5);
  }
  expect(await (await model.restore(task.toBytes())).predict(asked)).toEqual(answers);
  const nobody = await model.adapt(undefined as never);
  expect(await nobody.predict(asked)).not.toEqual(answers);
  await model.release();
});

it("it is not gone on with on ratings that have changed", async () => {
  const { run } = await newRun();
  const other = { ...host, io: ioOf(interactions, "s2") };
  await expect(prepareRun(run, run.config.config, other)).rejects.toThrow(
    /^ILN06 mine: the data set films is not the one that the run began with/,
  );
  const gone = { ...host, io: { ...ioOf(interactions), kindOf: async () => undefined } };
  await expect(prepareRun(run, run.config.config, gone)).rejects.toThrow(
    "the data set films is no longer at /films.csv. Put it back, or say where it is now with --ratings",
  );
});
