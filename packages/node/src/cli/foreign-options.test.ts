import { flagOf } from "@innerloop/experiments";
import { expect, it } from "vitest";
import { optionsOf } from "./command.js";
import { commands } from "./commands/registry.js";
import { foreignOptions, ownOptionFor } from "./foreign-options.js";

const own = new Set(commands.flatMap((command) => optionsOf(command).map(({ name }) => flagOf(name))));
const train = commands.find(({ name }) => name === "train")!;

it("every hint names options that there are, for a word that is none", () => {
  for (const [word, hint] of Object.entries(foreignOptions)) {
    const named = hint.match(/--[a-z-]+/g) ?? [];
    expect(named.length, word).toBeGreaterThan(0);
    for (const flag of named) expect(own, `${word}: ${hint}`).toContain(flag);
    const isOfTrain = optionsOf(train).some(({ name }) => flagOf(name) === `--${word}`);
    expect(isOfTrain, word).toBe(false);
  }
});

it("finds words however they are written", () => {
  expect(ownOptionFor("--batch_size")).toBe(foreignOptions["batch-size"]);
  expect(ownOptionFor("--LR=0.1")).toBe(foreignOptions.lr);
  expect(ownOptionFor("--constructor")).toBeUndefined();
});
