/** How commands are written where the reader is told of one. */
import { flagOf, type OptionSpec, type OptionValue } from "../presets/option-table.js";
import { optionText } from "../presets/option-values.js";
import { shellWord } from "../presets/shell-word.js";

/** How the reader can call this command again: through npx where it was reached through npm. */
export function commandName(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.npm_command === undefined ? "innerloop" : "npx innerloop";
}

type OptionValues = Readonly<Record<string, OptionValue<OptionSpec> | undefined>>;

/** `train sinusoid --seed 3`: words and options as a shell takes them, without the name of the command `innerloop`. */
export function commandText(words: readonly string[], options: OptionValues, many: readonly string[] = []): string {
  const parts = Object.entries(options).flatMap(([name, value]): string[] => {
    if (value === undefined || value === false) return [];
    if (value === true) return [flagOf(name)];
    if (many.includes(name)) return (value as readonly string[]).map((each) => `${flagOf(name)} ${shellWord(each)}`);
    return [`${flagOf(name)} ${shellWord(optionText(value))}`];
  });
  return [...words.map(shellWord), ...parts].join(" ");
}
