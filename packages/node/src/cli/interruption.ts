import { exitCodes } from "./cli-error.js";
import type { Output } from "./output.js";

/**
 * Turns the first Ctrl-C (SIGINT) or SIGTERM into an abort, after which the work saves and ends by itself; the second
 * ends the process at once.
 */
export function watchInterruption(
  output: Output,
  notice: string,
): { readonly signal: AbortSignal; stopWatching(): void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    output.warn(notice);
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return {
    signal: controller.signal,
    stopWatching: () => {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    },
  };
}
