/** The ways in which episodes of a family are drawn, as data: who draws them asks for no family's name. */
import type { EnvironmentTask } from "./environment.js";

/** A path in a plane: where something is, step by step. Both axes have one scale. */
export interface PathPicture<T extends EnvironmentTask = EnvironmentTask> {
  readonly kind: "path";
  /** What is drawn, in a few words: "path of the point". */
  readonly title: string;
  /** Of both coordinates; none for plain numbers. */
  readonly unit?: string;
  /** The place that an observation, [n], tells. */
  at(observation: Float32Array, task: T): readonly [x: number, y: number];
  /** Where the task wants it to be. */
  goal?(task: T): readonly [x: number, y: number];
  /** Which way the task wants it to go, a vector of length 1. */
  direction?(task: T): readonly [x: number, y: number];
}

/** A number over the time of an episode. */
export interface SeriesPicture<T extends EnvironmentTask = EnvironmentTask> {
  readonly kind: "series";
  /** What is drawn, in a few words: "velocity along x". */
  readonly title: string;
  readonly unit?: string;
  /** Seconds of a step; time is counted in steps unless given. */
  readonly stepSeconds?: number;
  /** The number that an observation, [n], tells. */
  at(observation: Float32Array, task: T): number;
  /** The number that the task wants, where it wants a certain one. */
  wanted?(task: T): number | undefined;
}

/** The actions of a discrete space that are chosen: how often each, in which situation. */
export interface ChoicesPicture<T extends EnvironmentTask = EnvironmentTask> {
  readonly kind: "choices";
  /** What is drawn, in a few words: "arms pulled". */
  readonly title: string;
  /** Names of the actions, one for each. */
  readonly names: readonly string[];
  /** Situations in which a choice is another one; all choices are in one unless given. */
  readonly situations?: {
    readonly names: readonly string[];
    /** The situation, from 0 on, that an observation, [n], tells. */
    at(observation: Float32Array): number;
  };
  /** What the choices are worth, which the policy is not told. */
  readonly worth?: {
    /** "probability of paying" */
    readonly title: string;
    /** [situations x actions], row-major */
    of(task: T): readonly number[];
  };
}

/** A way in which episodes of a family are drawn. */
export type EpisodePicture<T extends EnvironmentTask = EnvironmentTask> =
  | PathPicture<T>
  | SeriesPicture<T>
  | ChoicesPicture<T>;
