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
