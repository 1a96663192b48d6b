/** For tests: what keeps the main thread of a page busy, in time of the processor, which other work of the machine leaves as it is. */
import type { Page } from "playwright-core";

/** The part of Chromium's trace events that is looked at; times are microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  /** Time of the processor that the thread had. */
  readonly tdur?: number;
}

/** Tasks of the main thread of a page, in milliseconds of the processor. */
export interface MainThreadTasks {
  /** Those that began before the mark, and those after it. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const taskNames = ["RunTask", "ThreadControllerImpl::RunTask"];

/**
 * Traces the main thread of a page from now on, over navigations.
 *
 * @returns ends it: tasks on either side of the page's `performance.mark` of a name, by which its thread is known
 */
export async function tracedMainThread(page: Page): Promise<(mark: string) => Promise<MainThreadTasks>> {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on("Tracing.dataCollected", ({ value }) => {
    events.push(...(value as unknown as TraceEvent[]));
  });
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "blink.user_timing"] },
  });
  return async (mark) => {
    // A task that was not over when tracing ended has no time: what answered last is over once the next one runs.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    const ended = new Promise((resolve) => {
      session.once("Tracing.tracingComplete", resolve);
    });
    await session.send("Tracing.end");
    await ended;
    await session.detach();
    const marked = events.find(({ name }) => name === mark);
    if (!marked) throw new Error(`the trace of ${events.length} events has no mark ${mark}`);
    const tasks = events.flatMap(({ name, pid, tid, ts, tdur }) =>
      taskNames.includes(name) && pid === marked.pid && tid === marked.tid && tdur !== undefined
        ? [{ ts, milliseconds: tdur / 1000 }]
        : [],
    );
    return {
      before: tasks.filter(({ ts }) => ts < marked.ts).map(({ milliseconds }) => milliseconds),
      after: tasks.filter(({ ts }) => ts >= marked.ts).map(({ milliseconds }) => milliseconds),
    };
  };
}
