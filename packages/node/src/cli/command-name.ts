/** How commands are written where the reader is told of one. */
import { type Flags, flagOf, optionText, shellWord } from "@innerloop/experiments";

/** How the reader can call this command again: through npx where it was reached through npm. */
export function commandName(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.npm_command === undefined ? "innerloop" : "npx innerloop";
}

/** `train sinusoid --seed 3`: words and options as a shell takes them, without the name of the command `innerloop`. */
export function commandText(words: readonly string[], options: Flags, many: readonly string[] = []): string {
  const parts = Object.entries(options).flatMap(([name, value]): string[] => {
    if (value === undefined || value === false) return [];
    if (value === true) return [flagOf(name)];
    if (many.includes(name)) return (value as readonly string[]).map((each) => `${flagOf(name)} ${shellWord(each)}`);
    return [`${flagOf(name)} ${shellWord(optionText(value))}`];
  });
  return [...words.map(shellWord), ...parts].join(" ");
}
