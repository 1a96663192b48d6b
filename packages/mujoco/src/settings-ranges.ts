import { EnvironmentError } from "@innerloop/core/reinforcement";
import { bodies } from "./bodies.js";
import { type LocomotionSettings, noiseDistributions, velocityKinds } from "./locomotion-settings.js";

/** What is wrong with a value; undefined where nothing is. */
type Fault = string | undefined;

const whole = (value: unknown, least: number, most: number): Fault =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
    ? undefined
    : `Give a whole number from ${least} to ${most}`;

const finite = (value: unknown, least = Number.NEGATIVE_INFINITY): Fault =>
  Number.isFinite(value) && (value as number) >= least
    ? undefined
    : `Give a number${least === Number.NEGATIVE_INFINITY ? "" : ` of at least ${least}`}`;

const numbers = (values: unknown, count: number): Fault =>
  values === undefined || (Array.isArray(values) && values.length === count && values.every(Number.isFinite))
    ? undefined
    : `Give ${count} numbers`;

const range = (values: unknown): Fault =>
  values === undefined || (numbers(values, 2) === undefined && (values as number[])[0]! <= (values as number[])[1]!)
    ? undefined
    : "Give the least and the most";

const oneOf = (value: unknown, known: readonly unknown[]): Fault =>
  known.includes(value) ? undefined : `Give one of ${known.filter((each) => each !== undefined).join(", ")}`;

/** Seconds of a frame beyond which no body of these is stable. */
const longestTimestep = 0.1;

/**
 * Refuses settings that no simulation can be made of, wherever they are from.
 *
 * @throws EnvironmentError ILE101
 */
export function requireRanges(environment: string, settings: LocomotionSettings, workers: number): void {
  const { timestep, start, observation, reward } = settings;
  const { positions } = bodies[settings.body];
  const faults: readonly (readonly [name: string, value: unknown, fault: Fault])[] = [
    ["workers", workers, whole(workers, 0, 256)],
    [
      "timestep",
      timestep,
      Number.isFinite(timestep) && timestep > 0 && timestep <= longestTimestep
        ? undefined
        : `Give seconds above 0, up to ${longestTimestep}`,
    ],
    ["frameSkip", settings.frameSkip, whole(settings.frameSkip, 1, 1000)],
    ["horizon", settings.horizon, whole(settings.horizon, 1, 1e6)],
    ["actionBound", settings.actionBound, finite(settings.actionBound, 1e-6)],
    ["contactImpedance", settings.contactImpedance, numbers(settings.contactImpedance, 3)],
    ["start.positions", start.positions, numbers(start.positions, positions)],
    [
      "start.positionNoise.distribution",
      start.positionNoise.distribution,
      oneOf(start.positionNoise.distribution, noiseDistributions),
    ],
    ["start.positionNoise.scale", start.positionNoise.scale, finite(start.positionNoise.scale, 0)],
    ["start.velocityNoise", start.velocityNoise, finite(start.velocityNoise, 0)],
    ["observation.positionsFrom", observation.positionsFrom, whole(observation.positionsFrom, 0, positions)],
    [
      "observation.contactForces",
      observation.contactForces,
      oneOf(observation.contactForces, ["all", "bodies", undefined]),
    ],
    [
      "observation.torsoPlace",
      observation.torsoPlace,
      oneOf(observation.torsoPlace, ["frame", "centre of mass", undefined]),
    ],
    ["reward.velocity", reward.velocity, oneOf(reward.velocity, velocityKinds)],
    ...(["velocityOffset", "controlCost", "contactCost", "alive"] as const).map(
      (part) => [`reward.${part}`, reward[part], finite(reward[part])] as const,
    ),
    ["healthyHeights", settings.healthyHeights, range(settings.healthyHeights)],
    ["goalVelocities", settings.goalVelocities, range(settings.goalVelocities)],
  ];
  const broken = faults.find(([, , fault]) => fault !== undefined);
  if (!broken) return;
  const [name, value, remedy] = broken;
  const given = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value)).slice(0, 80);
  throw new EnvironmentError("ILE101", { environment }, `${name} is ${given}`, remedy!);
}
