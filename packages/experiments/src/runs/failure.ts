/** Trainings that came to nothing: how a run says so wherever it is shown. */
import type { RunEvent, RunStore } from "./run-store.js";

/** True of the error that says that training has left the numbers. */
export const isDivergence = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && error.code === "ILR102";

/** The failure of a training: the update that it failed in, and what it said. */
export interface Failure {
  readonly iteration: number;
  readonly message: string;
}

/** The failure that a run ended in and has not come past since. */
export function failureIn(events: readonly RunEvent[]): Failure | undefined {
  const last = events.findLast(({ type }) => ["start", "failed", "end"].includes(type));
  if (last?.type !== "failed" || last.iteration === undefined) return undefined;
  return { iteration: last.iteration, message: typeof last.message === "string" ? last.message : "" };
}

/** The same of the events that a run has kept. */
export const failureOf = async ({ events }: Pick<RunStore, "events">): Promise<Failure | undefined> =>
  failureIn(await events.read());

/** The problem of a failure, without the remedy: `the loss is NaN at iteration 1607`. */
export const problemOf = ({ message }: Failure): string =>
  message.replace("ILR102 train: ", "").split(". ")[0]!.slice(0, 200);
