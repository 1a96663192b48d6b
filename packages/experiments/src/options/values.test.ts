import { expect, it } from "vitest";
import { flagTable } from "../config/index.js";
import { nearestName } from "./usage-error.js";
import { checkOption, parseOption } from "./values.js";

const table = flagTable();
const specsOf = (name: string) => table.find((entry) => entry.name === name)!.places.map(({ spec }) => spec);

it("refuses long texts for numbers, ranges and names at once, and quotes the beginning of them", () => {
  const long = [`${"1".repeat(100_000)}x`, `${"1".repeat(100_000)}x-5`, "1-".repeat(50_000), "a".repeat(100_000)];
  const start = process.cpuUsage();
  for (const text of long) {
    for (const name of ["innerRate", "trainShots", "shots", "learner", "hidden"] as const) {
      for (const read of specsOf(name).flatMap((spec) => [
        () => parseOption(name, spec, text),
        () => checkOption(name, spec, text),
      ])) {
        expect(read).toThrow(/ is "?(1111|1-1-|aaaa).*\.\.\.("?)\. Give /);
        expect(read).not.toThrow(/.{2000}/);
      }
    }
  }
  const names = table.map(({ name }) => name);
  expect(nearestName(long[3]!, names)).toBeUndefined();
  expect(nearestName("shotz", names)).toBe("shots");
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
});

it("says of a list or truth value in a file what is written there, and of the command line what is written there", () => {
  const [evalSteps, target, hidden, rotations, skipBad] = ["evalSteps", "target", "hidden", "rotations", "skipBad"].map(
    (name) => specsOf(name)[0]!,
  );
  const inFile = (spec: typeof evalSteps, value: unknown) => () => checkOption("x in my.json", spec!, value);
  expect(inFile(evalSteps, "0,1")).toThrow(/^x in my\.json is "0,1"\. Give a list of whole numbers .*, as in \[0,1\]/);
  expect(inFile(target, "fare")).toThrow(/\. Give a list of texts, as in \["fare"\]$/);
  expect(inFile(hidden, [40, "x"])).toThrow(/\. Give a list of whole numbers of at least 1, as in \[1,2\]/);
  expect(inFile(rotations, true)).toThrow(/\. Give one of yes, no\. Did you mean "yes"\?$/);
  expect(inFile(skipBad, "yes")).toThrow(/\. Give true or false$/);
  expect(() => parseOption("evalSteps", evalSteps!, "0;1")).toThrow(/^--eval-steps is 0;1\. .*separated by commas/);
});
