/** Weights that were trained elsewhere as a run: matched, held to given outputs, and written only then. */
import { key } from "@innerloop/core";
import { traitsOf } from "@innerloop/core/layers";
import { isCollector, specOf } from "@innerloop/core/tasks";
import { encodeCheckpoint, type WrittenArray } from "@innerloop/core/training";
import { leaves } from "@innerloop/graph";
import { needsOf, networksOf } from "../build.js";
import { domainOf, type ExperimentConfig, type Flags, flagWords } from "../config/index.js";
import { UsageError } from "../options/usage-error.js";
import type { Argv } from "../runs/run-command.js";
import { type RunConfig, runConfig } from "../runs/run-config.js";
import { prepare } from "../sessions/prepare.js";
import type { PreparingHost, SessionHost } from "../sessions/session-host.js";
import { checkImport } from "./import-check.js";
import { ImportError } from "./import-error.js";
import type { ImportMap } from "./import-map.js";
import {
  type MatchedParameter,
  type MatchedParameters,
  matchedParameters,
  type NamedShape,
  namedParameters,
} from "./matched-parameters.js";

/** The weights to import, their map, and the experiment that the run is of. */
export interface ImportRequest {
  readonly config: ExperimentConfig;
  /** The preset that it is of, its protocol, and the options that stand in the map. */
  readonly experiment: string;
  readonly protocol: string;
  readonly chosen: Flags;
  readonly map: ImportMap;
  /** The map as it was given. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly weights: {
    /** How messages call the file, and its name. */
    readonly shown: string;
    readonly name: string;
    readonly sha256: string;
    readonly tensors: ReadonlyMap<string, WrittenArray>;
  };
  /** The arrays of the check's file, and how messages call it; none without a check. */
  readonly checked?: { readonly shown: string; readonly arrays: ReadonlyMap<string, WrittenArray> } | undefined;
  readonly argv: Argv;
  readonly versions: Readonly<Record<string, string>>;
  readonly created: Date;
}

/** The names and shapes on both sides. */
export interface ImportSides {
  readonly ours: readonly NamedShape[];
  readonly theirs: readonly NamedShape[];
}

/** An import that is ready to be written. */
export interface PreparedImport {
  readonly config: RunConfig;
  readonly checkpoint: Uint8Array;
  readonly matched: readonly MatchedParameter[];
  readonly leftOut: MatchedParameters["leftOut"];
  readonly difference: number;
}

/** @throws UsageError where the learner has nothing that could be imported */
async function prepared({ config }: Pick<ImportRequest, "config">, host: PreparingHost) {
  const made = await prepare(config, host);
  const { learner } = made.experiment;
  const first = learner.init(key(config.training.seed));
  if (leaves(first).length === 0)
    throw new UsageError(
      `${learner.name} has no parameters here: there is nothing to import`,
      "Choose another learner or network",
    );
  return { made, learner, first, traits: traitsOf(learner) };
}

/** The names and shapes of the run's parameters and of the file's tensors, for a map to be written by. */
export async function importSides(
  request: Pick<ImportRequest, "config" | "weights">,
  host: PreparingHost,
): Promise<ImportSides> {
  const { first, traits } = await prepared(request, host);
  const theirs = [...request.weights.tensors].map(([name, { shape }]) => ({ name, shape }));
  return { ours: namedParameters(first, traits).map(({ name, shape }) => ({ name, shape })), theirs };
}

/**
 * The run of weights that were trained elsewhere.
 *
 * @throws ImportError ILI02, ILI03 where the map does not fit; ILI04 where there is nothing that the weights are held to, or
 *   their outputs are others; as `prepare` does
 */
export async function prepareImport(request: ImportRequest, host: SessionHost): Promise<PreparedImport> {
  const { config, map, weights, checked } = request;
  const { check, parameters } = map;
  if (!check || !checked)
    throw new ImportError(
      "ILI04",
      weights.shown,
      "the map gives no inputs and outputs that the weights are held to",
      'Save a few in safetensors where they were trained, and name them: "check": { "file": "check.safetensors", "mode": "eval" }',
    );
  if (!parameters)
    throw new ImportError("ILI01", weights.shown, "the map has no parameters", "`--dry-run` lists names on both sides");
  const { made, learner, first, traits } = await prepared(request, host);
  const { params, matched, leftOut } = matchedParameters(
    first,
    traits,
    weights.tensors,
    { ...map, parameters },
    weights.shown,
  );
  const { tasks } = made.experiment;
  if (isCollector(tasks.test))
    throw new UsageError("weights of a policy, whose tasks are collected as it acts", "Import learners of examples");
  const shapes = domainOf(config).shapes(made.spec, config.domain, { ...needsOf(config), data: made.data });
  const difference = await checkImport({
    ...{ learner, params, check, networks: networksOf(config, shapes), spec: specOf(tasks.test) },
    ...{ arrays: checked.arrays, where: checked.shown, executor: host.executor },
  });
  const imported = { file: weights.name, sha256: weights.sha256, map: request.given, difference, argv: request.argv };
  const { training, evaluation } = config;
  const { seed } = training;
  const common = { seed, setting: "", chunkSize: 1, recompute: 0, optimizer: {}, sinceBest: 0 };
  return {
    config: runConfig({
      experiment: request.experiment,
      config,
      settings: { training, evaluation },
      ...{ chunkSize: 1, recompute: 0, workers: host.executor.parallelism },
      ...(made.spec ? { data: made.spec } : {}),
      imported,
      protocol: {
        text: request.protocol,
        ...tasks.test.description,
        ...learner.description,
      },
      argv: ["train", request.experiment, ...flagWords(request.chosen)],
      versions: request.versions,
      created: request.created.toISOString(),
    }),
    checkpoint: encodeCheckpoint({ ...common, iteration: 0, params }),
    matched,
    leftOut,
    difference,
  };
}
