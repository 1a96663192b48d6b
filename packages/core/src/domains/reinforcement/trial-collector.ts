/** Whole trials of a policy with a memory as tasks. */
import {
  type CompiledFunction,
  compile,
  type Executor,
  greater,
  mapTree,
  reshape,
  type Tensor,
  type Tree,
  tensor,
  where,
} from "@innerloop/graph";
import { random } from "../../random/random.js";
import type { CollectingLearner, Collector, Task } from "../../tasks/task.js";
import type { TaskSpec } from "../../tasks/task-spec.js";
import { actionDistribution } from "./distributions.js";
import {
  actionSize,
  EnvironmentError,
  type EnvironmentFamily,
  observationSize,
  type RandomAddress,
  type VectorEnvironment,
} from "./environment.js";
import { learnerPrograms } from "./learner-programs.js";
import { trialInputs } from "./memory-policy.js";
import type { PolicyTargets } from "./policy-surrogate.js";
import { type TrialAdvantageOptions, trialAdvantages } from "./trial-advantages.js";

/** Options of `trialCollector`. */
export interface TrialCollectorOptions {
  readonly family: EnvironmentFamily;
  /** gamma and lambda of advantages, 0.99 and 0.3 by default: see `trialAdvantages`. */
  readonly advantages?: TrialAdvantageOptions;
}

/**
 * Trials as tasks, for learners with a memory: the query set is one row, all episodes of a trial one after another,
 *
 *   x  [1, steps, inputs]: what `trialInputs` tells of each step,   y  what was done, and what came of it
 *
 * with steps = horizon x `family.trial.episodes` (1 unless the family says). Episodes begin anew within the trial, the memory
 * stays; where one ends early the next follows at once, and what is left at the end is padding. The support set is the same:
 * these learners adapt to none. The return of a task is that of the trial, undiscounted; where the family says how many episodes
 * a trial has, `trial` of its targets holds the same.
 *
 * All trials of an update act together, one run of the policy a time step. Episode j of a task has the chance of the address
 * (seed, task, 0, j), as that of `policyCollector` before any step. What is done in a trial is the same whatever is collected
 * beside it, up to the rounding of float32; its advantages are not, as their baseline is fitted to all trials that are
 * collected together: in training those of an update, always.
 *
 * @throws EnvironmentError ILE101 where the learner that it collects with has no memory
 * @example trialCollector({ family: bernoulliBandits({ arms: 5, pulls: 10 }) })
 */
export function trialCollector({
  family,
  advantages = {},
}: TrialCollectorOptions): Collector<Tree, Tensor, PolicyTargets> {
  const { discount = 0.99, lambda = 0.3 } = advantages;
  const episodes = family.trial?.episodes ?? 1;
  const steps = family.horizon * episodes;
  const space = actionDistribution(family.action);
  const inputs = trialInputs(family);
  const isDiscrete = family.action.kind === "discrete";
  const width = actionSize(family.action);
  const flat = { dtype: "float32", shape: [steps] } as const;
  const spec: TaskSpec<Tensor, PolicyTargets> = {
    x: { shape: [steps, inputs], dtype: "float32" },
    y: {
      action: isDiscrete ? { shape: [steps], dtype: "int32" } : { shape: [steps, width], dtype: "float32" },
      advantage: flat,
      reward: flat,
      taken: flat,
      acted: { shape: [steps, space.outputs], dtype: "float32" },
      value: flat,
      ...(family.trial ? { trial: { shape: [], dtype: "float32" } as const } : {}),
    },
    support: { rows: 1 },
    query: { rows: 1 },
  };
  const programsOf = actPrograms(space.of);

  const collectMany: Required<Collector<Tree, Tensor, PolicyTargets>>["collectMany"] = async (
    params,
    seed,
    first,
    count,
    executor,
    learner,
  ) => {
    const environment = family.vectorized(
      Array.from({ length: count }, (_, i) => family.task(seed, first + i)),
      1,
    );
    try {
      const address = (row: number, episode: number): RandomAddress => [seed, first + row, 0, episode];
      const record = await acted(environment, { ...programsOf(executor, learner), params, address });
      const found = trialAdvantages({ trials: count, steps, ...record }, { discount, lambda });
      return Array.from({ length: count }, (_, row): Task<Tensor, PolicyTargets> => {
        const part = <A extends Float32Array | Int32Array>(values: A, each: number): A =>
          values.slice(row * steps * each, (row + 1) * steps * each) as A;
        const ofStep = (values: Float32Array): Tensor => tensor(part(values, 1), [1, steps]);
        const { actions } = record;
        const query = {
          x: tensor(part(record.inputs, inputs), [1, steps, inputs]),
          y: {
            action: isDiscrete
              ? tensor(part(actions, 1), [1, steps], "int32")
              : tensor(part(actions as Float32Array, width), [1, steps, width]),
            advantage: ofStep(found.advantages),
            reward: ofStep(record.rewards),
            taken: ofStep(record.taken),
            acted: tensor(part(record.acted, space.outputs), [1, steps, space.outputs]),
            value: ofStep(found.values),
            ...(family.trial ? { trial: tensor([sumOf(part(record.rewards, 1))], [1], "float32") } : {}),
          },
        };
        return { support: query, query };
      });
    } finally {
      await environment.close();
    }
  };

  /** All episodes of a trial in each row. */
  const acted = async (
    environment: VectorEnvironment,
    by: Programs & {
      readonly params: Tree;
      readonly address: (row: number, episode: number) => RandomAddress;
    },
  ): Promise<TrialRecord> => {
    const { rows } = environment;
    const size = observationSize(family.observation);
    const record = {
      inputs: new Float32Array(rows * steps * inputs),
      actions: isDiscrete ? new Int32Array(rows * steps) : new Float32Array(rows * steps * width),
      rewards: new Float32Array(rows * steps),
      taken: new Float32Array(rows * steps),
      acted: new Float32Array(rows * steps * space.outputs),
    };
    let features: Float32Array | undefined;
    let memory = await by.start(by.params, tensor(new Float32Array(rows), [rows]));
    /** What the next step will be told. */
    const told = new Float32Array(rows * inputs);
    const made = new Int32Array(rows);
    for (let episode = 0; episode < episodes; episode++) {
      const addresses = Array.from({ length: rows }, (_, row) => by.address(row, episode));
      const sources = addresses.map((address) => random(...address, 1));
      await environment.reset(addresses.map((address) => [...address, 0] as const));
      const going = new Float32Array(rows).fill(1);
      while (going.includes(1)) {
        const noise = new Float32Array(rows * space.noise);
        for (let row = 0; row < rows; row++) {
          if (!going[row]) continue;
          space.drawNoise(sources[row]!, noise, row * space.noise);
          told.set(environment.observations.subarray(row * size, (row + 1) * size), row * inputs);
        }
        const found = await by.act(
          by.params,
          memory,
          tensor(told.slice(), [rows, inputs]),
          tensor(noise, [rows, space.noise]),
          tensor(going.slice(), [rows]),
        );
        memory = found.memory;
        const actions = found.action.data as Float32Array | Int32Array;
        const [output, read] = [found.output, found.features].map(({ data }) => data as Float32Array) as [
          Float32Array,
          Float32Array,
        ];
        const each = read.length / rows;
        features ??= new Float32Array(rows * steps * each);
        await environment.step(actions);
        for (let row = 0; row < rows; row++) {
          if (!going[row]) continue;
          const at = row * steps + made[row]!++;
          record.inputs.set(told.subarray(row * inputs, (row + 1) * inputs), at * inputs);
          record.actions.set(actions.subarray(row * width, (row + 1) * width), at * width);
          record.acted.set(output.subarray(row * space.outputs, (row + 1) * space.outputs), at * space.outputs);
          features.set(read.subarray(row * each, (row + 1) * each), at * each);
          record.rewards[at] = environment.rewards[row]!;
          record.taken[at] = 1;
          const hasEnded = environment.terminated[row] === 1 || environment.truncated[row] === 1;
          if (hasEnded) going[row] = 0;
          const last = row * inputs + size;
          told.fill(0, last, last + inputs - size);
          if (isDiscrete) told[last + actions[row]!] = 1;
          else told.set(actions.subarray(row * width, (row + 1) * width) as Float32Array, last);
          told[(row + 1) * inputs - 2] = environment.rewards[row]!;
          told[(row + 1) * inputs - 1] = hasEnded ? 1 : 0;
        }
      }
    }
    return { ...record, features: features! };
  };
  return {
    name: family.name,
    description: { ...family.description, "episodes of a trial": episodes, discount, lambda },
    spec,
    collect: async (params, seed, index, executor, learner) =>
      (await collectMany(params, seed, index, 1, executor, learner))[0]!,
    collectMany,
    figures: ({ query }) => ({ environmentSteps: sumOf(query.y.taken.data as Float32Array) }),
  };
}

const sumOf = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);

/** What was done in trials, each [rows, steps, ...]. */
interface TrialRecord {
  readonly inputs: Float32Array;
  readonly actions: Float32Array | Int32Array;
  readonly rewards: Float32Array;
  readonly taken: Float32Array;
  readonly acted: Float32Array;
  readonly features: Float32Array;
}

type Acted = {
  readonly action: Tensor;
  readonly output: Tensor;
  readonly features: Tensor;
  readonly memory: Tree;
};

/** Programs of a learner on an executor. */
interface Programs {
  /** @param rows [rows]: only their number counts */
  readonly start: CompiledFunction<readonly [Tree, Tensor], Tree>;
  /** @param going [rows]: where it is 0 the memory stays */
  readonly act: CompiledFunction<readonly [params: Tree, memory: Tree, x: Tensor, noise: Tensor, going: Tensor], Acted>;
}

function actPrograms(
  of: ReturnType<typeof actionDistribution>["of"],
): (executor: Executor, learner: CollectingLearner) => Programs {
  const made = (executor: Executor, { name, memory: steps }: CollectingLearner): Programs => {
    if (!steps) {
      const remedy = "Take recurrentPolicy or snailPolicy, or collect episodes with policyCollector";
      throw new EnvironmentError("ILE101", { environment: "trialCollector" }, `${name} has no memory`, remedy);
    }
    return {
      start: compile((params: Tree, rows: Tensor) => steps.start(params, rows.size), { executor }),
      act: compile(
        (params: Tree, memory: Tree, x: Tensor, noise: Tensor, going: Tensor): Acted => {
          const { output, features, memory: next } = steps.advance(params, memory, x);
          const goesOn = greater(going, 0.5);
          const kept = mapTree(
            (after: Tensor, before: Tensor) =>
              where(reshape(goesOn, [going.size, ...after.shape.slice(1).map(() => 1)]), after, before),
            next,
            memory,
          );
          return { action: of(output).sample(noise), output, features, memory: kept };
        },
        { executor },
      ),
    };
  };
  return learnerPrograms(made);
}
