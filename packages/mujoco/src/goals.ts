/** The kinds of goal of locomotion tasks: what a task says, where it comes from, and what it rewards. */

import type { Random } from "@innerloop/core";
import { EnvironmentError, type EnvironmentTask } from "@innerloop/core/reinforcement";

/** A task: the direction along x, forward or backward. */
export type DirectionTask = EnvironmentTask & { readonly direction: 1 | -1 };

/** A task: the direction in the plane, a unit vector. */
export type PlaneDirectionTask = EnvironmentTask & { readonly direction: readonly [x: number, y: number] };

/** A task: the velocity along x to run at, in m/s. */
export type VelocityTask = EnvironmentTask & { readonly velocity: number };

/** A kind of goal. */
export interface Goal<T extends EnvironmentTask = EnvironmentTask> {
  /** How tasks are drawn: part of the description of results. */
  describe(velocities: readonly [number, number] | undefined): string;
  /** Whether goals are velocities, between those of the settings. */
  readonly isVelocity: boolean;
  sample(source: Random, velocities: readonly [number, number] | undefined): T;
  /** The task that a value from outside is; undefined where it is none. */
  parse(json: Readonly<Record<string, unknown>>): T | undefined;
  /** What tasks of this kind look like, for errors. */
  readonly example: string;
  /** What an oracle is told. */
  context(task: T): readonly number[];
  /** Whether goals are directions of the plane, and not along x alone. */
  readonly isInPlane: boolean;
  /** What the velocity is called that `rewarded` is about, where episodes are drawn. */
  readonly velocityTitle: string;
  /** The direction that velocities are rewarded along, and the velocity that is wanted, NaN where it is none. */
  rewarded(task: T): readonly [alongX: number, alongY: number, velocity: number];
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

const direction: Goal<DirectionTask> = {
  describe: () => "direction -1 or 1, equally likely",
  isVelocity: false,
  isInPlane: false,
  sample: (source) => ({ direction: source.integer(2) === 0 ? -1 : 1 }),
  parse: ({ direction: along }) => (along === 1 || along === -1 ? { direction: along } : undefined),
  example: '{ "direction": 1 } or { "direction": -1 }',
  context: (task) => [task.direction],
  velocityTitle: "velocity in the wanted direction",
  rewarded: (task) => [task.direction, 0, Number.NaN],
};

const planeDirection: Goal<PlaneDirectionTask> = {
  describe: () => "direction uniform on the unit circle",
  isVelocity: false,
  isInPlane: true,
  sample: (source) => {
    const angle = source.uniform(-Math.PI, Math.PI);
    return { direction: [Math.cos(angle), Math.sin(angle)] };
  },
  parse: ({ direction: along }) => {
    if (!Array.isArray(along) || along.length !== 2 || !along.every(isNumber)) return undefined;
    const [x, y] = along as [number, number];
    return Math.abs(Math.hypot(x, y) - 1) <= 1e-6 ? { direction: [x, y] } : undefined;
  },
  example: '{ "direction": [0.6, 0.8] }, a vector of length 1',
  context: (task) => task.direction,
  velocityTitle: "velocity in the wanted direction",
  rewarded: (task) => [...task.direction, Number.NaN],
};

/** A velocity that no body comes near to, in m/s: beyond it a goal is a mistake. */
const greatestVelocity = 100;

const velocity: Goal<VelocityTask> = {
  describe: (velocities) => `velocity uniform from ${velocities?.[0]} to ${velocities?.[1]} m/s`,
  isVelocity: true,
  isInPlane: false,
  sample: (source, velocities) => ({ velocity: source.uniform(...velocities!) }),
  parse: ({ velocity: wanted }) =>
    isNumber(wanted) && Math.abs(wanted) <= greatestVelocity ? { velocity: wanted } : undefined,
  example: `{ "velocity": 1.5 }, in m/s, at most ${greatestVelocity}`,
  context: (task) => [task.velocity],
  velocityTitle: "velocity along x",
  rewarded: (task) => [1, 0, task.velocity],
};

/** The tasks of each goal. */
export interface GoalTasks {
  readonly direction: DirectionTask;
  readonly velocity: VelocityTask;
  readonly "direction-2d": PlaneDirectionTask;
}

/** Names of goals. */
export type GoalName = keyof GoalTasks;

/** Goals by name. */
export const goals: { readonly [G in GoalName]: Goal<GoalTasks[G]> } = {
  direction,
  velocity,
  "direction-2d": planeDirection,
};

/**
 * The task that a value from outside is.
 *
 * @throws EnvironmentError ILE102 where it is none of this goal
 */
export function parseGoal<T extends EnvironmentTask>(environment: string, goal: Goal<T>, json: unknown): T {
  const isRecord = typeof json === "object" && json !== null && !Array.isArray(json);
  // What more a record says would have no effect, and whoever wrote it thinks it has.
  const isWhole = isRecord && Object.keys(json).length === 1;
  const task = isWhole ? goal.parse(json as Readonly<Record<string, unknown>>) : undefined;
  if (task) return task;
  throw new EnvironmentError("ILE102", { environment }, `the task is ${shown(json)}`, `Give ${goal.example}`);
}

/** A value from outside, as much of it as a message can hold; what lies deeper is not looked at. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== "object" || value === null) return String(value).slice(0, 80);
  const entries = Object.entries(value).slice(0, 4);
  const parts = entries.map(([name, part]) => `${name}: ${typeof part === "object" ? "..." : String(part)}`);
  return `{ ${parts.join(", ")} }`.slice(0, 80);
}
