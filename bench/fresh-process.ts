/** Runs in a process of its own (see fresh.ts): what depends on a start, or on the memory of a process, is measured here. */
import { adam, key, type TrainingEvent, train } from "@innerloop/core";
import { compile, type Tensor, type Tree } from "@innerloop/graph";
import { compilerFor, type Engine, inThread, pool } from "./engine.js";
import { learnerOf, ourLoop, type Problem, tasksOf } from "./problem.js";

const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
const [, , mode, engine, text] = process.argv as [string, string, string, Engine, string];
const problem = JSON.parse(text) as Problem;

/** Peak resident memory of whole meta-steps, beside what was expected. */
async function memory(): Promise<void> {
  const loop = await ourLoop(problem, pool(await compilerFor(engine)));
  await loop.run(4);
  const { expectedBytes, chunkSize } = loop;
  say({ peakBytes: process.resourceUsage().maxRSS * 1024, expectedBytes, chunkSize });
}

/** From the call of `train` to after its first meta-step. */
async function firstStep(): Promise<void> {
  const [learner, tasks] = [learnerOf(problem), tasksOf(problem)];
  const start = performance.now();
  const optimizer = adam({ learningRate: 1e-3 });
  const executor = pool(await compilerFor(engine));
  let milliseconds = 0;
  // Training ends with a look at held-out tasks, which is no part of the first step.
  const onEvent = ({ type }: TrainingEvent): void => {
    if (type === "iteration") milliseconds = performance.now() - start;
  };
  await train({ learner, tasks, optimizer, executor, metaBatchSize: problem.tasks, iterations: 1, onEvent });
  say({ milliseconds });
}

/** The first prediction for a new task, then many more in turn; in the default executor, or in this thread. */
async function adapt(where: "pool" | "thread"): Promise<void> {
  const executor = (where === "pool" ? pool : inThread)(await compilerFor(engine));
  const learner = learnerOf(problem);
  const params = learner.init(key(0));
  const tasks = tasksOf(problem);
  // What happens to one new task of a deployed model: adapt to its support set, predict its queries.
  const answer = compile(
    (at: Tree, x: Tensor, y: Tensor, query: Tensor) => learner.predict(learner.adapt(at, { x, y }), query),
    // As trained learners do: cores share the one run that there is.
    { executor, alone: true },
  );
  const once = async (index: number): Promise<number> => {
    const { support, query } = tasks.sample(1, index);
    const start = performance.now();
    await answer(params, support.x, support.y, query.x);
    return performance.now() - start;
  };
  await once(0);
  say({ first: true });
  const milliseconds: number[] = [];
  for (let i = 1; i <= 60; i++) milliseconds.push(await once(i));
  // The first ones warm the caches and the compiler of JavaScript.
  say({ milliseconds: milliseconds.slice(10) });
}

if (mode === "memory") await memory();
else if (mode === "first-step") await firstStep();
else await adapt(mode === "adapt-pool" ? "pool" : "thread");
process.exit(0);
