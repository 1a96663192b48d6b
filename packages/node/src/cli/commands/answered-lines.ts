/** Answers to lines of standard input, each as soon as it is there. */
import { type AdaptedModel, UsageError } from "@innerloop/experiments";
import { watchInterruption } from "../interruption.js";
import type { Output } from "../output.js";
import { type InputLine, inputLines } from "./input-lines.js";

/** The query that stands for standard input. */
export const standardInput = "-";

/**
 * Answers line by line until the input ends. A line that is no input is told, and the next one is answered; a line without
 * an answer has an empty one, so that answers stay beside their lines. An interruption ends it, and so does an output that
 * nobody takes any more.
 */
export async function answerLines(task: AdaptedModel, output: Output): Promise<void> {
  const interruption = watchInterruption(output);
  const { signal } = interruption;
  const { stdin, stdout } = process;
  if (stdin.isTTY && output.interactive)
    output.say(output.paint("dim", "  One text a line is answered; Ctrl-D ends it."));
  const lines = inputLines(stdin as AsyncIterable<Uint8Array>);
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    stdin.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
  stdout.once("error", stop);
  try {
    for await (const line of lines) {
      if (isOver) break;
      await answer(line, task, output);
    }
  } catch (error) {
    // Reading ends with an error where the input is closed from this side.
    if (!isOver) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stdout.off("error", stop);
    interruption.stopWatching();
  }
}

async function answer(line: InputLine, task: AdaptedModel, output: Output): Promise<void> {
  const { number } = line;
  try {
    if ("fault" in line) throw new UsageError(line.fault, line.remedy);
    const given = task.fromLine(line.text);
    if (given === undefined) {
      output.result("");
      return;
    }
    const { answers, records } = await task.answer(given, { onWarning: output.warn });
    for (const record of records) output.event({ type: "prediction", line: number, ...record });
    for (const each of answers) output.result(task.lineOf(each));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.warn(`line ${number}: ${error.message}`);
    output.event({ type: "refused", line: number, problem: error.message });
    output.result("");
  }
}
