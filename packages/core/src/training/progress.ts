/** What a training shows of itself where nobody listens to its events: one line that is redrawn. */
import type { TrainingEvent } from "./train.js";

/** As much of a terminal as is needed: `process.stderr` of Node is one. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  onEvent(event: TrainingEvent): void;
  /** Leaves the line as it is and goes to the next. */
  end(): void;
}

/** The standard error of this process where that is a terminal; undefined in browsers, pipes and tests. */
export function terminal(): TerminalStream | undefined {
  const { process } = globalThis as {
    process?: { readonly stderr?: TerminalStream; readonly env?: Readonly<Record<string, string | undefined>> };
  };
  return process?.stderr?.isTTY && process.env?.NODE_ENV !== "test" ? process.stderr : undefined;
}

const redrawEveryMs = 200;

/**
 * One line on a terminal: updates done of all, the mean loss since it was last drawn, updates a second, the time left.
 *
 * @param now milliseconds
 */
export function progressLine(stream: TerminalStream, now: () => number = () => performance.now()): Progress {
  let [iterations, first, last] = [0, 0, 0];
  let [began, drawn] = [now(), Number.NEGATIVE_INFINITY];
  let [losses, total] = [0, 0];
  let isDrawn = false;
  const draw = (text: string): void => {
    // A line that wraps could not be redrawn; a terminal of unknown width says 0.
    stream.write(`\r\x1b[K${text.slice(0, (stream.columns || 80) - 1)}`);
    isDrawn = true;
  };
  const line = (rest: string): string => {
    const done = last - first;
    const seconds = (now() - began) / 1000;
    const loss = losses > 0 ? `   loss ${(total / losses).toPrecision(4)}` : "";
    const rate = done > 0 && seconds > 0 ? `   ${(done / seconds).toPrecision(3)} updates/s` : "";
    const left = done > 0 ? (seconds / done) * (iterations - last) : undefined;
    return `innerloop  ${last} of ${iterations}${loss}${rate}${rest || (left === undefined ? "" : `   ${timeText(left)} left`)}`;
  };
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === "start") {
      [iterations, first, last] = [event.iterations, event.iteration, event.iteration];
      [began, drawn] = [now(), Number.NEGATIVE_INFINITY];
      draw(line(""));
    } else if (event.type === "iteration") {
      last = event.iteration;
      [losses, total] = [losses + 1, total + event.loss];
      if (now() - drawn < redrawEveryMs) return;
      draw(line(""));
      drawn = now();
      [losses, total] = [0, 0];
    } else if (event.type === "warning") {
      stream.write("\r\x1b[K");
      isDrawn = false;
    } else if (event.type === "end") {
      draw(line(`   ${event.reason}, ${timeText((now() - began) / 1000)}`));
    }
  };
  const end = (): void => {
    if (isDrawn) stream.write("\n");
    isDrawn = false;
  };
  return { onEvent, end };
}

/** `45 s`, `12 min`, `2.5 h` */
function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toPrecision(2)} h`;
}
