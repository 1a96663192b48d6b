/** The runner of rows: simulations in this thread, or in worker threads, with the same bits in either. */
import { EnvironmentError } from "@innerloop/core/reinforcement";
import type { EpisodeRows } from "./episode-rows.js";
import type { LocomotionSettings } from "./locomotion-settings.js";
import { openSimulation, type RowFault, type RowOperation, type Simulation } from "./simulation.js";

/** Runs rows of episodes of one body. */
export interface RowRunner {
  /**
   * Begins or steps all rows that have not ended. Where a row cannot go on, all states are those of before.
   *
   * @returns rows that cannot go on, in order
   */
  run(rows: EpisodeRows, operation: RowOperation): Promise<readonly RowFault[]>;
  /** Lets go of rows, which are not run again. */
  release(rows: EpisodeRows): void;
  close(): Promise<void>;
}

/** What runners are made for. */
export interface RunnerOptions {
  /** What errors call it. */
  readonly name: string;
  readonly settings: LocomotionSettings;
  /** The text of the body's model. */
  readonly model: string;
}

/** A runner in this thread, which nothing else uses meanwhile. */
export function runnerHere({ name, settings, model }: RunnerOptions): RowRunner {
  let simulation: Promise<Simulation> | undefined;
  let isClosed = false;
  return {
    async run(rows, operation) {
      simulation ??= openSimulation(settings, model);
      const opened = await simulation.catch((cause: Error) => {
        throw openingError(name, cause);
      });
      if (isClosed) throw closedError(name);
      const before = rows.states.slice();
      const faults: RowFault[] = [];
      for (let from = 0; from < rows.rows; from += chunkHere) {
        faults.push(...opened.run(operation, rows, from, Math.min(rows.rows, from + chunkHere)));
      }
      if (faults.length > 0) rows.states.set(before);
      return faults;
    },
    release: () => undefined,
    async close() {
      isClosed = true;
      (await simulation?.catch(() => undefined))?.close();
      simulation = undefined;
    },
  };
}

const chunkHere = 32;

/** The error of a family that was closed while it, or an environment of it, is still used. */
export const closedError = (environment: string): EnvironmentError =>
  new EnvironmentError("ILE204", { environment }, "its family is closed", "Make another family");

/** The error of a simulation that could not be opened: a file is missing, or another than results are for. */
export const openingError = (environment: string, cause: Error): EnvironmentError =>
  new EnvironmentError(
    "ILE302",
    { environment },
    `the simulation could not be opened (${cause.message})`,
    "Install @innerloop/mujoco again",
    { cause },
  );
