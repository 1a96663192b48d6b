/** The command that made a run, as words; and those that make runs like it. */
import { type Flags, flagWords } from "../config/index.js";
import { shellWord } from "../options/shell-word.js";
import { flagOf } from "../options/values.js";

/** The words behind `innerloop` that make a run: train, what is trained, options. */
export type Argv = readonly string[];

/** `innerloop train hanzi --seed 3`: words as a shell takes them. */
export const commandLine = (argv: Argv): string => ["innerloop", ...argv.map(shellWord)].join(" ");

/**
 * The words of a command with other flags; those whose value is undefined are left out. A flag takes one word behind it,
 * or none where the next word is a flag or nothing.
 */
export function argvWith(argv: Argv, flags: Flags): Argv {
  const names = new Set(Object.keys(flags).map(flagOf));
  const kept: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (!names.has(word)) kept.push(word);
    else if (at + 1 < argv.length && !argv[at + 1]!.startsWith("--")) at++;
  }
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return [...kept, ...flagWords(Object.fromEntries(given))];
}

/** Words that a run folder may hold: those of a training, whatever else they are. */
export const isTrainingArgv = (argv: unknown): argv is Argv => isArgvOf("train", argv);

/** Words of a command that a run folder may hold, whatever else they are. */
export const isArgvOf = (command: string, argv: unknown): argv is Argv =>
  Array.isArray(argv) &&
  argv[0] === command &&
  argv.length <= mostWords &&
  argv.every((word) => typeof word === "string" && word.length <= longestWord && !hasControl(word));

const mostWords = 512;
const longestWord = 4096;
const hasControl = (word: string): boolean =>
  Array.from(word).some((letter) => letter.charCodeAt(0) < 32 || letter.charCodeAt(0) === 127);

/** The words of a run whose own are none that this program writes. */
export const unknownArgv: Argv = ["train", "..."];

/**
 * The words in a command as runs of format 1 have it, in one text that `shellWord` has quoted; `unknownArgv` for any other
 * text.
 */
export function argvOf(command: string): Argv {
  const withoutQuotes = command.replace(/\\'|'[^']*'/g, "");
  if (!/^innerloop train(?: [\w./,:= -]*)?$/.test(withoutQuotes)) return unknownArgv;
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < command.length; at++) {
    const letter = command[at]!;
    if (letter === " ") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (letter === "'") {
      const end = command.indexOf("'", at + 1);
      word = (word ?? "") + command.slice(at + 1, end);
      at = end;
    } else if (letter === "\\") {
      word = `${word ?? ""}${command[++at] ?? ""}`;
    } else word = (word ?? "") + letter;
  }
  if (word !== undefined) words.push(word);
  const [, ...argv] = words;
  return isTrainingArgv(argv) ? argv : unknownArgv;
}
