/**
 * Where a command's words go: people, logs or programs. Whatever they are made of, nothing but our own colours, newlines
 * and tabs reaches a terminal as more than text.
 */
import { visibleText, visibleWithColours } from "../runs/visible-text.js";
import { Pace } from "./pace.js";
import { clock, count, folded, hasColour, type Paint, paintFor, roomIn, widthOf } from "./terminal.js";

/** Progress of long work, drawn on one line of a terminal, or as a line from time to time elsewhere. */
export interface ProgressLine {
  /** @param detail what is known of it by now: `loss 0.12` */
  update(done: number, total: number, detail?: string): void;
  /** Other work lay between: the time since the last update is not the units'. */
  resume(): void;
  /** Removes the line; `last` stays in its place. */
  end(last?: string): void;
}

export interface Output {
  readonly paint: Paint;
  /** Columns of the terminal, 80 elsewhere. */
  readonly width: number;
  /** Whether a person is watching. */
  readonly interactive: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** For people, in lines that fit the terminal; left out by --quiet and --json. */
  say(text?: string): void;
  /** The result of a command: left out by --json only. */
  result(text: string): void;
  /** For programs: a line of JSON, with --json only. */
  event(event: Readonly<Record<string, unknown>>): void;
  /** To the error stream, always. */
  warn(text: string): void;
  progress(label: string, options?: { readonly unit?: string; readonly from?: number }): ProgressLine;
}

const quietIntervalMs = 10_000;
const drawIntervalMs = 80;

type OutputStream = NodeJS.WriteStream;

/** Streams that failed: whoever read them is gone. */
const failed = new WeakSet<OutputStream>();

/**
 * Sees to it that output which nobody can take any more (`| head -1`, a terminal that was closed, a full disk) does not
 * end the work that it is about.
 */
export function ignoreFailures(stream: OutputStream): void {
  stream.on("error", () => failed.add(stream));
}

/** Writes to a stream, if it still takes anything. */
function write(stream: OutputStream, text: string): void {
  if (failed.has(stream)) return;
  try {
    stream.write(text);
  } catch {
    failed.add(stream);
  }
}

/** Writes text that may hold anything, with our own colours. */
export const writeShown = (stream: OutputStream, text: string): void => write(stream, visibleWithColours(text));

export function createOutput(options: { readonly quiet?: boolean; readonly json?: boolean }): Output {
  const { quiet = false, json = false } = options;
  const { stdout, stderr } = process;
  const colour = hasColour(stdout);
  const paint = paintFor(colour);
  const paintError = paintFor(hasColour(stderr));
  const interactive = stdout.isTTY === true && process.env.TERM !== "dumb" && !quiet && !json;
  let line: { clear: () => void; draw: () => void } | undefined;
  const aroundLine = (write: () => void): void => {
    line?.clear();
    write();
    line?.draw();
  };
  const print = (text: string): void => aroundLine(() => writeShown(stdout, `${text}\n`));
  const output: Output = {
    paint,
    get width() {
      return Math.max(40, stdout.columns || 80);
    },
    interactive,
    json,
    quiet,
    say: (text = "") => {
      if (!quiet && !json) print(folded(text, roomIn(stdout)));
    },
    result: (text) => {
      if (!json) print(text);
    },
    event: (event) => {
      if (json) write(stdout, `${visibleText(JSON.stringify(event))}\n`);
    },
    warn: (text) => aroundLine(() => writeShown(stderr, `${paintError("yellow", text)}\n`)),
    progress: (label, { unit = "", from = 0 } = {}) => {
      if (quiet || json) return { update: () => undefined, resume: () => undefined, end: () => undefined };
      if (!interactive) return plainProgress(label, unit, from, print);
      const bar = terminalProgress({
        label,
        unit,
        from,
        paint,
        width: () => output.width,
        write: (text) => write(stdout, text),
      });
      line = bar;
      return {
        update: bar.update,
        resume: bar.resume,
        end: (last) => {
          bar.clear();
          line = undefined;
          if (last !== undefined) print(last);
        },
      };
    },
  };
  return output;
}

const rateText = (rate: number, unit: string): string =>
  !unit || rate === 0 ? "" : `${rate >= 10 ? count(rate) : rate.toFixed(1)} ${unit}/s`;

function plainProgress(label: string, unit: string, from: number, print: (text: string) => void): ProgressLine {
  const pace = new Pace(from);
  let printedAt = performance.now();
  return {
    update: (done, total, detail = "") => {
      const { rate, left } = pace.at(done, total);
      const now = performance.now();
      if (now - printedAt < quietIntervalMs) return;
      printedAt = now;
      const parts = [
        `${label} ${count(done)}/${count(total)}`,
        detail,
        rateText(rate, unit),
        Number.isNaN(left) ? "" : `${clock(left)} left`,
      ];
      print(parts.filter((part) => part !== "").join("  "));
    },
    resume: () => pace.resume(),
    end: (last) => {
      if (last !== undefined) print(last);
    },
  };
}

function terminalProgress(setting: {
  label: string;
  unit: string;
  from: number;
  paint: Paint;
  width: () => number;
  write: (text: string) => void;
}) {
  const { label, unit, paint, width, write } = setting;
  const pace = new Pace(setting.from);
  let drawnAt = 0;
  let text = "";
  const draw = (): void => {
    if (text) write(`\r\u001b[2K${visibleWithColours(text).replaceAll("\n", " ")}`);
  };
  return {
    draw,
    resume: () => pace.resume(),
    clear: () => {
      if (text) write("\r\u001b[2K");
    },
    update: (done: number, total: number, detail = "") => {
      const { rate, left } = pace.at(done, total);
      const now = performance.now();
      if (now - drawnAt < drawIntervalMs && done < total) return;
      drawnAt = now;
      const share = total > 0 ? Math.min(1, done / total) : 0;
      const fixed = [
        `${String(Math.floor(100 * share)).padStart(3)}%`,
        `${count(done).padStart(count(total).length)}/${count(total)}`,
      ];
      const optional = [detail, Number.isNaN(left) ? "" : `${clock(left)} left`, rateText(rate, unit)].filter(
        (part) => part !== "",
      );
      // On a narrow terminal the last parts go first.
      for (;;) {
        const room = width() - 1 - widthOf([label, ...fixed, ...optional].join("  ")) - 2;
        if (room >= 10 || optional.length === 0) {
          const bar = room >= 5 ? `${drawBar(share, Math.min(room, 28), paint)}  ` : "";
          text = `${label}  ${bar}${[...fixed, ...optional].join("  ")}`;
          break;
        }
        optional.pop();
      }
      if (widthOf(text) >= width()) text = `${label} ${fixed[0]}`;
      draw();
    },
  };
}

function drawBar(share: number, width: number, paint: Paint): string {
  const filled = Math.round(share * width);
  return paint("green", "━".repeat(filled)) + paint("dim", "─".repeat(width - filled));
}
