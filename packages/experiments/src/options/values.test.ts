import { expect, it } from "vitest";
import { experimentOptions } from "./option-table.js";
import { checkOption, parseOption } from "./option-values.js";
import { nearestName } from "./usage-error.js";

it("refuses long texts for numbers, ranges and names at once, and quotes the beginning of them", () => {
  const long = [`${"1".repeat(100_000)}x`, `${"1".repeat(100_000)}x-5`, "1-".repeat(50_000), "a".repeat(100_000)];
  const start = process.cpuUsage();
  for (const text of long) {
    for (const name of ["innerRate", "trainShots", "shots", "learner", "hidden"] as const) {
      for (const read of [
        () => parseOption(name, experimentOptions[name], text),
        () => checkOption(name, experimentOptions[name], text),
      ]) {
        expect(read).toThrow(/ is "?(1111|1-1-|aaaa).*\.\.\.("?)\. Give /);
        expect(read).not.toThrow(/.{2000}/);
      }
    }
  }
  expect(nearestName(long[3]!, Object.keys(experimentOptions))).toBeUndefined();
  expect(nearestName("shotz", Object.keys(experimentOptions))).toBe("shots");
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
});
