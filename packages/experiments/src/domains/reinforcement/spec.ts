/** What a run keeps of its environment. */
import { box, discrete, type EnvironmentFamily, observationSize, type Space } from "@innerloop/core/reinforcement";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { isRecord } from "../../options/outside-text.js";
import { isDataSpec } from "../classification/spec.js";
import type { DataSpec } from "../domain.js";

/** The kind and size of a space, without its bounds: all that a policy's network depends on. */
export interface SpaceSize {
  readonly kind: Space["kind"];
  readonly size: number;
}

/** A record of an environment: enough to build the policy, and to notice that the environment has become another. */
export interface EnvironmentSpec extends DataSpec {
  readonly observation: SpaceSize;
  readonly action: SpaceSize;
  /** Steps of an episode. */
  readonly horizon: number;
  /** Episodes of a trial, where tasks are trials. */
  readonly trialEpisodes?: number;
}

/** The record of a family. */
export function environmentSpec(family: EnvironmentFamily): EnvironmentSpec {
  const { name, description, horizon, observation, action, trial } = family;
  const sizes = { observation: sizeOfSpace(observation), action: sizeOfSpace(action) };
  return {
    name,
    sha256: bytesToHex(sha256(utf8ToBytes(JSON.stringify({ name, description, horizon, trial, ...sizes })))),
    exampleShape: [observationSize(observation)],
    ...sizes,
    horizon,
    ...(trial ? { trialEpisodes: trial.episodes } : {}),
  };
}

const sizeOfSpace = (space: Space): SpaceSize => ({
  kind: space.kind,
  size: space.kind === "box" ? space.shape[0] : space.n,
});

/** A space of a kind and size, unbounded. */
export const spaceOf = ({ kind, size }: SpaceSize): Space => (kind === "box" ? box({ shape: size }) : discrete(size));

/** More numbers than observations or actions of a policy have. */
const largestSpace = 2 ** 20;

const isSize = (value: unknown): value is SpaceSize => {
  if (!isRecord(value)) return false;
  const { kind, size } = value;
  return (kind === "box" || kind === "discrete") && isCount(size, largestSpace);
};

/** The kind and size of a space in a value from outside; undefined where it is none. */
export const parseSpaceSize = (value: unknown): SpaceSize | undefined =>
  isSize(value) ? { kind: value.kind, size: value.size } : undefined;

const isCount = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;

/** The record in a value from a file; undefined where it is none. */
export function parseEnvironmentSpec(value: unknown): EnvironmentSpec | undefined {
  if (!isDataSpec(value)) return undefined;
  const { observation, action, horizon, trialEpisodes } = value as unknown as Readonly<Record<string, unknown>>;
  const isSpec =
    isSize(observation) &&
    isSize(action) &&
    isCount(horizon, 1_000_000) &&
    (trialEpisodes === undefined || isCount(trialEpisodes, 1_000_000));
  return isSpec ? (value as EnvironmentSpec) : undefined;
}
