/** What `innerloop data` keeps beside data sets, each kind as one record: commands ask them all, and know none. */
import type { LongWork } from "@innerloop/experiments";
import type { Output } from "../output.js";
import { keptBackbones } from "./kept-backbones.js";

/** A line of `data list`. */
export type KeptRow = readonly [name: string, state: string, text: string];

/** Things of one kind, by name. */
export interface KeptThings {
  /** Its lines of `data list`, which are also told as events. */
  rows(output: Output): Promise<readonly KeptRow[]>;
  /** Whether `data get` brings what has this name. */
  isKnown(name: string): boolean;
  /** Names of those that are here, whole or not. */
  here(): Promise<readonly string[]>;
  /** Whether the paths of `data import` are such a thing. */
  isAt(paths: readonly string[]): Promise<boolean>;
  /** Each ends with the line that tells of it; `take` is `data import`. */
  get(name: string, output: Output, work: LongWork): Promise<void>;
  take(name: string, path: string, output: Output, work: LongWork): Promise<void>;
  verify(name: string, output: Output, work: LongWork): Promise<void>;
}

export const keptThings: readonly KeptThings[] = [keptBackbones];

/** The kind that `data get` asks for a name. */
export const keeperOfKnown = (name: string): KeptThings | undefined => keptThings.find((kept) => kept.isKnown(name));

/** The first kind of which something holds. */
export async function keeperWhere(holds: (kept: KeptThings) => Promise<boolean>): Promise<KeptThings | undefined> {
  for (const kept of keptThings) if (await holds(kept)) return kept;
  return undefined;
}
