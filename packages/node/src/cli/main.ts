/** The command `innerloop`: reads the command line by the option table, runs the command, turns errors into messages. */
import { declareLibraryModule } from "@innerloop/graph";
import { Command, CommanderError, Option } from "commander";
import {
  type CommandName,
  commandNames,
  type ExperimentOptions,
  experimentOptions,
  flagOf,
  type InvocationOptions,
  type OptionSpec,
  optionsOf,
} from "../presets/option-table.js";
import { parseOption, placeholderOf } from "../presets/option-values.js";
import { nearestName, UsageError } from "../presets/usage-error.js";
import { exitCodes, Interrupted } from "./cli-error.js";
import { commandName } from "./command-name.js";
import type { AdaptRequest } from "./commands/adapt-command.js";
import { ownOptionFor } from "./foreign-options.js";
import { commandHelp, groupHelp, helpWidth, rootHelp } from "./help.js";
import { createOutput, ignoreFailures, type Output, writeShown } from "./output.js";
import { hasColour, paintFor } from "./terminal.js";
import { ownVersion } from "./versions.js";

// Errors name the line of an experiment file, and none of this package: neither its modules nor its command.
declareLibraryModule(new URL("../../package.json", import.meta.url).href);

/** Runs one command line and sets the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // The training goes on, whoever has stopped listening.
  for (const stream of [process.stdout, process.stderr]) ignoreFailures(stream);
  const stopWatching = watchForNothingLeft();
  try {
    await program().parseAsync(argv, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  } finally {
    stopWatching();
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

interface Call {
  readonly args: readonly string[];
  /** Options of the experiment that were given. */
  readonly chosen: Partial<ExperimentOptions>;
  readonly invocation: InvocationOptions;
  readonly output: Output;
}

/** What each command does. Its code is loaded when it is called: help and usage errors need none of the engine. */
const actions: Readonly<Record<CommandName, (call: Call) => Promise<unknown>>> = {
  start: async ({ chosen, invocation, output }) =>
    (await import("./commands/start-command.js")).startCommand({ chosen, invocation }, output),
  train: async ({ args, chosen, invocation, output }) =>
    (await import("./commands/train-command.js")).trainCommand({ target: args[0], chosen, invocation }, output),
  eval: async ({ args, chosen, invocation, output }) =>
    (await import("./commands/eval-command.js")).evalCommand({ folder: args[0]!, chosen, invocation }, output),
  compare: async ({ args, chosen, invocation, output }) =>
    (await import("./commands/compare-command.js")).compareCommand({ folders: args, chosen, invocation }, output),
  adapt: async ({ args: [folder, ...more], chosen, invocation, output }) => {
    const { adaptCommand } = await import("./commands/adapt-command.js");
    const queries = [...(invocation.query ?? []), ...more];
    return adaptCommand({ folder: folder!, queries, chosen: chosen as AdaptRequest["chosen"], invocation }, output);
  },
  reproduce: async ({ args, chosen, invocation, output }) =>
    (await import("./commands/reproduce-command.js")).reproduceCommand({ target: args[0], chosen, invocation }, output),
  "data list": async ({ output }) => (await import("./commands/data-commands.js")).dataListCommand(output),
  "data get": async ({ args, output }) =>
    (await import("./commands/data-commands.js")).dataGetCommand(args[0]!, output),
  "data import": async ({ args: [name, ...paths], chosen, invocation, output }) =>
    (await import("./commands/data-commands.js")).dataImportCommand(name!, paths, chosen, invocation, output),
  "data verify": async ({ args, output }) =>
    (await import("./commands/data-commands.js")).dataVerifyCommand(args, output),
  "cache info": async ({ output }) => (await import("./commands/cache-commands.js")).cacheInfoCommand(output),
  "cache clear": async ({ output }) => (await import("./commands/cache-commands.js")).cacheClearCommand(output),
};

/** Arguments as commander wants them: required ones, then those that may be left out or repeated. */
const argumentsOf: Readonly<Record<CommandName, string>> = {
  start: "",
  train: "[experiment]",
  eval: "<run>",
  compare: "<run> <runs...>",
  reproduce: "[table]",
  adapt: "<run> [more...]",
  "data list": "",
  "data get": "<name>",
  "data import": "<name> [paths...]",
  "data verify": "[names...]",
  "cache info": "",
  "cache clear": "",
};

function program(): Command {
  const paint = paintFor(hasColour(process.stdout));
  const width = helpWidth(process.stdout.columns);
  const root = prepared(new Command("innerloop"), () => rootHelp(paint, ownVersion(), width));
  root.version(`innerloop ${ownVersion()}`, "-v, --version");
  root.action(() => {
    const [unknown] = root.args;
    if (unknown === undefined) writeShown(process.stdout, rootHelp(paint, ownVersion(), width));
    else
      throw unknownCommand(
        unknown,
        commandNames.map((name) => name.split(" ")[0]!),
      );
  });
  root.argument("[command...]");
  const groups = new Map<string, Command>();
  for (const name of commandNames) {
    const [word, second] = name.split(" ") as [string, string?];
    if (second !== undefined && !groups.has(word)) groups.set(word, addGroup(root, word));
    addCommand(groups.get(word) ?? root, name);
  }
  return root;
}

/** A word that several commands begin with: `data list`, `data get`. */
function addGroup(root: Command, word: string): Command {
  const paint = paintFor(hasColour(process.stdout));
  const width = helpWidth(process.stdout.columns);
  const names = commandNames.filter((name) => name.startsWith(`${word} `));
  const group = prepared(root.command(word), () => groupHelp(word, names, paint, width));
  group.argument("[command...]");
  group.action(() => {
    const [unknown] = group.args;
    if (unknown === undefined) writeShown(process.stdout, groupHelp(word, names, paint, width));
    else {
      const known = names.map((name) => name.slice(word.length + 1));
      throw unknownCommand(unknown, known, `${word} `);
    }
  });
  return group;
}

/** A command whose help and errors are ours. */
function prepared(command: Command, help: () => string): Command {
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

function addCommand(parent: Command, name: CommandName): void {
  const own = `${name.split(" ").at(-1)} ${argumentsOf[name]}`.trim();
  const paint = paintFor(hasColour(process.stdout));
  const width = helpWidth(process.stdout.columns);
  const command = prepared(parent.command(own), () => commandHelp(name, paint, width));
  const options = optionsOf(name);
  for (const [option, spec] of options) command.addOption(commanderOption(option, spec));
  command.action(async () => {
    const values = command.opts<Record<string, unknown>>();
    const chosen: Record<string, unknown> = {};
    const invocation: Record<string, unknown> = {};
    for (const [option, spec] of options) {
      if (!Object.hasOwn(values, option)) continue;
      const isExperiment =
        Object.hasOwn(experimentOptions, option) && experimentOptions[option as keyof ExperimentOptions] === spec;
      (isExperiment ? chosen : invocation)[option] = values[option];
    }
    const output = createOutput({ quiet: invocation.quiet === true, json: invocation.json === true });
    await actions[name]({
      args: command.args,
      chosen: chosen as Partial<ExperimentOptions>,
      invocation: invocation as InvocationOptions,
      output,
    });
  });
}

function commanderOption(name: string, spec: OptionSpec): Option {
  const placeholder = placeholderOf(spec);
  const many = spec.kind === "text" && spec.many ? "..." : "";
  const option = new Option(
    `${spec.short ? `-${spec.short}, ` : ""}${flagOf(name)}${placeholder ? ` <${placeholder}${many}>` : ""}`,
    spec.help,
  );
  if (many) return option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  return spec.kind === "flag" ? option : option.argParser((text: string) => parseOption(name, spec, text));
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
