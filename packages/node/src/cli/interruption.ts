import { exitCodes } from "./cli-error.js";
import type { Output } from "./output.js";

/**
 * Turns the first Ctrl-C (SIGINT) or SIGTERM into an abort, after which the work saves and ends by itself; the second
 * ends the process at once. A terminal that is closed (SIGHUP) aborts as well, however often that is said, and so does
 * whoever started this process and has a channel to it (`innerloop reproduce`) by closing it, or by dying: no work goes
 * on that nobody waits for.
 *
 * @param notice what the user is told at the first, unless someone else says it
 */
export function watchInterruption(
  output: Output,
  notice?: string,
): { readonly signal: AbortSignal; stopWatching(): void } {
  const controller = new AbortController();
  let signals = 0;
  const stop = (): void => {
    // A Ctrl-C in a terminal reaches the starter as well, whose closing of the channel is no second one.
    if (++signals > 1) process.exit(exitCodes.interrupted);
    if (notice !== undefined) output.warn(notice);
    controller.abort();
  };
  // Shell and kernel may both say that the terminal is gone, the second while the process is ending.
  let isHungUp = false;
  const hungUp = (): void => {
    isHungUp = true;
    if (!controller.signal.aborted) stop();
  };
  const disconnected = (): void => controller.abort();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", hungUp);
  process.on("disconnect", disconnected);
  // `undefined` where there never was a channel.
  if (process.connected === false) disconnected();
  return {
    signal: controller.signal,
    stopWatching: () => {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      if (!isHungUp) process.off("SIGHUP", hungUp);
      process.off("disconnect", disconnected);
    },
  };
}
