/** Lets timers, signals and other requests have their turn between two pieces of computation. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
