import type { Output } from "./output.js";

/** Keeps what a command says. */
export function collected() {
  const text: string[] = [];
  const events: Record<string, unknown>[] = [];
  const output: Output = {
    paint: (_style, plain) => plain,
    width: 100,
    interactive: false,
    json: false,
    quiet: false,
    say: (line = "") => text.push(line),
    result: (line) => text.push(line),
    event: (event) => events.push(event),
    warn: (line) => text.push(line),
    progress: () => ({ update: () => undefined, resume: () => undefined, end: () => undefined }),
  };
  return { output, text: () => text.join("\n"), last: () => events.at(-1)! };
}
