/** A run as the files of an exported learner, and the proof that these answer as the run does. */
import type { Learner } from "@innerloop/core";
import type { AnyLearner } from "@innerloop/core/learners";
import { classesIn, isCollector, specOf, splitSeed, type TaskSpec, type TensorSpec } from "@innerloop/core/tasks";
import { exportedOutputs, exportPrograms, lossDescription, TrainedLearner } from "@innerloop/core/training";
import {
  allocate,
  type DType,
  type PortableArray,
  type PortableArrays,
  type PortableEngine,
  type Tensor,
  type TensorsByName,
  type Tree,
  type TypedArray,
} from "@innerloop/graph";
import { normOf } from "../adapting-norm.js";
import { domainOf, type Flags, withFlags } from "../config/index.js";
import { UsageError } from "../options/usage-error.js";
import { readChosenSteps } from "../runs/adaptation-steps.js";
import { type CalibratedRule, findOpenSetRule, openSetRemedy } from "../runs/open-set-rule.js";
import { loadParams } from "../runs/results.js";
import type { RunStore } from "../runs/run-store.js";
import { prepareRun } from "../sessions/prepare.js";
import type { SessionHost } from "../sessions/session-host.js";
import { counted } from "../words.js";
import { differenceOf, tolerance } from "./agreement.js";
import { ExportError } from "./export-error.js";
import { type ExportedConfig, type ExportedOpenSet, storedExport, supportRows } from "./exported-config.js";
import { digestOf, type ExportedFiles, readAllTold } from "./exported-files.js";
import { exportedFiles } from "./exported-folder.js";
import { openFewShot, openPrograms } from "./exported-programs.js";
import { type ExportForm, formOf } from "./input-forms.js";
import { disagreement } from "./verify-export.js";

/** The run to export, and how. */
export interface ExportRequest {
  readonly run: RunStore;
  /** Where its data are now, as flags, or others that hold tasks for it: they are what the files are tried on. */
  readonly chosen?: Flags;
  readonly checkpoint?: "best" | "last" | undefined;
  /** Examples of a task at most; those of a task of the run, and 25 at least, unless given. */
  readonly maxSupport?: number | undefined;
  /** Inputs that are predicted for together, so many and no other; any number unless given. */
  readonly queries?: number | undefined;
  /** Images enter as numbers from 0 to 1, for those who prepare them themselves. */
  readonly floatInput?: boolean | undefined;
  /** Steps that are written one after the other, for runtimes without loops: so many, and no other number of them. */
  readonly unrolled?: number | undefined;
  /** What wrote it, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** An export that is ready to be written. */
export interface PreparedExport {
  readonly config: ExportedConfig;
  /** Bytes by the names of files. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** What the user is told, a sentence each. */
  readonly notes: readonly string[];
  /**
   * Lets held-out tasks go through files as they were written.
   *
   * @returns the largest difference from the run's own answers, as a share of the largest of these
   * @throws ExportError ILE205 where it is too large
   */
  check(files: ExportedFiles, engine: PortableEngine): Promise<{ readonly difference: number; readonly tasks: number }>;
}

const uncertain =
  "Its steps magnify rounding until answers are chance: write it for fewer (--fixed N), or export another checkpoint";

/** Tasks that files are tried on. */
const triedTasks = 20;
const usualSupport = 25;

/**
 * Makes the files of an exported learner of a run.
 *
 * @throws ExportError ILE201 for a run that has no such programs, with the reason; TrainingError ILR301 likewise
 */
export async function prepareExport(request: ExportRequest, host: SessionHost): Promise<PreparedExport> {
  const { run, chosen: data = {}, checkpoint: wanted, queries, unrolled } = request;
  const { form, config: own } = formOfRun(request);
  const norm = normOf(own, {});
  const { batchNorm: trainedNorm } = own.network as { readonly batchNorm?: string };
  const prepared = await prepareRun(run, withFlags(own, { ...norm, ...data }), host);
  const { learner, tasks } = prepared.experiment;
  if (isCollector(tasks.test)) throw refused(run, "its tasks are collected by acting, and hold no examples");
  const source = tasks.test;
  const { params, iteration, checkpoint } = await loadParams(run, prepared.trained ?? learner, wanted);
  const chosen = await readChosenSteps(run, { checkpoint, iteration });
  const found = await findOpenSetRule(run);
  const { options, protocol, command } = run.config;
  const seed = splitSeed(options.seed, "test");
  const taskSpec = specOf(source, { operation: "export", seed }) as unknown as TaskSpec<Tree, Tree>;
  const support = supportOf(request, taskSpec.support.rows);
  const spec = { ...withOutputs(taskSpec, learner), support: { ...taskSpec.support, rows: support } };
  const any = learner as unknown as AnyLearner;
  const norms = String(learner.description.batchNorm ?? "none");
  const fits = found?.checkpoint === checkpoint && found.iteration === iteration && found.batchNorm === norms;
  const openSet = found && fits ? ruleOf(found) : undefined;
  const programs = exportPrograms({
    learner: any,
    params,
    spec,
    support,
    queries,
    unrolled,
    imageInput: form.imageInput,
    openSet,
    metadata: { inputs: JSON.stringify(form.inputs), protocol: JSON.stringify(protocol) },
  } as Parameters<typeof exportPrograms>[0]);
  const { models, parametersDigest } = programs;
  const ways = form.targets ? undefined : programs.ways;
  const trainedSteps = learner.steps;
  const usual =
    trainedSteps === undefined
      ? undefined
      : (programs.steps.fixed ?? chosen?.steps ?? Math.max(...options.evalSteps, trainedSteps));
  const outputs = models.predict.outputs.map(({ name }) => name);
  requireAnswers(run, outputs, form);
  const told: Omit<ExportedConfig, "files"> = {
    learner: learner.name,
    options: learner.description,
    loss: lossDescription(learner.loss).title,
    ways,
    classes: form.classes,
    targets: form.targets,
    support,
    padded: programs.padded,
    mayBeEmpty: taskSpec.support.mayBeEmpty === true,
    queries,
    steps: { usual, fixed: trainedSteps === undefined ? undefined : programs.steps.fixed },
    batchNorm: norms,
    inputs: form.inputs,
    openSet,
    outputs,
    protocol,
    command,
    checkpoint,
    iteration,
    parameters: parametersDigest,
    versions: request.versions,
  };
  const count = Math.min(triedTasks, source.count ?? triedTasks);
  const tried: TriedTask[] = [];
  const trained = new TrainedLearner<Tree, Tree, Tree, Tree>({
    learner: any,
    params,
    spec: taskSpec,
    executor: host.executor,
    outputs: (prediction) => exportedOutputs(any, spec, prediction, openSet) as unknown as Tree,
  });
  try {
    for (let i = 0; i < count; i++) {
      host.signal?.throwIfAborted();
      const { support: given, query } = source.sample(seed, i) as unknown as HeldOut;
      const task = await trained.adapt(given as never, usual === undefined ? {} : { steps: usual });
      const found = (await task.predict(query.x as never)) as unknown as TensorsByName;
      const feeds = feedsOf(given, { ...told, form, steps: usual ?? 0 });
      tried.push({ feeds, queries: rowsOfTask(query.x, form), expected: arraysOf(found) });
    }
  } finally {
    await trained.release();
  }
  const files = await exportedFiles({ told, programs, form, run, expected: expectedOf(tried[0]!, told) });
  const hashed = Object.fromEntries(
    Object.entries(files.told).map(([name, bytes]) => [name, { sha256: digestOf(bytes), bytes: bytes.length }]),
  );
  const config: ExportedConfig = { ...told, files: hashed };
  const json = new TextEncoder().encode(`${JSON.stringify(storedExport(config), null, 2)}\n`);
  return {
    config,
    files: { "README.md": files.readme, "config.json": json, ...files.told },
    notes: [...notesOf(learner, trainedNorm, config, trainedSteps), ...openSetNotes(run, found, config)],
    check: (written, engine) => checkTasks(tried, { config, files: written, engine, shown: run.shown }),
  };
}

interface HeldOut {
  readonly support: { readonly x: Tensor; readonly y: Tensor; readonly present?: Tensor };
  readonly query: { readonly x: Tensor };
}

/** A held-out task, and the run's own answers. */
interface TriedTask {
  readonly feeds: PortableArrays;
  /** Inputs one by one, as programs take them. */
  readonly queries: readonly TypedArray[];
  readonly expected: PortableArrays;
}

const refused = (run: RunStore, problem: string): ExportError =>
  new ExportError(
    "ILE201",
    run.shown,
    problem,
    "`innerloop adapt` puts it to use; docs/export.md says what is exported",
  );

/** The form in which a run's tasks enter programs. @throws ExportError ILE201 */
function formOfRun({ run, floatInput = false }: ExportRequest) {
  const { config, data } = run.config;
  if (!config)
    throw refused(
      run,
      "its learner is a program's, which no options tell; `exportPrograms` of @innerloop/core/training writes its programs",
    );
  const domain = domainOf(config);
  if (!domain.exported) throw refused(run, `it is of ${domain.title}, which are not exported`);
  const own = { options: config.domain, spec: data } as Parameters<typeof domain.exported>[0];
  const form = domain.exported(own, { shown: run.shown, floatInput });
  if (floatInput && !("dtype" in form.inputs))
    throw new UsageError(`--float-input for ${run.shown}, whose inputs are no images`, "Leave it out");
  return { form, config };
}

/** Tasks of as many classes as the learner has outputs for: it may have been trained on larger ones. */
function withOutputs(spec: TaskSpec<Tree, Tree>, { classes: outputs = 0 }: Learner): TaskSpec<Tree, Tree> {
  const classes = classesIn(spec);
  if (classes === undefined || classes >= outputs) return spec;
  return { ...spec, y: { ...(spec.y as TensorSpec), classes: { count: outputs } } };
}

/** Rows of a support set. @throws UsageError where they are fewer than a task of the run has */
function supportOf({ run, maxSupport }: ExportRequest, rows: number): number {
  if (maxSupport === undefined) return Math.max(rows, usualSupport);
  if (maxSupport >= rows) return maxSupport;
  throw new UsageError(
    `--max-support ${maxSupport} of ${run.shown}, whose tasks have ${counted(rows, "example")}`,
    `Give ${rows} or more`,
  );
}

/** @throws ExportError ILE201 where answers are none that a loader can tell */
function requireAnswers(run: RunStore, outputs: readonly string[], { targets }: ExportForm): void {
  if (outputs.includes(targets ? "mean" : "logits")) return;
  throw refused(
    run,
    `its answers are ${outputs.join(", ")}, which are neither of classes nor numbers with their deviation`,
  );
}

/** What the user should know of what was written. */
function notesOf(
  { name }: Learner,
  trainedNorm: string | undefined,
  { batchNorm, steps }: ExportedConfig,
  trainedSteps: number | undefined,
): readonly string[] {
  return [
    ...(trainedNorm !== undefined && trainedNorm !== batchNorm && batchNorm !== "none"
      ? [
          `batch normalisation takes its statistics from the support set (${batchNorm}), as \`innerloop adapt\` has it, where training had ${trainedNorm}: an answer does not depend on the other inputs`,
        ]
      : []),
    ...(trainedSteps !== undefined && steps.fixed !== undefined
      ? [`${name} is written for ${counted(steps.fixed, "step")}, and takes no other number of them`]
      : []),
  ];
}

/** What of a rule an export keeps. */
const ruleOf = ({ score, threshold, steps, ways, shots }: CalibratedRule): ExportedOpenSet => ({
  ...{ score, threshold, steps, ways, shots },
});

/** What a rule of the run was chosen for, where that is other than what is exported, or is taken. */
function openSetNotes(
  run: RunStore,
  found: CalibratedRule | undefined,
  { openSet, steps: { usual = 0 } }: ExportedConfig,
): readonly string[] {
  if (!found) return [];
  const { checkpoint, iteration, batchNorm, steps } = found;
  if (!openSet)
    return [
      `nothing is rejected: the threshold of the run was chosen for its ${checkpoint} checkpoint after ${counted(iteration, "update")}, batch norm ${batchNorm}. ${openSetRemedy(run)} anew`,
    ];
  return steps === usual
    ? []
    : [
        `inputs are rejected after ${counted(steps, "step")} alone, for which the threshold was chosen: adapt with { steps: ${steps} }`,
      ];
}

type Feeding = Pick<ExportedConfig, "support" | "padded" | "targets"> & {
  readonly form: ExportForm;
  readonly steps: number;
};

/** Rows of a tensor, each as programs take one. */
function rowsOfTask(x: Tensor, { inputs }: ExportForm): readonly TypedArray[] {
  const [rows = 0, ...shape] = x.shape;
  const size = shape.reduce((a, b) => a * b, 1);
  const of = formOf(inputs);
  return Array.from({ length: rows }, (_, i) =>
    of.ofTask(x.data!.slice(i * size, (i + 1) * size) as TypedArray, inputs),
  );
}

/** So many rows of inputs, zeros behind those that there are. */
function inputArray(values: readonly TypedArray[], rows: number, { inputs }: ExportForm): PortableArray {
  const { dtype, shape } = formOf(inputs).slot(inputs);
  const size = shape.reduce((a, b) => a * b, 1);
  const arrays = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const;
  const data = new arrays[dtype](rows * size);
  values.forEach((each, row) => {
    data.set(each as Float32Array, row * size);
  });
  return { dtype, shape: [rows, ...shape], data };
}

/** A support set as programs take it. */
function feedsOf({ x, y, present }: HeldOut["support"], { form, steps, ...told }: Feeding): PortableArrays {
  const { targets } = told;
  const there = x.shape[0]!;
  const rows = supportRows(told, there);
  const mask = new Float32Array(rows);
  mask.set((present?.data as Float32Array | undefined) ?? new Float32Array(there).fill(1));
  const common = {
    support_inputs: inputArray(rowsOfTask(x, form), rows, form),
    support_mask: { dtype: "float32", shape: [rows], data: mask },
    steps: { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(steps)) },
  } as const;
  if (!targets) {
    const data = new BigInt64Array(rows);
    data.set(Array.from(y.data as Int32Array, BigInt));
    return { ...common, support_labels: { dtype: "int64", shape: [rows], data } };
  }
  const data = new Float32Array(rows * targets.length);
  data.set(y.data as Float32Array);
  return { ...common, support_targets: { dtype: "float32", shape: [rows, targets.length], data } };
}

const arraysOf = (found: TensorsByName): PortableArrays =>
  Object.fromEntries(
    Object.entries(found).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: data! }]),
  );

/** A task and its answers as expected.safetensors has them: of programs for so many queries so many. */
function expectedOf(
  { feeds, queries, expected }: TriedTask,
  { queries: fixed, ...told }: Omit<ExportedConfig, "files">,
): PortableArrays {
  const form = { inputs: told.inputs } as ExportForm;
  const rows = fixed ?? queries.length;
  // Where a task asks for fewer, the first are asked for again.
  const places = Array.from({ length: rows }, (_, i) => i % queries.length);
  const asked = inputArray(
    places.map((place) => queries[place]!),
    rows,
    form,
  );
  const answers = Object.fromEntries(
    Object.entries(partOf(expected, 0, queries.length)).map(
      ([
        name,
        {
          dtype,
          shape: [, ...shape],
          data,
        },
      ]) => {
        const width = shape.reduce((a, b) => a * b, 1);
        const all = allocate(dtype as DType, rows * width);
        places.forEach((place, row) => {
          all.set(data.slice(place * width, (place + 1) * width) as never, row * width);
        });
        return [name, { dtype, shape: [rows, ...shape], data: all }];
      },
    ),
  );
  return { ...feeds, query_inputs: asked, ...answers };
}

async function checkTasks(
  tried: readonly TriedTask[],
  setting: {
    readonly config: ExportedConfig;
    readonly files: ExportedFiles;
    readonly engine: PortableEngine;
    readonly shown: string;
  },
): Promise<{ readonly difference: number; readonly tasks: number }> {
  const { config, files, engine, shown } = setting;
  const form = { inputs: config.inputs } as ExportForm;
  const source = { told: await readAllTold(files, config), shown: files.shown, engine };
  const { adapt, predict } = await openPrograms(source, config);
  let difference = 0;
  const fewShot = await openFewShot(source, config).catch(async (error: unknown) => {
    await Promise.all([adapt.close(), predict.close()]);
    throw error;
  });
  try {
    for (const { feeds, queries, expected } of tried) {
      const { status: _, ...state } = await adapt.run(feeds);
      const atOnce = config.queries ?? queries.length;
      for (let from = 0; from < queries.length; from += atOnce) {
        const some = queries.slice(from, from + atOnce);
        const query_inputs = inputArray(some, atOnce, form);
        const own = partOf(expected, from, some.length);
        const two = await predict.run({ ...state, query_inputs });
        const one = await fewShot.run({ ...feeds, query_inputs });
        difference = Math.max(
          difference,
          ...[two, one].map((found) => differenceOf(partOf(found, 0, some.length), own, config.openSet)),
        );
      }
    }
  } finally {
    await Promise.all([adapt.close(), predict.close(), fewShot.close()]);
  }
  if (!(difference <= tolerance)) throw disagreement(shown, difference, "the run's own answers", uncertain);
  return { difference, tasks: tried.length };
}

/** Rows of answers from one on. */
const partOf = (found: PortableArrays, from: number, rows: number): PortableArrays =>
  Object.fromEntries(
    Object.entries(found).map(
      ([
        name,
        {
          dtype,
          shape: [, ...shape],
          data,
        },
      ]) => {
        const size = shape.reduce((a, b) => a * b, 1);
        return [
          name,
          { dtype, shape: [rows, ...shape], data: data.slice(from * size, (from + rows) * size) as TypedArray },
        ];
      },
    ),
  );
