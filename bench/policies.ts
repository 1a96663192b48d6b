/** node bench/dist/policies.js: iterations of MAML-TRPO on 2D navigation, ours and PyTorch's in turns. See README.md. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { key, maml, sgd } from "@innerloop/core";
import { meanMetaGradient } from "@innerloop/core/learners";
import {
  navigation2d,
  policyCollector,
  policyNetwork,
  policySurrogate,
  trustRegion,
} from "@innerloop/core/reinforcement";
import { metaStep, planTraining, stackTasks, type TaskBatch, taskKeys } from "@innerloop/core/training";
import { compile, type Executor, leaves, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { workerPoolExecutor } from "@innerloop/node";
import { type Agreement, decoded, difference, encoded, tolerance } from "./agreement.js";
import { Peer } from "./peer.js";
import { takeTurns } from "./rounds.js";
import { median, ratioSpread, type Spread, spread } from "./statistics.js";

/** The protocol as plain data; the peer reads it as JSON. */
export interface PolicyProblem {
  readonly tasks: number;
  readonly episodes: number;
  readonly horizon: number;
  readonly hidden: readonly number[];
  readonly innerLearningRate: number;
  readonly discount: number;
  readonly kl: number;
  readonly products: number;
  readonly damping: number;
  readonly backtracks: number;
  readonly backtrack: number;
}

/** pytorch-maml-rl's: 20 tasks of 20 episodes of 100 steps, and ten products on all of them. */
export const navigation: PolicyProblem = {
  tasks: 20,
  episodes: 20,
  horizon: 100,
  hidden: [64, 64],
  innerLearningRate: 0.1,
  discount: 0.99,
  kl: 0.01,
  products: 10,
  damping: 1e-5,
  backtracks: 15,
  backtrack: 0.8,
};

/** Ours, with that code's inner loss. @param fisherShare the part of the episodes that products are of */
function ourPolicies(problem: PolicyProblem, fisherShare: number) {
  const { episodes, horizon, hidden, innerLearningRate, discount, kl, products, damping, backtracks, backtrack } =
    problem;
  const family = navigation2d({ horizon });
  const learner = maml({
    model: policyNetwork({ ...family, hidden }),
    loss: policySurrogate(family.action, { logLikelihood: true }),
    inner: sgd({ learningRate: innerLearningRate }),
  });
  return {
    learner,
    tasks: policyCollector({ family, episodes, advantages: { discount } }),
    optimizer: trustRegion(family.action, { kl, products, damping, backtracks, backtrack, fisherShare }),
  };
}

type Policies = ReturnType<typeof ourPolicies>;
type PolicyBatch = TaskBatch<ReturnType<typeof stackTasks>>;

async function collected(
  { tasks, learner }: Policies,
  params: Tree,
  at: { readonly iteration: number; readonly count: number },
  executor: Executor,
): Promise<PolicyBatch> {
  const [seed, first] = [1, at.iteration * at.count];
  const found = await tasks.collectMany!(params, seed, first, at.count, executor, learner);
  return {
    tasks: stackTasks(found as Parameters<typeof stackTasks>[0]),
    keys: taskKeys(seed, first, at.count),
    iteration: tensor(at.iteration),
  };
}

/** Iterations one after the other - episodes before and after adaptation, the update - with the time of each. */
export async function ourIterations(problem: PolicyProblem, fisherShare: number, executor: Executor) {
  const ours = ourPolicies(problem, fisherShare);
  const setting = {
    learner: ours.learner as Parameters<typeof planTraining>[0]["learner"],
    optimizer: ours.optimizer,
    executor,
    metaBatchSize: problem.tasks,
  };
  const first = ours.learner.init(key(1));
  let [params, iteration] = [first as Tree, 0];
  const batchAt = (): Promise<PolicyBatch> => collected(ours, params, { iteration, count: problem.tasks }, executor);
  const plan = await planTraining({ ...setting, params, state: {}, batch: await batchAt() });
  const step = metaStep({ ...setting, chunkSize: plan.chunkSize });
  return {
    chunkSize: plan.chunkSize,
    run: async (repeats: number): Promise<number[]> => {
      const times: number[] = [];
      for (let i = 0; i < repeats; i++) {
        const start = performance.now();
        ({ params } = await step(params, {}, await batchAt()));
        iteration++;
        times.push(performance.now() - start);
      }
      return times;
    },
  };
}

/** How far the peer's gradient of the outer surrogate, through adaptation, is from ours on the same episodes. */
export async function policyAgreement(problem: PolicyProblem, peer: Peer, executor: Executor): Promise<Agreement> {
  const ours = ourPolicies(problem, 1);
  const params = ours.learner.init(key(3)) as Tree;
  const { tasks } = await collected(ours, params, { iteration: 0, count: 2 }, executor);
  const gradient = compile(
    (at: Tree, data: typeof tasks) => meanMetaGradient(ours.learner, at, data as never).gradient,
    {
      executor,
    },
  );
  const episodesOf = (set: (typeof tasks)["support"]): ReturnType<typeof encoded> => {
    const y = set.y as unknown as Readonly<Record<"action" | "advantage" | "taken", Tensor>>;
    const x = set.x as Tensor;
    const rows = y.taken.size;
    const columns = [x, y.action, y.advantage, y.taken].map(({ data, size }) => ({
      data: data as Float32Array,
      width: size / rows,
    }));
    const values = new Float32Array(rows * 6);
    for (let row = 0; row < rows; row++) {
      let to = row * 6;
      for (const { data, width } of columns) for (let i = 0; i < width; i++) values[to++] = data[row * width + i]!;
    }
    return encoded(tensor(values, [...y.taken.shape, 6]));
  };
  const none = encoded(tensor([0]));
  const answer = await peer.ask({
    command: "gradient",
    problem: {},
    parameters: leaves(params).map(encoded),
    supportX: episodesOf(tasks.support),
    supportY: none,
    queryX: episodesOf(tasks.query),
    queryY: none,
  });
  const own = leaves(await gradient(params, tasks)).map((leaf) => leaf.data as Float32Array);
  const gap = difference(own, (answer.gradient as ReturnType<typeof encoded>[]).map(decoded));
  return { median: gap, largest: gap, tasks: 2 };
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      python: { type: "string", default: fileURLToPath(new URL("../../.venv/bin/python", import.meta.url)) },
    },
  });
  const cores = availableParallelism();
  const executor = workerPoolExecutor({ workers: cores });
  const shares = [1, 0.25];
  const ours = await Promise.all(shares.map((share) => ourIterations(navigation, share, executor)));
  for (const { run } of ours) await run(3);
  let peer: Peer | undefined;
  if (existsSync(values.python)) {
    const script = fileURLToPath(new URL("../peers/torch_policy_peer.py", import.meta.url));
    for (const threads of new Set([cores, 1])) {
      const options = ["--problem", JSON.stringify(navigation), "--threads", String(threads)];
      const next = await Peer.start(values.python, [script, ...options], 240_000);
      const faster = !peer || next.header.milliseconds < peer.header.milliseconds;
      await (faster ? peer : next)?.quit();
      if (faster) peer = next;
    }
    const { median: gap } = await policyAgreement(navigation, peer!, executor);
    if (!(gap < tolerance)) throw new Error(`the peer's gradient differs from ours by ${gap.toExponential(1)}`);
    console.log(
      `PyTorch ${peer!.header.versions.torch}, ${peer!.header.threads} threads, gradient within ${gap.toExponential(1)}`,
    );
  } else console.log("PyTorch is not there: bash bench/peers/setup.sh installs it, in .venv");
  const names = shares.map(
    (share) => `innerloop, products on ${share === 1 ? "all episodes" : `${share} of the episodes`}`,
  );
  const found = await takeTurns(
    [
      ...ours.map(({ run }, i) => ({ key: names[i]!, expectedMs: 1500, run })),
      ...(peer ? [{ key: "PyTorch", expectedMs: peer.header.milliseconds, run: (n: number) => peer!.round(n) }] : []),
    ],
    { rounds: Number(values.rounds), budgetMs: 3000 },
  );
  const shown = ({ median: middle, low, high }: Spread, digits = 0): string =>
    `${middle.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  for (const [name, times] of Object.entries(found)) {
    const ratio =
      peer && name !== "PyTorch" ? `, PyTorch takes ${shown(ratioSpread(found.PyTorch!, times), 2)} times that` : "";
    console.log(`  ${name}: ${shown(spread(times))} ms an iteration${ratio}`);
  }
  console.log(`  tasks a run: ${median(ours.map(({ chunkSize }) => chunkSize))}, ${cores} workers`);
  await peer?.quit();
  await executor.close();
}

if (process.argv[1]?.endsWith("policies.js")) await bench();
