import { availableParallelism } from "node:os";
import { random } from "@innerloop/core";
import {
  box,
  EnvironmentError,
  type EnvironmentFamily,
  type EnvironmentTask,
  type EpisodePicture,
  type PathPicture,
} from "@innerloop/core/reinforcement";
import { bodies, mujocoVersion } from "./bodies.js";
import { rowSizes } from "./episode-rows.js";
import { type Goal, parseGoal } from "./goals.js";
import { LocomotionEnvironment } from "./locomotion-environment.js";
import { describeSettings, type LocomotionSettings, stepTime } from "./locomotion-settings.js";
import { readModel } from "./model-files.js";
import { closedError, type RowRunner, runnerHere } from "./row-runner.js";
import { requireRanges } from "./settings-ranges.js";
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
  const { controls, sha256, file } = bodies[settings.body];
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
    xVelocityAt: xVelocityAt(settings),
    description: {
      protocol: Object.keys(changed).length === 0 ? protocol : `${protocol}, changed`,
      simulator: `MuJoCo ${mujocoVersion}`,
      model: `${file}, sha256 ${sha256.slice(0, 16)}`,
      goals: goal.describe(settings.goalVelocities),
      ...describeSettings(settings),
      actions: `[-${settings.actionBound}, ${settings.actionBound}], clipped, scaled to the range of the controls`,
    },
    observation: box({ shape: rowSizes(settings).observation }),
    action,
    horizon: settings.horizon,
    pictures: picturesOf(settings, goal),
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

const xVelocityAt = ({ body, observation }: LocomotionSettings): number =>
  bodies[body].positions - observation.positionsFrom;

/** The velocity that the task is about, and the path in the plane of a body that moves in one and is told where it is. */
function picturesOf<T extends EnvironmentTask>(settings: LocomotionSettings, goal: Goal<T>): EpisodePicture<T>[] {
  const at = xVelocityAt(settings);
  const velocity: EpisodePicture<T> = {
    kind: "series",
    title: goal.velocityTitle,
    unit: "m/s",
    stepSeconds: stepTime(settings),
    at: (observation, task) => {
      const [alongX, alongY] = goal.rewarded(task);
      // The second velocity of a body that moves in the plane of x and z is not one along y.
      return alongX * observation[at]! + (alongY === 0 ? 0 : alongY * observation[at + 1]!);
    },
    wanted: (task) => {
      const [, , wanted] = goal.rewarded(task);
      return Number.isNaN(wanted) ? undefined : wanted;
    },
  };
  const place = placeAt(settings);
  if (place === undefined) return [velocity];
  const path: PathPicture<T> = {
    kind: "path",
    title: "path from above",
    unit: "m",
    at: (observation) => [observation[place]!, observation[place + 1]!],
    ...(goal.isVelocity
      ? {}
      : {
          direction: (task: T): readonly [number, number] => {
            const [alongX, alongY] = goal.rewarded(task);
            return [alongX, alongY];
          },
        }),
  };
  return goal.isInPlane ? [path, velocity] : [velocity, path];
}

/** The place in an observation of the coordinates in the plane of the ground, where it has both. */
function placeAt(settings: LocomotionSettings): number | undefined {
  const { body, observation } = settings;
  if (!bodies[body].movesInPlane) return undefined;
  if (observation.torsoPlace) return rowSizes(settings).observation - 3;
  return observation.positionsFrom === 0 ? 0 : undefined;
}
