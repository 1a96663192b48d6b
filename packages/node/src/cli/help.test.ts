import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commandNames, experimentOptions, flagOf, type OptionSpec, optionsOf } from "../presets/option-table.js";
import { parseOption } from "../presets/option-values.js";
import { commandHelp, commandLineReference, rootHelp } from "./help.js";
import { paintFor, widthOf } from "./terminal.js";

const plain = paintFor(false);

describe("help", () => {
  it("docs/cli.md is what the option table says: run node packages/node/dist/cli/write-reference.js", () => {
    expect(readFileSync(new URL("../../../../docs/cli.md", import.meta.url), "utf8")).toBe(commandLineReference());
  });

  it.each(commandNames)("of %s names each of its options, and fits the terminal", (command) => {
    const help = commandHelp(command, plain, 80);
    for (const [name] of optionsOf(command)) expect(help).toContain(`${flagOf(name)}`);
    const examples = help.slice(help.indexOf("Examples:"));
    for (const line of help.replace(examples, "").split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(80);
    expect(rootHelp(plain, "1")).toContain(command);
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
      const text = Array.isArray(spec.default) ? spec.default.join(",") : String(spec.default);
      expect(parseOption(name, spec, text)).toEqual(spec.default);
    }
  });
});
