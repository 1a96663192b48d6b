/** Regression of curves that are formulas: every number of them is drawn, and there is nothing to read. */
import { meanSquaredError, sinusoids, type TaskSource } from "@innerloop/core";
import { defaultsOf, optionGroup } from "@innerloop/core/learners";
import {
  type CurveTaskOptions,
  gaussianProcesses,
  harmonics,
  lines,
  sourceOf,
  steps,
  type TableSpec,
} from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { countInWords, mostOf } from "../../options/values.js";
import { domain } from "../domain.js";
import { linearBaselines } from "../linear-baselines.js";
import { tensorTaskSpec } from "../program-tasks.js";
import { rowAdaptation } from "../tables/adaptation.js";
import { exportedRows } from "../tables/exported-rows.js";
import { sizeOptions } from "../task-options.js";
import { curvePresets } from "./presets.js";

/** Families by the names that `--data` has for them. */
const families = {
  sinusoid: sinusoids,
  harmonics,
  lines,
  steps,
  "gaussian-processes": gaussianProcesses,
} as const satisfies Readonly<Record<string, (options: CurveTaskOptions) => TaskSource>>;

type FamilyName = keyof typeof families;
const familyNames = Object.keys(families) as readonly FamilyName[];
const isFamily = (name: unknown): name is FamilyName => familyNames.includes(name as FamilyName);

const curveOptions = optionGroup({
  data: {
    kind: "choice",
    choices: familyNames,
    default: "sinusoid",
    help: `a family of curves: ${familyNames.join(", ")}`,
    inEvaluation: true,
  },
  ...sizeOptions,
});

/** @internal The domain of curves. */
export const curves = domain<typeof curveOptions>({
  name: "curves",
  title: "curves",
  kind: "regression",
  options: curveOptions,
  presets: curvePresets,
  networks: ["mlp", "linear"],
  ofEpisodes: ["trainShots"],
  claims: ({ data, groupColumn }) => (groupColumn === undefined && isFamily(data) ? "sinusoid" : undefined),
  shownAs: ({ data }) => `--data ${data}`,
  tasks: (_, { data, shots, trainShots, queries = shots }) => {
    const family = families[data];
    const evaluation = family({ shots, queries });
    const train = trainShots ? family({ shots: trainShots, queries }) : evaluation;
    return { train, validation: evaluation, test: evaluation };
  },
  shapes: (_, options, { own = options }) => ({
    inputShape: [1],
    outputs: 1,
    supportRows: Math.max(own.shots, mostOf(own.trainShots ?? own.shots)),
    trainClasses: 0,
  }),
  loss: () => meanSquaredError,
  baselines: ({ options: { data }, tasks, shapes }) =>
    // Of lines the linear models fit exactly.
    data === "lines" ? linearBaselines(sourceOf(tasks.train), shapes.inputShape) : [],
  describe: ({ options }) => [["data", `${options.data} family, ${pointsText(options)}`]],
  taskSizes: ["shots", "queries"],
  sizeOf: (name, { shots, queries }, chosen) =>
    // Queries that are as many as shots are settled with them.
    name === "shots" ? shots : (queries ?? (chosen.includes("shots") ? undefined : shots)),
  heldOut: ({ options: { data } }) => ({ "kind of data": data }),
  requireSizes: ({ options: own, shown }, { data }) => {
    if (data !== own.data)
      throw new UsageError(
        `--data ${data} of ${shown}, a run of ${own.data}`,
        "Only runs of data sets of classes can be tested on another one",
      );
  },
  adaptation: rowAdaptation(() => pointSpec),
  exported: () => exportedRows(pointSpec),
  adopt: ({ test }) => {
    const spec = tensorTaskSpec({ test });
    if (!spec) return undefined;
    const { x, y } = spec;
    const isPoint = !y.classes && [x, y].every(({ shape }) => shape.length === 1 && shape[0] === 1);
    return isPoint
      ? { options: defaultsOf(curveOptions), spec: { name: test.name, sha256: "", exampleShape: [1] } }
      : undefined;
  },
  next: ({ config }) => [
    { command: "again", flags: { seed: config.training.seed + 1 }, meaning: "the same from another start" },
  ],
});

/** Points as rows of x and y, each as it is. */
const pointSpec: TableSpec = {
  groupColumn: "curve",
  inputs: [{ kind: "number", name: "x", mean: 0, deviation: 1 }],
  targets: [{ name: "y", mean: 0, deviation: 1 }],
};

/** `10 support (evaluated 5) and 10 query points` */
export function pointsText({
  shots,
  trainShots = shots,
  queries = shots,
}: {
  readonly shots: number;
  readonly trainShots?: Parameters<typeof countInWords>[0] | undefined;
  readonly queries?: number | undefined;
}): string {
  const evaluated = trainShots === shots ? "" : ` (evaluated ${shots})`;
  return `${countInWords(trainShots)} support${evaluated} and ${queries} query points`;
}
