import type { LabelledExamples } from "@innerloop/core";
import { sourceOf } from "@innerloop/core/tasks";
import { describe, expect, it } from "vitest";
import { buildExperiment } from "../../build.js";
import { configOf, loadedClasses } from "../../made-up.fixture.js";
import { splitData } from "./data-splits.js";
import type { ClassificationValues } from "./options.js";

function experiment(augment: ClassificationValues["augment"], exampleShape: readonly number[]) {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  const classes = Array.from({ length: 20 }, (_, c) => ({
    name: `${c}`,
    count: 3,
    examples: Uint8Array.from({ length: 3 * size }, (_, i) => (13 * c + 7 * i) % 200),
  }));
  const data: LabelledExamples = { name: "made up", exampleShape, classes };
  const config = configOf("classification", { data: "made-up", ways: 3, model: "mlp", augment });
  const splits = splitData(data, config.domain as unknown as ClassificationValues);
  return buildExperiment(config, loadedClasses(splits)).tasks;
}

describe("--augment", () => {
  it("changes training tasks, and none that are held out", () => {
    const [plain, photo] = [experiment("none", [10, 10, 3]), experiment("photo", [10, 10, 3])];
    const queries = (tasks: typeof plain, split: keyof typeof plain) =>
      sourceOf(tasks[split]).sample(1, 2).query.x.data;
    expect(photo.train.description.augmentation).toBe(
      "flip 0.5, shift 1, brightness 0.4, contrast 0.4, saturation 0.4",
    );
    expect(queries(photo, "train")).not.toEqual(queries(plain, "train"));
    for (const split of ["validation", "test"] as const) {
      expect(queries(photo, split)).toEqual(queries(plain, split));
      expect(photo[split].description).not.toHaveProperty("augmentation");
    }
    expect(plain.train.description).not.toHaveProperty("augmentation");
  });

  it("shifts by the same part of every size", () => {
    expect(experiment("shift", [28, 28, 1]).train.description.augmentation).toBe("shift 3");
  });

  it("is for images", () => {
    expect(() => experiment("shift", [7])).toThrow(/--augment shift is for images\. Use --augment none/);
  });
});
