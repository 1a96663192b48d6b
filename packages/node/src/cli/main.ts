/** The command `innerloop`: reads the command line by the records of commands, runs one, turns errors into messages. */
import { flagOf, nearestName, parseOption, placeholderOf, UsageError } from "@innerloop/experiments";
import { declareLibraryModule } from "@innerloop/graph";
import { Command as Commander, CommanderError, Option } from "commander";
import { ownVersion } from "../runs/versions.js";
import { exitCodes, Interrupted } from "./cli-error.js";
import { type Command, type CommandOption, optionsOf, shortNames } from "./command.js";
import { commandName } from "./command-name.js";
import { commands } from "./commands/registry.js";
import { ownOptionFor } from "./foreign-options.js";
import { commandHelp, groupHelp, helpWidth, rootHelp } from "./help.js";
import { createOutput, ignoreFailures, writeShown } from "./output.js";
import { hasColour, paintFor } from "./terminal.js";

// Errors name the line of an experiment file, and none of this package: neither its modules nor its command.
declareLibraryModule(new URL("../../package.json", import.meta.url).href);

/** Runs one command line and sets the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // The training goes on, whoever has stopped listening.
  for (const stream of [process.stdout, process.stderr]) ignoreFailures(stream);
  const stopWatching = watchForNothingLeft();
  try {
    await registerOwnDomain(argv);
    await program().parseAsync(argv, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  } finally {
    stopWatching();
  }
}

/** Options without a value that may stand before what a command is about. */
const switches = ["-q", "--quiet", "--json", "-h", "--help"];

/**
 * A kind of task of the user's own has options of its own: its file is run before these are read. Where that of a run
 * cannot be, the command says why.
 */
async function registerOwnDomain([word, ...given]: readonly string[]): Promise<void> {
  const record = commands.find(({ name }) => name === word);
  const [target] = given.filter((each) => !switches.includes(each));
  if (!record?.experiment || target === undefined || target.startsWith("-")) return;
  const { isCodeFile, registerDomainOf } = await import("../runs/experiment-file.js");
  if (word === "train") {
    if (isCodeFile(target)) await registerDomainOf(target);
  } else {
    const { openRunFor } = await import("./run-experiment-file.js");
    const quiet = switches.some((each) => each !== "--json" && given.includes(each));
    const output = createOutput({ quiet, json: given.includes("--json") });
    await openRunFor(target, output).catch(() => undefined);
  }
}

/**
 * Says so where a command waits for something that nothing is left to bring about. Node would end with code 13, and
 * without a word.
 */
function watchForNothingLeft(): () => void {
  let looks = 0;
  const look = (): void => {
    // Whoever waits for it themselves is told at the same time, and goes on from there.
    if (++looks === 1) {
      setImmediate(() => undefined);
      return;
    }
    process.exitCode = report(new Error("the command waits for something that never happens, and cannot go on"));
  };
  process.on("beforeExit", look);
  return () => process.off("beforeExit", look);
}

function program(): Commander {
  const paint = paintFor(hasColour(process.stdout));
  const width = helpWidth(process.stdout.columns);
  const root = prepared(new Commander("innerloop"), () => rootHelp(paint, ownVersion(), width));
  root.version(`innerloop ${ownVersion()}`, "-v, --version");
  root.action(() => {
    const [unknown] = root.args;
    if (unknown === undefined) writeShown(process.stdout, rootHelp(paint, ownVersion(), width));
    else
      throw unknownCommand(
        unknown,
        commands.map(({ name }) => name.split(" ")[0]!),
      );
  });
  root.argument("[command...]");
  const groups = new Map<string, Commander>();
  for (const each of commands) {
    const [word, second] = each.name.split(" ") as [string, string?];
    if (second !== undefined && !groups.has(word)) groups.set(word, addGroup(root, word));
    addCommand(groups.get(word) ?? root, each);
  }
  return root;
}

/** A word that several commands begin with: `data list`, `data get`. */
function addGroup(root: Commander, word: string): Commander {
  const paint = paintFor(hasColour(process.stdout));
  const width = helpWidth(process.stdout.columns);
  const own = commands.filter(({ name }) => name.startsWith(`${word} `));
  const group = prepared(root.command(word), () => groupHelp(word, own, paint, width));
  group.argument("[command...]");
  group.action(() => {
    const [unknown] = group.args;
    if (unknown === undefined) writeShown(process.stdout, groupHelp(word, own, paint, width));
    else {
      const known = own.map(({ name }) => name.slice(word.length + 1));
      throw unknownCommand(unknown, known, `${word} `);
    }
  });
  return group;
}

/** A command whose help and errors are ours. */
function prepared(command: Commander, help: () => string): Commander {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  command.helpInformation = help;
  return command.helpOption("-h, --help", "show this text").helpCommand(false).allowExcessArguments(false);
}

function unknownCommand(wrong: string, names: readonly string[], prefix = ""): UsageError {
  const near = nearestName(wrong, [...new Set(names)]);
  return new UsageError(
    `there is no command ${prefix}${wrong}`,
    near ? `Did you mean \`innerloop ${prefix}${near}\`?` : `\`innerloop ${prefix}--help\` lists them`,
  );
}

function addCommand(parent: Commander, record: Command): void {
  const own = `${record.name.split(" ").at(-1)} ${record.takes}`.trim();
  const paint = paintFor(hasColour(process.stdout));
  const width = helpWidth(process.stdout.columns);
  const command = prepared(parent.command(own), () => commandHelp(record, paint, width));
  const options = optionsOf(record);
  for (const option of options) command.addOption(commanderOption(option));
  command.action(async () => {
    const values = command.opts<Record<string, unknown>>();
    const chosen: Record<string, unknown> = {};
    const invocation: Record<string, unknown> = {};
    for (const { name, flag } of options) {
      if (!Object.hasOwn(values, name)) continue;
      const given = values[name] instanceof Given ? values[name].value : values[name];
      if (flag) chosen[name] = given;
      // What a preset or file gives is left out on purpose; a command has nothing to leave out.
      else if (given !== undefined) invocation[name] = given;
    }
    const output = createOutput({ quiet: invocation.quiet === true, json: invocation.json === true });
    await record.run({ args: command.args, chosen, invocation: invocation as never, output });
  });
}

/** A value that was given: undefined for the word that leaves out, which Commander would take for a failed reading. */
class Given {
  constructor(readonly value: unknown) {}
}

function commanderOption({ name, spec, flag }: CommandOption): Option {
  const placeholder = placeholderOf(spec);
  const many = spec.kind === "texts" && spec.repeated ? "..." : "";
  const short = shortNames[name];
  const option = new Option(
    `${short ? `-${short}, ` : ""}${flagOf(name)}${placeholder ? ` <${placeholder}${many}>` : ""}`,
    spec.help,
  );
  if (many) return option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  if (spec.kind === "flag") return option;
  return option.argParser((text: string, before: unknown) => {
    if (before instanceof Given) {
      const isList = spec.kind === "texts" || spec.kind === "choices" || spec.kind === "integers";
      const remedy = isList ? "Give all of it once, separated by commas" : "Give it once";
      throw new UsageError(`${flagOf(name)} was given twice`, remedy);
    }
    return new Given(read(text));
  });
  function read(text: string): unknown {
    // An option that several choices have may take other values with each: which one is chosen is not known yet.
    if (!flag || flag.places.length === 1) return parseOption(name, spec, text);
    let first: unknown;
    for (const place of flag.places) {
      try {
        return parseOption(name, place.spec, text);
      } catch (error) {
        first ??= error;
      }
    }
    throw first;
  }
}

/** Prints what went wrong in one message; the exit code. */
function report(error: unknown): number {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
  const paint = paintFor(hasColour(process.stderr));
  const usage = error instanceof CommanderError ? usageOf(error) : error;
  // Remedies name the command by its plain name; a reader who came by npx has none of that name.
  const message = (usage instanceof Error ? usage.message : String(usage)).replaceAll(
    "`innerloop ",
    () => `\`${commandName()} `,
  );
  writeShown(process.stderr, `${paint("red", "Error:")} ${message}\n`);
  if (process.env.DEBUG && error instanceof Error) writeShown(process.stderr, `${error.stack}\n`);
  return usage instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

/** Commander's complaint in our words. */
function usageOf(error: CommanderError): UsageError {
  const problem = error.message.replace(/^error: /, "").split("\n")[0]!;
  const own = ownOptionFor(/unknown option '([^']*)'/.exec(problem)?.[1] ?? "");
  if (own !== undefined) return new UsageError(problem.replace(/\.$/, ""), `Here it is ${own}`);
  const hint = error.message.includes("Did you mean")
    ? error.message.split("\n").at(-1)!.replace(/[()]/g, "")
    : "--help shows what there is";
  return new UsageError(problem.replace(/\.$/, ""), hint);
}
