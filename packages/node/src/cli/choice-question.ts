/** A question with numbered answers, asked in a terminal. */
import { createInterface, type Interface } from "node:readline";
import { Interrupted } from "./cli-error.js";
import { watchInterruption } from "./interruption.js";
import type { Output } from "./output.js";

/** The two ends of a terminal at which a person sits. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Answers of a person, as long as it is open. */
export interface Questions {
  /**
   * The place of the answer among the choices; undefined for 0, which stands for none of them. A line that is no number of
   * theirs is asked again.
   *
   * @param none what 0 means
   * @throws Interrupted at Ctrl-C; `NoAnswer` where the input ends
   */
  choose(question: string, choices: readonly string[], none: string): Promise<number | undefined>;
  /** Gives the input back: a command can end then. */
  close(): void;
}

/** The end of the input in place of an answer. */
export class NoAnswer extends Error {}

/** Whether somebody can be asked: both ends are a terminal's, and the command's words are for people. */
export const canAsk = ({ input, output: shown }: Terminal, output: Output): boolean =>
  output.interactive && input.isTTY === true && shown.isTTY === true;

/** Questions in a terminal, which is taken at the first of them. Lines that were typed ahead answer the next ones. */
export function questionsIn(terminal: Terminal, output: Output): Questions {
  let opened: ReturnType<typeof openLines> | undefined;
  return {
    choose: async (question, choices, none) => {
      opened ??= openLines(terminal, output);
      output.say(question);
      const shown = [...choices.map((choice, i) => `  ${i + 1}  ${choice}`), `  0  ${none}`];
      for (const line of shown) output.say(line);
      for (;;) {
        const answer = (await opened.next(`0 to ${choices.length}? `)).trim();
        const place = /^\d{1,3}$/.test(answer) ? Number(answer) : Number.NaN;
        if (place <= choices.length) return place === 0 ? undefined : place - 1;
      }
    },
    close: () => opened?.close(),
  };
}

/** Lines of a terminal, one at a time. */
function openLines({ input, output: shown }: Terminal, output: Output) {
  const lines: Interface = createInterface({ input, output: shown, terminal: true, historySize: 0 });
  const interruption = watchInterruption(output);
  const ahead: string[] = [];
  let ended: Error | undefined;
  let waiting: { take(line: string): void; fail(error: Error): void } | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    if (!waiting) return;
    const { fail } = waiting;
    waiting = undefined;
    // What follows does not stand behind the question.
    output.say();
    fail(ended);
  };
  lines.on("line", (line) => {
    const { take } = waiting ?? {};
    // Lines come several at a time: a question has one.
    waiting = undefined;
    if (take) take(line);
    else ahead.push(line);
  });
  // In a terminal that reads key by key Ctrl-C is a key; a signal from elsewhere says the same.
  const interrupt = (): void => end(new Interrupted());
  lines.on("SIGINT", interrupt);
  interruption.signal.addEventListener("abort", interrupt, { once: true });
  lines.on("close", () => end(new NoAnswer("the input has ended")));
  return {
    next: async (prompt: string): Promise<string> => {
      const typed = ahead.shift();
      if (typed !== undefined) return typed;
      if (ended) throw ended;
      return new Promise((take, fail) => {
        waiting = { take, fail };
        lines.setPrompt(prompt);
        lines.prompt();
      });
    },
    close: (): void => {
      interruption.stopWatching();
      lines.close();
    },
  };
}
