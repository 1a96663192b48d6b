/**
 * No code reads a meaning from the name of a figure: what a figure is called, whether it is a share and which way it is
 * better are in its description.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { binaryCrossEntropy, crossEntropy, gaussianNegativeLogLikelihood } from "@innerloop/core";
import { figuresOf } from "@innerloop/core/training";
import { expect, test } from "vitest";

const packages = fileURLToPath(new URL("../../", import.meta.url));

/** The names of figures that losses, evaluations of tables and of open sets have. */
const ofLosses = [crossEntropy, binaryCrossEntropy, gaussianNegativeLogLikelihood].flatMap((loss) => figuresOf(loss));
const others = ["rootMeanSquaredError", "meanAbsoluteError", "outerLoss", "openShare", "auroc", "knownAccepted"];
const allNames = [...new Set([...ofLosses.map(({ name }) => name), ...others])];

/** Files that may: the records of metrics, and the translator of results from before there were descriptions. */
const exempt = new Set(["experiments/src/figures/earlier-figures.ts"]);

/** A name of a figure as text, at its beginning: "rootMeanSquaredError of minutes" is one, too. */
const quoted = `["'\`](?:${allNames.join("|")})(?:["'\`]| of )`;
const readings: readonly RegExp[] = [
  new RegExp(`[!=]==? ?${quoted}`),
  new RegExp(`${quoted} ?(?:[!=]==?|in )`),
  new RegExp(`\\bcase ${quoted}`),
  new RegExp(`\\.(?:has|includes|startsWith|indexOf|find)\\(${quoted}`),
  new RegExp(`\\b(?:figures|values|metrics)!?\\??(?:\\.(?:${allNames.join("|")})\\b|\\[${quoted})`),
  /\b(?:isShare|betterWhen|mostTelling)\b/,
  /\/\^?error[^/]*\$[^/]*\/[a-z]*\.test\(name/,
];

/** Lines that compare something else of the same name, with what it is. */
const ofSomethingElse: Readonly<Record<string, string>> = {
  'const scored = loss === "meanSquaredError";': "the option `loss` of relationNetwork",
};

const readingIn = (line: string): boolean => readings.some((pattern) => pattern.test(line));

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ["node_modules", "dist"].includes(entry.name) ? [] : sources(path);
    return /(?<!\.test|\.fixture|\.d)\.ts$/.test(entry.name) ? [path] : [];
  });
}

test("the patterns find what they are to find", () => {
  for (const line of [
    'if (name === "accuracy") return 1;',
    'const name = "accuracy" in last.figures ? a : b;',
    "figures.accuracy!.mean",
    'names.filter((name) => name.startsWith("rootMeanSquaredError of "))',
    "/error( of .*)?$/is.test(name)",
    'case "calibrationError":',
    'figures["loss"]',
  ])
    expect(readingIn(line), line).toBe(true);
  for (const line of [
    "learner.loss.title",
    'type A = Pick<B, "loss">;',
    'metric: "accuracy",',
    "const { loss } = learner;",
  ])
    expect(readingIn(line), line).toBe(false);
});

test("no source compares with the name of a figure", () => {
  const files = readdirSync(packages).flatMap((name) => sources(join(packages, name, "src")));
  expect(files.length).toBeGreaterThan(200);
  const found = files
    .filter((file) => !exempt.has(relative(packages, file)))
    .flatMap((file) =>
      readFileSync(file, "utf8")
        .split("\n")
        .flatMap((line, i) => {
          const isDocumentation = /^\s*(\*|\/\*|\/\/)/.test(line);
          return isDocumentation || ofSomethingElse[line.trim()] !== undefined || !readingIn(line)
            ? []
            : [`${relative(packages, file)}:${i + 1}: ${line.trim()}`];
        }),
    );
  expect(found).toEqual([]);
});
