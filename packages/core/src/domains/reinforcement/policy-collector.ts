/** Episodes of a policy as tasks: those that it adapts by, and those after it has adapted. */
import {
  type CompiledFunction,
  compile,
  type Executor,
  mapTree,
  type Tensor,
  type Tree,
  tensor,
  vmap,
} from "@innerloop/graph";
import { random } from "../../random/random.js";
import type { CollectingLearner, Collector, Examples, Task } from "../../tasks/task.js";
import { symbolicTask, type TaskSpec } from "../../tasks/task-spec.js";
import { blank, stackTrees } from "../../training/task-batch.js";
import { type PolicyAdvantageOptions, policyAdvantages } from "./advantages.js";
import { actionDistribution } from "./distributions.js";
import {
  actionSize,
  EnvironmentError,
  type EnvironmentFamily,
  observationSize,
  type RandomAddress,
  wholeOption,
} from "./environment.js";
import { learnerPrograms } from "./learner-programs.js";
import type { PolicyTargets } from "./policy-surrogate.js";

/** Options of `policyCollector`. */
export interface PolicyCollectorOptions {
  readonly family: EnvironmentFamily;
  /** Episodes of a task that each inner step sees, and as many after adaptation: 20 by default. */
  readonly episodes?: number;
  /** Inner steps, 1 by default: each has episodes of its own, by the policy that the steps before have led to. */
  readonly steps?: number;
  /** gamma and lambda of advantages, 0.99 and 1 by default, and their baseline: see `policyAdvantages`. */
  readonly advantages?: Partial<PolicyAdvantageOptions>;
}

/**
 * Episodes as tasks: x are observations [n, H, size], y what was done and what came of it; an episode is a row.
 *
 *   for k = 0 .. K:  tau_k by the policy of theta_k = adapt(theta; tau_0 .. tau_{k-1}, k steps)
 *   support = tau_0 .. tau_{K-1}, query = tau_K
 *
 * Support rows go by episode, then by step: a learner of several steps takes `minibatch: { size: episodes }`, by which step k
 * sees tau_k. All tasks act together, one run of the policy a time step; the chance in an episode is that of its address (seed,
 * task, k, episode), and so an episode is the same whatever is collected beside it, up to the rounding of float32.
 *
 * @throws EnvironmentError ILE101 for options out of range, and where the learner that it collects with has a memory
 * @example policyCollector({ family: navigation2d(), episodes: 20, steps: 1 })
 */
export function policyCollector(options: PolicyCollectorOptions): Collector<Tree, Tensor, PolicyTargets> {
  return collectorWith(options, programCache(actionDistribution(options.family.action).of));
}

/** @param programsOf shared by the collectors of other numbers of steps, whose policies are the same */
function collectorWith(
  options: PolicyCollectorOptions,
  programsOf: ReturnType<typeof programCache>,
): Collector<Tree, Tensor, PolicyTargets> {
  const { family } = options;
  const advantages: PolicyAdvantageOptions = { discount: 0.99, lambda: 1, ...options.advantages };
  const episodes = wholeOption("policyCollector", "episodes", options.episodes ?? 20);
  const steps = wholeOption("policyCollector", "steps", options.steps ?? 1, 0);
  const stages = Math.max(1, steps);
  const space = actionDistribution(family.action);
  const [size, horizon] = [observationSize(family.observation), family.horizon];
  const isDiscrete = family.action.kind === "discrete";
  const flat = { dtype: "float32", shape: [horizon] } as const;
  const spec: TaskSpec<Tensor, PolicyTargets> = {
    x: { shape: [horizon, size], dtype: "float32" },
    y: {
      action: isDiscrete
        ? { shape: [horizon], dtype: "int32" }
        : { shape: [horizon, actionSize(family.action)], dtype: "float32" },
      advantage: flat,
      reward: flat,
      taken: flat,
      acted: { shape: [horizon, space.outputs], dtype: "float32" },
      ...(family.trial ? { trial: { shape: [], dtype: "float32" } as const } : {}),
    },
    support: { rows: stages * episodes },
    query: { rows: episodes },
  };
  /** What no step adapts to. */
  const nothingDone = blank(symbolicTask(spec).query);
  const collectStages: Required<Collector<Tree, Tensor, PolicyTargets>>["collectStages"] = async (
    params,
    seed,
    first,
    count,
    executor,
    learner,
    numbers,
  ) => {
    const places = Array.from({ length: count }, (_, i) => first + i);
    const environment = family.vectorized(
      places.map((index) => family.task(seed, index)),
      episodes,
    );
    const programs = programsOf(executor, learner);
    try {
      const gathered: EpisodeSet[][] = [];
      for (let stage = 0; stage <= Math.max(...numbers); stage++) {
        const support = places.map((_, task) =>
          stage === 0 ? nothingDone : interleaved(gathered.map((sets) => sets[task]!)),
        );
        const adapted = await programs.adapted(stage)(params, stackTrees(support, "support") as EpisodeSet);
        const address = (row: number): RandomAddress => [
          seed,
          places[Math.floor(row / episodes)]!,
          stage,
          row % episodes,
        ];
        gathered.push(await acting(environment, { act: programs.act, adapted, address }));
      }
      return numbers.map((taken) =>
        places.map((_, task): Task<Tensor, PolicyTargets> => {
          const sets = gathered.slice(0, taken + 1).map((of) => of[task]!);
          const told = family.trial ? withTrial(sets, family.trial.episodes) : sets;
          const query = told[taken]!;
          return { support: taken === 0 ? query : interleaved(told.slice(0, taken)), query };
        }),
      );
    } finally {
      await environment.close();
    }
  };

  /** Whole episodes in all rows of an environment, by adapted policies: those of each task. */
  const acting = async (
    environment: ReturnType<EnvironmentFamily["vectorized"]>,
    by: {
      readonly act: ActProgram;
      readonly adapted: Tree;
      readonly address: (row: number) => RandomAddress;
    },
  ): Promise<EpisodeSet[]> => {
    const { rows } = environment;
    const width = isDiscrete ? 1 : actionSize(family.action);
    const record = {
      observations: new Float32Array(rows * horizon * size),
      actions: isDiscrete ? new Int32Array(rows * horizon) : new Float32Array(rows * horizon * width),
      rewards: new Float32Array(rows * horizon),
      taken: new Float32Array(rows * horizon),
      acted: new Float32Array(rows * horizon * space.outputs),
    };
    const sources = Array.from({ length: rows }, (_, row) => random(...by.address(row), 1));
    await environment.reset(Array.from({ length: rows }, (_, row) => [...by.address(row), 0] as const));
    const going = new Uint8Array(rows).fill(1);
    const tasks = rows / episodes;
    // An environment writes its observations anew, and a run has read what it was given when it is done.
    const seen = new Float32Array(rows * size);
    const noise = new Float32Array(rows * space.noise);
    const given = [tensor(seen, [tasks, episodes, size]), tensor(noise, [tasks, episodes, space.noise])] as const;
    for (let t = 0; t < horizon && going.includes(1); t++) {
      for (let row = 0; row < rows; row++) if (going[row]) space.drawNoise(sources[row]!, noise, row * space.noise);
      seen.set(environment.observations);
      const { action, output } = await by.act(by.adapted, ...given);
      const actions = action.data as Numbers;
      const outputs = output.data as Float32Array;
      await environment.step(actions);
      for (let row = 0; row < rows; row++) {
        if (!going[row]) continue;
        const at = row * horizon + t;
        copyRow(seen, row, record.observations, at, size);
        copyRow(actions, row, record.actions, at, width);
        copyRow(outputs, row, record.acted, at, space.outputs);
        record.rewards[at] = environment.rewards[row]!;
        record.taken[at] = 1;
        if (environment.terminated[row] || environment.truncated[row]) going[row] = 0;
      }
    }
    return Array.from({ length: tasks }, (_, task): EpisodeSet => {
      const part = <A extends Float32Array | Int32Array>(values: A, each: number): A =>
        values.slice(task * episodes * horizon * each, (task + 1) * episodes * horizon * each) as A;
      const own = {
        observations: part(record.observations, size),
        rewards: part(record.rewards, 1),
        taken: part(record.taken, 1),
      };
      const ofStep = (values: Float32Array): Tensor => tensor(values, [episodes, horizon]);
      const actions = part(record.actions, width);
      return {
        x: tensor(own.observations, [episodes, horizon, size]),
        y: {
          action: isDiscrete
            ? tensor(actions, [episodes, horizon], "int32")
            : tensor(actions as Float32Array, [episodes, horizon, width]),
          advantage: ofStep(policyAdvantages({ episodes, horizon, ...own, present: own.taken }, advantages)),
          reward: ofStep(own.rewards),
          taken: ofStep(own.taken),
          acted: tensor(part(record.acted, space.outputs), [episodes, horizon, space.outputs]),
        },
      };
    });
  };
  const collectMany: Required<Collector<Tree, Tensor, PolicyTargets>>["collectMany"] = async (...at) =>
    (await collectStages(...at, [steps]))[0]!;
  const collector: Collector<Tree, Tensor, PolicyTargets> = {
    name: family.name,
    description: { ...family.description, episodes, discount: advantages.discount, lambda: advantages.lambda! },
    spec,
    collect: async (params, seed, index, executor, learner) =>
      (await collectMany(params, seed, index, 1, executor, learner))[0]!,
    collectMany,
    collectStages,
    after: (other) => (other === steps ? collector : collectorWith({ ...options, steps: other }, programsOf)),
    figures: ({ support, query }) => ({
      // Rows of a task go by episode, then by step: those of the first step are every so many.
      before: meanReturn(support.y, (row) => row % stages === 0),
      environmentSteps: sumOf(query.y.taken) + (steps === 0 ? 0 : sumOf(support.y.taken)),
    }),
  };
  return collector;
}

type Numbers = Float32Array | Int32Array;

/** Copies a row of so many numbers: they are few, and a view of each would cost more than they do. */
function copyRow(from: Numbers, row: number, to: Numbers, toRow: number, width: number): void {
  for (let i = 0; i < width; i++) to[toRow * width + i] = from[row * width + i]!;
}

/** The mean of the sums of rewards of episodes [tasks, n, H], of those whose row within its task is chosen. */
function meanReturn({ reward }: Pick<PolicyTargets, "reward">, chosen: (row: number) => boolean): number {
  const [, rows = 1, horizon = 1] = reward.shape;
  let [sum, episodes] = [0, 0];
  for (let row = 0; row < reward.size / horizon; row++) {
    if (!chosen(row % rows)) continue;
    episodes++;
    for (let t = 0; t < horizon; t++) sum += Number(reward.data![row * horizon + t]);
  }
  return sum / episodes;
}

const sumOf = ({ data }: Tensor): number => (data as Float32Array).reduce((total, value) => total + value, 0);

type EpisodeSet = Examples<Tensor, PolicyTargets>;
type ActProgram = CompiledFunction<
  readonly [Tree, Tensor, Tensor],
  { readonly action: Tensor; readonly output: Tensor }
>;

/** Programs of a learner on an executor. */
interface Programs {
  /** Parameters adapted to each task in so many steps. */
  adapted(steps: number): CompiledFunction<readonly [Tree, EpisodeSet], Tree>;
  readonly act: ActProgram;
}

function programCache(
  of: ReturnType<typeof actionDistribution>["of"],
): (executor: Executor, learner: CollectingLearner) => Programs {
  const made = (executor: Executor, learner: CollectingLearner): Programs => {
    if (learner.memory) {
      const problem = `${learner.name} remembers a trial, and these are episodes by themselves`;
      throw new EnvironmentError("ILE101", { environment: "policyCollector" }, problem, "Collect with trialCollector");
    }
    const byStep = new Map<number, CompiledFunction<readonly [Tree, EpisodeSet], Tree>>();
    return {
      adapted: (steps) => {
        let program = byStep.get(steps);
        if (!program) {
          program = compile(
            (params: Tree, support: EpisodeSet) =>
              vmap((own: EpisodeSet) => learner.adapt(params, own as Examples<Tree, Tree>, { steps }))(support),
            { executor },
          );
          byStep.set(steps, program);
        }
        return program;
      },
      act: compile(
        (adapted: Tree, observations: Tensor, noise: Tensor) =>
          vmap((own: Tree, seen: Tensor, drawn: Tensor) => {
            const output = learner.predict(own, seen) as Tensor;
            return { action: of(output).sample(drawn), output };
          })(adapted, observations, noise),
        { executor },
      ),
    };
  };
  return learnerPrograms(made);
}

/** Sets of a task with the reward of a trial: the mean return of an episode of any of them, times the episodes of a trial. */
function withTrial(sets: readonly EpisodeSet[], episodes: number): EpisodeSet[] {
  const rows = sets.reduce((total, { y }) => total + y.reward.shape[0]!, 0);
  const reward = (episodes * sets.reduce((total, { y }) => total + sumOf(y.reward), 0)) / rows;
  return sets.map(({ x, y }) => ({ x, y: { ...y, trial: tensor(new Float32Array(y.reward.shape[0]!).fill(reward)) } }));
}

/** Rows of several sets, those of one place beside each other: row j K + k is row j of set k. */
function interleaved(sets: readonly EpisodeSet[]): EpisodeSet {
  const [first] = sets as readonly [EpisodeSet, ...EpisodeSet[]];
  if (sets.length === 1) return first;
  return mapTree(
    (...parts) => {
      const [head] = parts as readonly [Tensor, ...Tensor[]];
      const [rows, ...rest] = head.shape as readonly [number, ...number[]];
      const each = head.size / rows;
      const values = (head.data as Float32Array).constructor as new (length: number) => Float32Array;
      const all = new values(head.size * parts.length);
      parts.forEach((part, k) => {
        for (let row = 0; row < rows; row++)
          all.set((part.data as Float32Array).subarray(row * each, (row + 1) * each), (row * parts.length + k) * each);
      });
      return tensor(all, [rows * parts.length, ...rest], head.dtype as "float32");
    },
    ...(sets as [EpisodeSet, ...EpisodeSet[]]),
  );
}
