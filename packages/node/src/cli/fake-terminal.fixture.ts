/** A terminal whose keys a test types. */
import { PassThrough } from "node:stream";
import type { Terminal } from "./choice-question.js";

/** A terminal at which these keys are typed, as far as it is listened to; `shown` is what it has shown of questions. */
export function fakeTerminal(keys = "") {
  const [input, output] = [new PassThrough(), new PassThrough()].map((stream) =>
    Object.assign(stream, { isTTY: true }),
  );
  const parts: string[] = [];
  output!.on("data", (part: Buffer) => parts.push(part.toString()));
  input!.write(keys);
  const terminal: Terminal = { input: input!, output: output! };
  return { terminal, end: () => input!.end(), shown: () => parts.join("") };
}
