import { appendFileSync } from "node:fs";
import { trace, type Tree } from "@innerloop/graph";
import { key, labelledExamples, learnerNames, groupedRegression, type LabelledExamples } from "innerloop";
import { it } from "vitest";
import { meanMetaGradient } from "innerloop";
import { buildExperiment, buildRegression, splitData } from "./experiment.js";
import { defaultExperimentOptions, type ExperimentOptions, experimentOptions, type OptionSpec } from "./option-table.js";
import { isOfUse, requireUse } from "./option-use.js";
import { presetNames, resolveOptions } from "./presets.js";

const cache = new Map<string, LabelledExamples>();
function images(size: number, channels: number, classes: number, per: number) {
  const k = [size, channels, classes, per].join();
  let d = cache.get(k);
  if (!d) { d = labelledExamples({ name: "made up", exampleShape: [size, size, channels], classes: Array.from({ length: classes }, (_, c) => ({ name: `c${c}`, examples: new Uint8Array(per * size * size * channels).fill(c % 255) })) }); cache.set(k, d); }
  return d;
}
const n = 400;
const table = { name: "t", columns: { g: Array.from({ length: n }, (_, i) => `g${i % 20}`), a: Array.from({ length: n }, (_, i) => i % 7), b: Array.from({ length: n }, (_, i) => i % 11) } };

function valuesFor(name: string, spec: OptionSpec): unknown[] {
  switch (spec.kind) {
    case "integer": return [spec.least, spec.most ?? 1000];
    case "number": return [spec.above ? 1e-6 : spec.least, spec.most ?? 100];
    case "count": return [0, spec.least, 6, { from: 2, to: 6 }];
    case "choice": return [...spec.choices];
    case "integers": return [[spec.least], [spec.most ?? 1000]];
    default: return [];
  }
}
const caps: Record<string, number> = { ways: 20, trainWays: 20, shots: 20, trainShots: 20, queries: 20, unlabelled: 20, batch: 64, steps: 6, filters: 64, units: 64, contextSize: 64, hidden: 64, metaBatch: 100, imageSize: 64 };
const skip = new Set(["data", "groupColumn", "target", "inputs", "learner", "device", "workers", "memory", "chunk", "recompute", "checkpointEvery", "validateEvery", "validationTasks", "patience", "evalTasks", "seed", "invert"]);

function attempt(options: ExperimentOptions, chosen: string[]): string {
  try {
    requireUse(chosen, options);
    const o = options;
    let experiment;
    if (o.data === "sinusoid") experiment = buildExperiment(o, undefined);
    else if (o.data === "table") experiment = buildRegression({ ...o }, groupedRegression(table, { groupColumn: "g", inputs: ["a"], targets: ["b"], shots: o.trainShots || o.shots, queries: o.queries || o.shots, split: { validation: 4, test: 4 } }).tasks);
    else {
      const data = images(o.imageSize, Number(o.channels), 100, 60);
      experiment = buildExperiment(o, splitData(data, { ...o, validationClasses: Math.min(o.validationClasses, 20), testClasses: Math.min(o.testClasses, 30) }));
    }
    const params = experiment.learner.init(key(0));
    const task = experiment.tasks.train.sample(0, 0);
    experiment.learner.metaGradient(params, task);
    const held = experiment.tasks.test.sample(0, 0);
    experiment.learner.predict(experiment.learner.adapt(params, held.support, { steps: Math.min(experiment.learner.steps ?? 0, 1) }), held.query.x);
    for (const b of experiment.baselines) { const p = b.fromTrained ? b.fromTrained(params) : b.adapter.init(key(0)); if (p) b.adapter.predict(b.adapter.adapt(p, held.support, { steps: 1 }), held.query.x); }
    return "ok";
  } catch (error) {
    const e = error as Error;
    return `${e.name}: ${e.message}`;
  }
}
it("explore", () => {
  const out = "/tmp/gate/explore.txt";
  const seen = new Map<string, number>();
  for (const preset of presetNames) {
    const learners = process.env.LEARNERS ? learnerNames : (["maml"] as const);
    for (const learner of learners) for (const model of ["own", "conv", "mlp", "linear"]) {
      const base: any = { learner, filters: 4, units: 8, ...(model === "own" ? {} : { model }) };
      for (const [name, spec] of Object.entries(experimentOptions) as [string, OptionSpec][]) {
        if (skip.has(name) || name === "model") continue;
        if (process.env.ONLY && !process.env.ONLY.split(",").includes(name)) continue;
        for (let value of valuesFor(name, spec)) {
          if (typeof value === "number" && caps[name] && value > caps[name]!) value = caps[name]!;
          if (Array.isArray(value) && name === "hidden") value = [Math.min(value[0], 64)];
          const chosen = { ...base, [name]: value };
          let options = resolveOptions(preset, chosen as any, defaultExperimentOptions());
          if (preset === "table") options = { ...options, data: "table", groupColumn: "g" } as any;
          else if (preset !== "sinusoid") options = { ...options, data: "images" } as any;
          const t = performance.now();
          const result = attempt(options, [name, ...(model === "own" ? [] : ["model"])]);
          const ms = performance.now() - t;
          if (result.startsWith("UsageError: --") && result.includes("means nothing")) continue;
          appendFileSync(out, `${preset} ${learner} ${model} --${name} ${JSON.stringify(value)} ${ms.toFixed(0)}ms ${result}\n`);
        }
      }
    }
  }
}, 3_000_000);
