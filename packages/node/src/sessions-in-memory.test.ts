/** Sessions of a run that is kept in memory: without a terminal, a folder or a file. */
import type { TrainingEvent } from "@innerloop/core";
import { checkpointSummary } from "@innerloop/core/training";
import {
  compareSession,
  evaluateSession,
  type Flags,
  Interrupted,
  openModel,
  openSetSession,
  type RunStore,
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

const host: SessionHost = { io: emptyIo, executor };

const small = { iterations: 6, metaBatch: 2, hidden: [4], validateEvery: 2, validationTasks: 4, checkpointEvery: 2 };
const config = (flags: Flags) =>
  resolvePreset("sinusoid", { ...small, evalTasks: 5, evalSteps: [0, 1, 3], workers: 1, ...flags });

const newRun = (flags: Flags = {}) => runInMemory("sinusoid", config(flags), host, flags);

it("a run is trained, stopped and gone on with, and ends with the bytes of one that was not stopped", async () => {
  const [whole, parts] = [await newRun(), await newRun()];
  const events: TrainingEvent[] = [];
  const onEvent = (event: TrainingEvent): void => {
    events.push(event);
  };
  expect(await trainSession(whole, { executor, onEvent })).toEqual({ reason: "finished", iteration: 6 });
  expect(events.filter(({ type }) => type === "validation")).toHaveLength(3);
  expect(whole.run.log.map(({ type }) => type)).toEqual(events.map(({ type }) => type));
  const stop = new AbortController();
  const { reason, iteration } = await trainSession(parts, {
    executor,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.iteration === 3) stop.abort();
    },
  });
  expect(reason).toBe("interrupted");
  expect(iteration).toBeLessThan(6);
  expect(checkpointSummary(parts.run.kept.get("last")!).iteration).toBe(iteration);
  await trainSession(parts, { executor });
  for (const name of ["last", "best"]) expect(parts.run.kept.get(name)).toEqual(whole.run.kept.get(name));
});

it("it is evaluated, compared and adapted, and followed by phases", async () => {
  const [first, second] = [await newRun(), await newRun({ learner: "reptile" })];
  for (const each of [first, second]) await trainSession(each, { executor });
  const seen: SessionProgress[] = [];
  const following = { ...host, onProgress: (progress: SessionProgress) => seen.push(progress) };
  const outcome = await evaluateSession({ run: first.run, chosen: { evalTasks: 4 } }, following);
  expect(outcome.evaluations[0]!.rows.map(({ steps }) => steps)).toEqual([0, 1, 3]);
  expect(outcome.evaluations.map(({ learner }) => learner)).toContain("from scratch");
  expect(outcome.file).toBe("results-best-eval-tasks-4");
  expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(["preparing", "choosing steps", "evaluating"]);
  const last = seen.at(-1)!.at!;
  expect(last.done).toBe(last.total);
  // What validation says of its steps is all that an evaluation keeps by itself.
  expect([...first.run.texts.keys()]).toEqual(["adaptation.json"]);
  expect(JSON.parse(first.run.texts.get("adaptation.json")!).steps).toBe(outcome.chosen!.steps);

  const { names, shown, evaluations } = await compareSession({ runs: [first.run, second.run] }, host);
  expect(names).toEqual(["MAML (mine)", "Reptile (mine)"]);
  expect(shown.map(({ at }) => at)).toEqual([0, 1, 3]);
  for (const { runs } of shown)
    expect(runs[1]!.difference!.mean).toBeCloseTo(runs[1]!.figure.mean - runs[0]!.figure.mean, 6);
  expect(evaluations.map(({ protocol }) => protocol.tasks)).toEqual([5, 5]);

  const { model, chosenSteps } = await openModel(first.run, { executor, io: emptyIo });
  expect(chosenSteps).toBe(outcome.chosen!.steps);
  const task = await model.adapt([
    { x: 0, y: 0 },
    { x: 1, y: 0.84 },
  ]);
  expect(task.steps).toBe(chosenSteps);
  await model.release();
});

it("a session that is stopped says so, and what is no figure or option is refused", async () => {
  const { run, ...rest } = await newRun();
  await trainSession({ run, ...rest }, { executor });
  const signal = AbortSignal.abort();
  await expect(evaluateSession({ run }, { ...host, signal })).rejects.toThrow(Interrupted);
  await expect(evaluateSession({ run, figures: ["accuracy"] }, host)).rejects.toThrow(
    "there is no accuracy among the figures of MAML. It has mean squared error",
  );
  for (const session of [
    (chosen: Flags) => evaluateSession({ run, chosen }, host),
    (chosen: Flags) => compareSession({ runs: [run], chosen }, host),
    (chosen: Flags) => openSetSession({ run, chosen }, host),
  ]) {
    await expect(session({ ways: 3 })).rejects.toThrow("--ways means nothing for mine");
    await expect(session({ innerRate: 0.5 })).rejects.toThrow(
      "--inner-rate is settled by the training of mine. Train one with `innerloop train sinusoid --inner-rate 0.5`",
    );
    await expect(session({ iterations: 9 })).rejects.toThrow("--iterations is settled by the training of mine");
  }
  const { config: _, ...others } = run.config;
  const ofProgram = { ...run, config: { ...others, argv: ["train", "own.ts"] } } as RunStore;
  for (const [chosen, refusal] of [
    [{ scratchRate: 0.5 }, "--scratch-rate is settled by the run. Change it there"],
    [{ shots: 3 }, "--shots is settled by the run"],
    [{ outerRate: 0.5 }, "--outer-rate is settled by the run"],
    [{ iterations: 9 }, "--iterations is settled by the training of mine"],
  ] as const)
    await expect(evaluateSession({ run: ofProgram, chosen }, host)).rejects.toThrow(refusal);
});
