/** Iterations of MAML-TRPO on 2D navigation, ours and PyTorch's in turns. See README.md. */
import { fileURLToPath } from "node:url";
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
import { type Agreement, decoded, difference, encoded, tolerance } from "./agreement.js";
import { Peer } from "./peer.js";
import type { PeerResult } from "./results.js";
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

/** Iterations of MAML-TRPO: ours with products on all episodes and on a quarter of them, and PyTorch's. */
export interface PolicyResult {
  readonly name: string;
  readonly ours: Spread;
  /** With products on a quarter of the episodes, as `trustRegion` has it unless told. */
  readonly quarter: Spread;
  /** Its ratio is to ours with products on all episodes, which is the same mathematics. */
  readonly peer?: PeerResult & { readonly ratioToQuarter: Spread };
}

/** The key and the name of the row. */
export const policyRow = { key: "navigation-2d", name: "2D navigation, MAML with a trust region" } as const;

/** What is known by name as a peer of policies. */
export const policyPeer = { key: "torch-policies", name: "PyTorch, policies" } as const;

/** PyTorch's program, warm, with the number of threads that is faster for it, and seen to compute our gradient. */
async function readyPeer(on: PolicySetting, executor: Executor): Promise<{ peer: Peer; agreement: Agreement }> {
  let peer: Peer | undefined;
  for (const threads of on.threads) {
    const options = ["--problem", JSON.stringify(navigation), "--threads", String(threads)];
    const next = await Peer.start(on.python, [script, ...options], on.patienceMs).catch((error: Error) => error);
    if (next instanceof Error) {
      // On a busy machine threads that wait for each other may take for ever: the other number is then the better one.
      on.leaveOut(`with ${threads} threads: ${next.message}`);
      continue;
    }
    const faster = !peer || next.header.milliseconds < peer.header.milliseconds;
    await (faster ? peer : next)?.quit();
    if (faster) peer = next;
  }
  if (!peer) throw new Error("it runs with no number of threads");
  const agreement = await policyAgreement(navigation, peer, executor);
  if (agreement.median < tolerance) return { peer, agreement };
  await peer.quit();
  throw new Error(`its gradient differs from ours by ${agreement.median.toExponential(1)}`);
}

const script = fileURLToPath(new URL("../peers/torch_policy_peer.py", import.meta.url));

/** How the row of policies is measured. */
export interface PolicySetting {
  readonly rounds: number;
  readonly budgetMs: number;
  /** The peer's interpreter. */
  readonly python: string;
  /** Numbers of threads to try for it, none where it is not to run. */
  readonly threads: readonly number[];
  readonly patienceMs: number;
  leaveOut(reason: string): void;
}

/** The row of policies, ours and the peer's in turns. */
export async function policyIterations(on: PolicySetting, executor: Executor): Promise<PolicyResult> {
  const [all, quarter] = [
    await ourIterations(navigation, 1, executor),
    await ourIterations(navigation, 0.25, executor),
  ];
  for (const { run } of [all, quarter]) await run(3);
  const expectedMs = median(await all.run(2));
  const ready =
    on.threads.length === 0
      ? undefined
      : await readyPeer(on, executor).catch((error: Error) => on.leaveOut(error.message));
  const found = await takeTurns(
    [
      { key: "all", expectedMs, run: all.run },
      { key: "quarter", expectedMs, run: quarter.run },
      ...(ready
        ? [
            {
              key: "peer",
              expectedMs: ready.peer.header.milliseconds,
              run: (n: number) => ready.peer.round(n),
              onFailure: (error: Error) => on.leaveOut(error.message),
            },
          ]
        : []),
    ],
    on,
  );
  await ready?.peer.quit();
  const { all: ours, quarter: ofQuarter, peer: theirs } = found as Readonly<Record<string, number[] | undefined>>;
  const { threads, firstMilliseconds, peakBytes, versions } = ready?.peer.header ?? {};
  return {
    name: policyRow.name,
    ours: spread(ours!),
    quarter: spread(ofQuarter!),
    ...(ready && theirs
      ? {
          peer: {
            ...policyPeer,
            threads: threads!,
            milliseconds: spread(theirs),
            ratio: ratioSpread(theirs, ours!),
            ratioToQuarter: ratioSpread(theirs, ofQuarter!),
            agreement: ready.agreement,
            firstMilliseconds: firstMilliseconds!,
            peakBytes: peakBytes!,
            versions: versions!,
          },
        }
      : {}),
  };
}
