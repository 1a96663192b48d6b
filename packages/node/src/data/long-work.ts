/** Called as long work goes on: `done` of `total` steps (or bytes), and what is being worked on. */
export type Progress = (done: number, total: number, what: string) => void;

/** The means by which a caller follows and stops long work. A stopped call rejects with the signal's reason. */
export interface LongWork {
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with what the user should know of the result, in a sentence or more. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Lets timers, signals and other requests have their turn between two pieces of computation. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
