/** Answers to lines of standard input, each as soon as it is there. */
import { createInterface } from "node:readline";
import type { AdaptedModel } from "@innerloop/experiments";
import { UsageError } from "@innerloop/experiments";
import { readingLimits } from "../../data/reading-limits.js";
import { watchInterruption } from "../interruption.js";
import type { Output } from "../output.js";

/** The query that stands for standard input. */
export const standardInput = "-";

/**
 * Answers line by line until the input ends. A line that is no input is told, and the next one is answered; an interruption
 * ends it.
 */
export async function answerLines(task: AdaptedModel, output: Output): Promise<void> {
  const interruption = watchInterruption(output);
  const { signal } = interruption;
  if (process.stdin.isTTY) output.say(output.paint("dim", "  One text a line is answered; Ctrl-D ends it."));
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const stop = (): void => lines.close();
  signal.addEventListener("abort", stop, { once: true });
  let number = 0;
  try {
    for await (const line of lines) {
      if (signal.aborted) break;
      number++;
      try {
        if (line.length > readingLimits.fieldLength)
          throw new UsageError(`it has ${line.length} characters`, `Give at most ${readingLimits.fieldLength}`);
        const given = task.fromLine(line);
        if (given === undefined) continue;
        const { answers, records } = await task.answer(given, { onWarning: output.warn });
        for (const record of records) output.event({ type: "prediction", line: number, ...record });
        for (const answer of answers) output.result(task.lineOf(answer));
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        output.warn(`line ${number}: ${error.message}`);
      }
    }
  } finally {
    signal.removeEventListener("abort", stop);
    lines.close();
    interruption.stopWatching();
  }
}
