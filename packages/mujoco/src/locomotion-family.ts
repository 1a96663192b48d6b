import { availableParallelism } from "node:os";
import { random } from "@innerloop/core";
import { box, EnvironmentError, type EnvironmentFamily, type EnvironmentTask } from "@innerloop/core/reinforcement";
import { bodies, mujocoVersion } from "./bodies.js";
import { rowSizes } from "./episode-rows.js";
import { type Goal, parseGoal } from "./goals.js";
import { LocomotionEnvironment } from "./locomotion-environment.js";
import { describeSettings, type LocomotionSettings } from "./locomotion-settings.js";
import { readModel } from "./model-files.js";
import { closedError, type RowRunner, runnerHere } from "./row-runner.js";
import { workerRunner } from "./worker-runner.js";

/** A family of locomotion tasks, and the workers that simulate them. */
export interface LocomotionFamily<T extends EnvironmentTask = EnvironmentTask> extends EnvironmentFamily<T> {
  readonly settings: LocomotionSettings;
  /** The place in an observation of the root's velocity along x, in m/s. */
  readonly xVelocityAt: number;
  context(task: T): Float32Array;
  parseTask(json: unknown): T;
  /** Ends the workers, whose environments cannot be used any more. A process that ends does not wait for them. */
  close(): Promise<void>;
}

/** Options of families of locomotion, whatever the body. */
export interface LocomotionOptions {
  /**
   * Worker threads that simulate, which all environments of the family share; 0 simulates in this thread. As many as there
   * are cores unless given: their number does not show in results.
   */
  readonly workers?: number;
  /** What differs from the protocol: it is part of the description of results. */
  readonly settings?: Partial<Omit<LocomotionSettings, "body">>;
}

/** What a family is made of. */
export interface LocomotionFamilyParts<T extends EnvironmentTask> extends LocomotionOptions {
  readonly name: string;
  /** The name of the settings, and what they are. */
  readonly protocol: string;
  readonly published: LocomotionSettings;
  readonly goal: Goal<T>;
}

/**
 * A family of locomotion tasks.
 *
 * @throws EnvironmentError ILE101 for settings out of range, and for velocities where the protocol has none
 */
export function locomotionFamily<T extends EnvironmentTask>({
  name,
  protocol,
  published,
  goal,
  workers = availableParallelism(),
  settings: changed = {},
}: LocomotionFamilyParts<T>): LocomotionFamily<T> {
  const settings: LocomotionSettings = { ...published, ...changed };
  requireRanges(name, settings, workers);
  if (goal.isVelocity && settings.goalVelocities === undefined) {
    const remedy = "Give `settings: { goalVelocities: [0, 3] }`, or another protocol";
    throw new EnvironmentError("ILE101", { environment: name }, `${protocol} has no velocity tasks`, remedy);
  }
  const { controls, positions, sha256, file } = bodies[settings.body];
  const action = box({ shape: controls, low: -settings.actionBound, high: settings.actionBound });
  let runner: RowRunner | undefined;
  let isClosed = false;
  const openRunner = (): RowRunner => {
    const parts = { name, settings, model: readModel(settings.body) };
    return workers === 0 ? runnerHere(parts) : workerRunner({ ...parts, workers });
  };
  return {
    name,
    settings,
    xVelocityAt: positions - settings.observation.positionsFrom,
    description: {
      protocol: Object.keys(changed).length === 0 ? protocol : `${protocol}, changed`,
      simulator: `MuJoCo ${mujocoVersion}`,
      model: `${file}, sha256 ${sha256.slice(0, 16)}`,
      tasks: goal.describe(settings.goalVelocities),
      ...describeSettings(settings),
      actions: `[-${settings.actionBound}, ${settings.actionBound}], clipped, scaled to the range of the controls`,
    },
    observation: box({ shape: rowSizes(settings).observation }),
    action,
    horizon: settings.horizon,
    task: (seed, index) => goal.sample(random(seed, index), settings.goalVelocities),
    context: (task) => Float32Array.from(goal.context(task)),
    parseTask: (json) => parseGoal(name, goal, json),
    vectorized(tasks, episodes) {
      if (isClosed) throw closedError(name);
      if (tasks.length < 1 || !Number.isSafeInteger(episodes) || episodes < 1) {
        const problem = `${tasks.length} tasks and ${episodes} episodes of each`;
        throw new EnvironmentError("ILE101", { environment: name }, problem, "Give one or more of both");
      }
      // Tasks may be a user's own: each is one of the family, or is refused here.
      const checked = tasks.map((task) => parseGoal(name, goal, task));
      runner ??= openRunner();
      return new LocomotionEnvironment({ name, settings, goal, action, tasks: checked, episodes, runner });
    },
    async close() {
      isClosed = true;
      await runner?.close();
    },
  };
}

/** A setting, whether it is in its range, and what to give instead. */
type Rule = readonly [name: string, value: unknown, isRight: boolean, remedy: string];

/** Seconds of a frame beyond which no body of these is stable. */
const longestTimestep = 0.1;

function requireRanges(environment: string, settings: LocomotionSettings, workers: number): void {
  const { timestep, frameSkip, horizon, actionBound, start, reward, healthyHeights, goalVelocities } = settings;
  const { observation, body, contactImpedance } = settings;
  const isWhole = (value: number, least: number, most: number) =>
    Number.isSafeInteger(value) && value >= least && value <= most;
  const areNumbers = (values: readonly number[] | undefined, count: number) =>
    values === undefined || (values.length === count && values.every(Number.isFinite));
  const isRange = (range: readonly [number, number] | undefined) =>
    areNumbers(range, 2) && (range === undefined || range[0] <= range[1]);
  const { positions } = bodies[body];
  const rules: readonly Rule[] = [
    ["workers", workers, isWhole(workers, 0, 256), "Give a whole number, 0 to simulate in this thread"],
    ["timestep", timestep, timestep > 0 && timestep <= longestTimestep, `Give seconds, up to ${longestTimestep}`],
    ["frameSkip", frameSkip, isWhole(frameSkip, 1, 1000), "Give a whole number from 1 to 1000"],
    ["horizon", horizon, isWhole(horizon, 1, 1e6), "Give a whole number from 1 to 1e6"],
    ["actionBound", actionBound, actionBound > 0 && Number.isFinite(actionBound), "Give a number above 0"],
    ["contactImpedance", contactImpedance, areNumbers(contactImpedance, 3), "Give three numbers"],
    ["start.positions", start.positions, areNumbers(start.positions, positions), `Give ${positions} numbers`],
    ["start.positionNoise.scale", start.positionNoise.scale, start.positionNoise.scale >= 0, "Give 0 or more"],
    ["start.velocityNoise", start.velocityNoise, start.velocityNoise >= 0, "Give 0 or more"],
    [
      "observation.positionsFrom",
      observation.positionsFrom,
      isWhole(observation.positionsFrom, 0, positions),
      `Give a whole number up to ${positions}`,
    ],
    ...(["velocityOffset", "controlCost", "contactCost", "alive"] as const).map(
      (part) => [`reward.${part}`, reward[part], Number.isFinite(reward[part]), "Give a number"] as Rule,
    ),
    ["healthyHeights", healthyHeights, isRange(healthyHeights), "Give the least and the most"],
    ["goalVelocities", goalVelocities, isRange(goalVelocities), "Give the least and the most"],
  ];
  const broken = rules.find(([, , isRight]) => !isRight);
  if (!broken) return;
  const [name, value, , remedy] = broken;
  throw new EnvironmentError("ILE101", { environment }, `${name} is ${JSON.stringify(value)}`, remedy);
}
