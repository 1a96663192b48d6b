/** A task on the command line: `--task '{"goal":[0.3,-0.1]}'`. */
import { quoted } from "@innerloop/experiments";

/**
 * The value of a text of JSON, for the environment to judge; or what is wrong with the text.
 *
 * @param of what the text is, for messages: as it is given unless it is that of a file
 */
export function taskArgument(
  text: string,
  of = `--task ${quoted(text)}`,
): { readonly task: unknown } | { readonly problem: string } {
  try {
    const task: unknown = JSON.parse(text);
    // What is nested too deeply to be written again is read, and would be shown later.
    JSON.stringify(task);
    return { task };
  } catch {
    return { problem: `${of} is no JSON` };
  }
}
