import { readFileSync } from "node:fs";
import {
  checkOption,
  commandNames,
  experimentOptions,
  flagOf,
  type OptionSpec,
  optionsOf,
  optionText,
  parseOption,
} from "@innerloop/experiments";
import { describe, expect, it } from "vitest";
import { commandHelp, commandLineReference, commandTexts, groupHelp, rootHelp } from "./help.js";
import { paintFor, widthOf } from "./terminal.js";

const plain = paintFor(false);

describe("help", () => {
  it("docs/cli.md is what the option table says: run npm run docs", () => {
    expect(readFileSync(new URL("../../../../docs/cli.md", import.meta.url), "utf8")).toBe(commandLineReference());
  });

  it.each(commandNames)("of %s names each of its options, and fits the terminal", (command) => {
    const help = commandHelp(command, plain, 80);
    for (const [name] of optionsOf(command)) expect(help).toContain(`${flagOf(name)}`);
    // Commands to copy are not broken, however long.
    const commands = commandTexts[command].examples.map(([example]) => `  ${example}`);
    for (const line of help.split("\n").filter((each) => !commands.includes(each)))
      expect(widthOf(line), line).toBeLessThanOrEqual(80);
    for (const [example, meaning] of commandTexts[command].examples)
      expect(help.replace(/\s+/g, " ")).toContain(meaning ? `${example} # ${meaning}` : example);
  });

  it("of all commands, and of those that begin with a word, names each and fits the terminal", () => {
    const dataCommands = commandNames.filter((name) => name.startsWith("data "));
    for (const [help, names] of [
      [rootHelp(plain, "1.2.3", 80), commandNames],
      [groupHelp("data", dataCommands, plain, 80), dataCommands],
    ] as const) {
      for (const name of names)
        expect(help.replace(/\s+/g, " ")).toMatch(new RegExp(` ${name} .*${commandTexts[name].summary.slice(-20)}`));
      for (const line of help.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(80);
    }
    expect(groupHelp("data", dataCommands, plain, 80)).toContain(
      `  innerloop data list                      lists the data sets and where they\n${" ".repeat(43)}stand\n`,
    );
  });

  it("docs/cli.md names the values of an option once", () => {
    for (const item of commandLineReference()
      .split("\n- ")
      .filter((each) => each.startsWith("`--device")))
      expect(item.match(/webgpu/g)).toHaveLength(1);
    expect(commandLineReference().match(/one of maml/g)).toBeNull();
  });

  it("no option of a command is declared twice", () => {
    for (const command of commandNames) {
      const names = optionsOf(command).map(([name]) => name);
      expect(new Set(names).size, command).toBe(names.length);
    }
  });

  it("every default passes its own check", () => {
    for (const [name, spec] of Object.entries(experimentOptions) as [string, OptionSpec][]) {
      if (spec.kind === "flag" || spec.default === undefined || spec.default === "") continue;
      expect(parseOption(name, spec, optionText(spec.default))).toEqual(spec.default);
    }
  });

  it("a count is a number, or a range that each task draws its own from", () => {
    const { trainShots } = experimentOptions;
    const parsed = (text: string) => parseOption("trainShots", trainShots, text);
    expect(["0", "7", "1-10"].map(parsed)).toEqual([0, 7, { from: 1, to: 10 }]);
    expect(optionText({ from: 1, to: 10 })).toBe("1-10");
    for (const wrong of ["", "-1", "1-", "5-5", "10-1", "0-3", "1-5-9", "1.5-3", "1-1001", "a-b"])
      expect(() => parsed(wrong), wrong).toThrow(
        `--train-shots is ${wrong}. Give a whole number or a range as in 1-10, from 1 to 1000; or 0`,
      );
    expect(checkOption("it", trainShots, { from: 2, to: 3 })).toEqual({ from: 2, to: 3 });
    expect(checkOption("it", trainShots, "2-3")).toEqual({ from: 2, to: 3 });
    expect(() => checkOption("trainShots in my.json", trainShots, "7")).toThrow(
      'trainShots in my.json is "7". Give a whole number or a range as in 1-10, from 1 to 1000; or 0; a range as "1-10" in quotes',
    );
    for (const wrong of [
      "3-2",
      "1-2-3",
      "0-3",
      "1-",
      "",
      null,
      [],
      { from: 2 },
      { from: 2, to: 3, by: 1 },
      { from: "2", to: 3 },
    ])
      expect(() => checkOption("it", trainShots, wrong)).toThrow(/^it is /);
  });
});
