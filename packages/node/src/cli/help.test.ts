import { readFileSync } from "node:fs";
import { checkOption, flagOf, flagTable, optionText, parseOption } from "@innerloop/experiments";
import { describe, expect, it } from "vitest";
import { optionsOf } from "./command.js";
import { commands } from "./commands/registry.js";
import { commandHelp, commandLineReference, groupHelp, rootHelp } from "./help.js";
import { paintFor, widthOf } from "./terminal.js";

const plain = paintFor(false);
const specs = flagTable().flatMap(({ name, places }) => places.map(({ spec }) => ({ name, spec })));

describe("help", () => {
  it("docs/cli.md is what the records of commands and options say: run npm run docs", () => {
    expect(readFileSync(new URL("../../../../docs/cli.md", import.meta.url), "utf8")).toBe(commandLineReference());
  });

  it.each(commands)("of $name names each of its options, and fits the terminal", (command) => {
    const help = commandHelp(command, plain, 80);
    for (const { name } of optionsOf(command)) expect(help).toContain(`${flagOf(name)}`);
    // Commands to copy are not broken, however long.
    const examples = command.examples.map(([example]) => `  ${example}`);
    for (const line of help.split("\n").filter((each) => !examples.includes(each)))
      expect(widthOf(line), line).toBeLessThanOrEqual(80);
    for (const [example, meaning] of command.examples)
      expect(help.replace(/\s+/g, " ")).toContain(meaning ? `${example} # ${meaning}` : example);
  });

  it("of all commands, and of those that begin with a word, names each and fits the terminal", () => {
    const dataCommands = commands.filter(({ name }) => name.startsWith("data "));
    for (const [help, named] of [
      [rootHelp(plain, "1.2.3", 80), commands],
      [groupHelp("data", dataCommands, plain, 80), dataCommands],
    ] as const) {
      for (const { name, summary } of named)
        expect(help.replace(/\s+/g, " ")).toMatch(new RegExp(` ${name} .*${summary.slice(-20)}`));
      for (const line of help.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(80);
    }
    expect(groupHelp("data", dataCommands, plain, 80)).toContain(
      `  innerloop data list                      lists the data sets and backbones and\n${" ".repeat(43)}where they stand\n`,
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
    for (const command of commands) {
      const names = optionsOf(command).map(({ name }) => name);
      expect(new Set(names).size, command.name).toBe(names.length);
    }
  });

  it("every default passes its own check", () => {
    for (const { name, spec } of specs) {
      if (spec.kind === "flag" || spec.default === undefined || optionText(spec.default) === "") continue;
      expect(parseOption(name, spec, optionText(spec.default))).toEqual(spec.default);
    }
  });

  it("what may be left out is so by auto, and says what that means", () => {
    const absent = specs.filter(({ spec }) => "absent" in spec && spec.absent !== undefined);
    expect(absent.map(({ name }) => name)).toEqual(expect.arrayContaining(["queries", "clip", "workers", "inputs"]));
    for (const { name, spec } of absent) expect(parseOption(name, spec, "auto"), name).toBeUndefined();
    for (const { name, spec } of specs.filter((each) => !absent.includes(each) && each.spec.kind === "integer"))
      expect(() => parseOption(name, spec, "auto"), name).toThrow(`${flagOf(name)} is auto. Give `);
    const help = commandHelp(commands.find(({ name }) => name === "train")!, plain, 100).replace(/\s+/g, " ");
    for (const { name, places } of flagTable()) {
      const told = places.map(({ spec }) => `(unless given: ${"absent" in spec ? spec.absent : undefined})`);
      if (absent.some((each) => each.name === name))
        expect(
          told.some((text) => help.includes(text)),
          name,
        ).toBe(true);
    }
  });

  it("a count is a number, or a range that each task draws its own from", () => {
    const trainShots = specs.find(({ name }) => name === "trainShots")!.spec;
    const parsed = (text: string) => parseOption("trainShots", trainShots, text);
    expect(["auto", "7", "1-10"].map(parsed)).toEqual([undefined, 7, { from: 1, to: 10 }]);
    expect(optionText({ from: 1, to: 10 })).toBe("1-10");
    for (const wrong of ["", "0", "-1", "1-", "5-5", "10-1", "0-3", "1-5-9", "1.5-3", "1-1001", "a-b"])
      expect(() => parsed(wrong), wrong).toThrow(
        `--train-shots is ${wrong}. Give a whole number or a range as in 1-10, from 1 to 1000; or auto for as many as shots`,
      );
    expect(checkOption("it", trainShots, { from: 2, to: 3 })).toEqual({ from: 2, to: 3 });
    expect(checkOption("it", trainShots, "2-3")).toEqual({ from: 2, to: 3 });
    expect(() => checkOption("trainShots in my.json", trainShots, "7")).toThrow(
      'trainShots in my.json is "7". Give a whole number or a range as in 1-10, from 1 to 1000; or auto for as many as shots; a range as "1-10" in quotes',
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
