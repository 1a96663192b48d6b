import { buildExperiment, type DataSplits, type Flags, type RunPlan, resolvePreset } from "@innerloop/experiments";
import { expect, test } from "vitest";
import { collected } from "./collected-output.fixture.js";
import { describePlan } from "./describe.js";

const part = (name: string, count: number): DataSplits["train"] => ({
  name,
  exampleShape: [8, 8, 1],
  classes: Array.from({ length: count }, (_, c) => ({ name: `c${c}`, count: 20, examples: new Uint8Array(20 * 64) })),
});
const splits: DataSplits = { train: part("train", 30), validation: part("validation", 10), test: part("test", 10) };
const plan = { training: { chunkSize: 1, recompute: 0 }, operations: 1, parameters: 1 } as unknown as RunPlan;

const spec = { name: "marks", sha256: "", exampleShape: [8, 8, 1], trainClasses: 30, darkOnLight: false };

/** What `innerloop train` says of these options before it trains. */
function described(chosen: Flags): string {
  const isOfClasses = chosen.data === "marks";
  const config = resolvePreset(isOfClasses ? "images" : "sinusoid", {
    ...{ metaBatch: 1, model: "mlp", batchNorm: "none", queries: undefined },
    ...chosen,
  });
  const loaded = isOfClasses ? { data: splits, spec } : { data: undefined };
  const { output, text } = collected();
  const prepared = { ...loaded, config, experiment: buildExperiment(config, loaded) };
  describePlan({ output, settings: config, prepared, plan, workers: 1, folder: "run" });
  return text();
}

test.each([
  [{}, "5-way 1-shot, 1 query per class"],
  [{ trainShots: { from: 1, to: 5 } }, "5-way 1 to 5-shot (evaluated 1-shot), 1 query per class"],
  [{ learner: "semi-supervised", unlabelled: 4 }, "5-way 1-shot, 4 unlabelled examples per class, 1 query per class"],
  [
    { learner: "simple-shot", batch: 64, queries: 5 },
    "batches of 64 examples of all 30 classes; evaluated 5-way 1-shot, 5 queries per class",
  ],
] as const)("tasks of classes, %j", (chosen, tasks) => {
  expect(described({ data: "marks", ...chosen })).toMatch(new RegExp(`^  tasks     ${escaped(tasks)}$`, "m"));
});

test("an update of a learner that is trained on batches is of a batch", () => {
  expect(described({ data: "marks", learner: "simple-shot" })).toMatch(/updates of 1 batch, /);
  expect(described({ data: "marks" })).toMatch(/updates of 1 task, /);
});

test("tasks of curves say with how many points they are evaluated, where training has others", () => {
  const curves = { data: "sinusoid", shots: 10, queries: 12 } as const;
  expect(described(curves)).toContain("sinusoid family, 10 support and 12 query points");
  expect(described({ ...curves, trainShots: { from: 5, to: 10 } })).toContain(
    "sinusoid family, 5 to 10 support (evaluated 10) and 12 query points",
  );
});

const escaped = (text: string): string => text.replace(/[()]/g, "\\$&");
