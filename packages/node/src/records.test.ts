/**
 * Each kind of task, learner, network, command and figure is one record: no other code asks which one it is. The sources
 * are searched for comparisons with their names.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { learnerNames } from "@innerloop/core";
import { networkNames } from "@innerloop/core/learners";
import { domains } from "@innerloop/experiments";
import { expect, test } from "vitest";
import { commands } from "./cli/commands/registry.js";
import { knownSets } from "./data/sets/registry.js";

const packages = fileURLToPath(new URL("../../", import.meta.url));

const files = ["core", "experiments", "models", "mujoco", "node", "innerloop", "web"].flatMap((name) =>
  readdirSync(join(packages, name, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|fixture)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name)),
);

/** Comparisons with a text, and cases of a switch: `name === "maml"`, `case "maml":`, `["maml"].includes(name)`. */
function compared(text: string): string[] {
  const direct = [...text.matchAll(/(?:[=!]==\s*|\bcase\s+)"([^"\n]+)"/g)].map(([, name]) => name!);
  const reversed = [...text.matchAll(/"([^"\n]+)"\s*[=!]==/g)].map(([, name]) => name!);
  const listed = [...text.matchAll(/\[((?:\s*"[^"\n]+",?)+)\s*\](?: as const)?\)?\.includes\(/g)].flatMap(([, list]) =>
    [...list!.matchAll(/"([^"\n]+)"/g)].map(([, name]) => name!),
  );
  return [...direct, ...reversed, ...listed];
}

const found = (names: readonly string[], allowed: readonly string[]): string[] =>
  files.flatMap((file) => {
    const path = relative(packages, file);
    if (allowed.some((prefix) => path.startsWith(prefix))) return [];
    const hits = compared(readFileSync(file, "utf8")).filter((name) => names.includes(name));
    return hits.map((name) => `${path}: ${name}`);
  });

test("no source but a learner's own asks for its name", () => {
  // One learner with two structures tells them apart itself.
  expect(found(learnerNames, ["core/src/learners/model-based/structure-learner.ts"])).toEqual([]);
});

test("no source but a kind of task's own asks which kind it is", () => {
  const names = [...domains().map(({ name }) => name), "regression"];
  // Learners that are told what for, in their own options.
  expect(found(names, ["core/src/learners/", "core/src/catalogue/"])).toEqual([]);
  expect(found(["sinusoid", "harmonics", "gaussian-processes"], [])).toEqual([]);
});

test("no source but a network's own asks for its name", () => {
  // Attributes of items are bags of words as well.
  const ofAttributes = ["core", "experiments"].map((name) => `${name}/src/domains/recommendation/`);
  expect(found(networkNames, ofAttributes)).toEqual([]);
});

test("no source but a data set's own asks for its name", () => {
  expect(found(Object.keys(knownSets), ["node/src/data/sets/"])).toEqual([]);
});

test("no source but a command's own asks for its name", () => {
  // "train" is a phase of layers as well, "start" an event.
  const names = commands.map(({ name }) => name).filter((name) => name !== "train" && name !== "start");
  expect(found(names, [])).toEqual([]);
});

test("the search finds what it is to find", () => {
  expect(compared('if (learner === "maml") switch (x) { case "mann": }')).toEqual(["maml", "mann"]);
  expect(compared('["anil", "boil"].includes(name) || "snail" !== name')).toEqual(["snail", "anil", "boil"]);
});
