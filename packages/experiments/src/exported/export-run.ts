/** A run as the files of an exported learner, and the proof that these answer as the run does. */
import type { Learner } from "@innerloop/core";
import type { AnyLearner } from "@innerloop/core/learners";
import {
  type CollectingLearner,
  classesIn,
  isCollector,
  isTensorSpec,
  specOf,
  splitSeed,
  type TaskSpec,
  type TensorSpec,
} from "@innerloop/core/tasks";
import {
  exportedOutputs,
  exportPrograms,
  lossDescription,
  type TaskSupply,
  TrainedLearner,
} from "@innerloop/core/training";
import {
  mapTree,
  namedLeaves,
  openWasmModule,
  type PortableArrays,
  type PortableEngine,
  type Tensor,
  type TensorsByName,
  type Tree,
  type TypedArray,
  tensor,
  type WasmSources,
} from "@innerloop/graph";
import { normOf } from "../adapting-norm.js";
import { domainOf, type Flags, withFlags } from "../config/index.js";
import { quoted } from "../options/outside-text.js";
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
import { type CardRequest, exportedFiles } from "./exported-folder.js";
import { kindOf, loadKind } from "./exported-kinds.js";
import { openFewShot, openPrograms, predictionSlots, querySlots, supportSlots, wasmFile } from "./exported-programs.js";
import { encoderNote, wasmSourcesOfExport } from "./exported-wasm.js";
import { requireProbe } from "./input-encoder.js";
import type { ExportedIo } from "./input-form.js";
import { type ExportedInputs, type ExportForm, formOf, loadForm } from "./input-forms.js";
import { type RowSlot, type RowValues, rowSize, rowsFrom, stackedSlots, zerosOf } from "./row-arrays.js";
import { disagreement } from "./verify-export.js";

/** The run to export, and how. */
export interface ExportRequest {
  readonly run: RunStore;
  /** As flags: where its data are now, or others that hold tasks for it, which the files are tried on; and classes of a task. */
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
  /** Compiles adapting and predicting for WebAssembly, where the folder is to have that, too. */
  readonly compileWasm?: ((sources: WasmSources) => Promise<Uint8Array>) | undefined;
  /** What the model card tells beside what the run knows. */
  readonly card?: CardRequest | undefined;
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
/** Bytes that are asked about in one of them at most: cells of pictures are millions of numbers. */
const mostAskedBytes = 2 ** 23;
/** Answers in expected.safetensors at most, and bytes of them with their inputs, where programs take any number of queries. */
const [mostExpected, mostExpectedBytes] = [1024, 2 ** 17];

/**
 * Makes the files of an exported learner of a run.
 *
 * @throws ExportError ILE201 for a run that has no such programs, with the reason; TrainingError ILR301 likewise
 */
export async function prepareExport(request: ExportRequest, host: SessionHost): Promise<PreparedExport> {
  const { run, checkpoint: wanted, queries, unrolled } = request;
  requireLicense(request.card?.license);
  const own = exportedConfigOf(request);
  const norm = normOf(own, {});
  const { batchNorm: trainedNorm } = own.network as { readonly batchNorm?: string };
  const prepared = await prepareRun(run, withFlags(own, norm), host);
  const { learner, tasks } = prepared.experiment;
  const form = await formOfRun(request, own, learner, host);
  const { params, iteration, checkpoint } = await loadParams(run, prepared.trained ?? learner, wanted);
  const chosen = await readChosenSteps(run, { checkpoint, iteration });
  const found = await findOpenSetRule(run);
  const { options, protocol, command } = run.config;
  const seed = splitSeed(options.seed, "test");
  const trainedSteps = learner.steps;
  const asked =
    trainedSteps === undefined ? undefined : (chosen?.steps ?? Math.max(...options.evalSteps, trainedSteps));
  const held = heldOutTasks(tasks.test, { ...{ seed, learner, params, request, asked, host }, ofStep: form.ofStep });
  const { spec: taskSpec, stages } = held;
  const support = stages === undefined ? supportOf(request, taskSpec.support.rows) : taskSpec.support.rows;
  const spec = { ...withOutputs(taskSpec, learner), support: { ...taskSpec.support, rows: support } };
  const any = learner as unknown as AnyLearner;
  const norms = String(learner.description.batchNorm ?? "none");
  const fits = found?.checkpoint === checkpoint && found.iteration === iteration && found.batchNorm === norms;
  const openSet = found && fits ? ruleOf(found) : undefined;
  const programs = exportPrograms({
    learner: any,
    params,
    spec: withTargets(spec, form),
    support,
    queries,
    unrolled,
    masked: kindOf(form.answers).masked,
    asked: askedSpec(form.inputs),
    imageInput: form.imageInput,
    openSet,
    metadata: {
      inputs: JSON.stringify(formOf(form.inputs).stored?.(form.inputs) ?? form.inputs),
      protocol: JSON.stringify(protocol),
    },
  } as Parameters<typeof exportPrograms>[0]);
  const { models, parametersDigest, ways } = programs;
  const usual = trainedSteps === undefined ? undefined : (stages?.taken ?? programs.steps.fixed ?? asked);
  const outputs = models.predict.outputs.map(({ name }) => name);
  const { output } = kindOf(form.answers);
  if (!outputs.includes(output)) throw refused(run, `its answers are ${outputs.join(", ")}, without ${output}`);
  const told: Omit<ExportedConfig, "files"> = {
    learner: learner.name,
    options: learner.description,
    loss: lossDescription(learner.loss).title,
    ways,
    answers: form.answers,
    support,
    padded: programs.padded,
    mayBeEmpty: taskSpec.support.mayBeEmpty === true || stages !== undefined,
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
  const count = Math.min(triedTasks, held.count ?? triedTasks);
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
      const { support: given, query } = takenTask(await held.sample(i), form.inputs);
      const task = await trained.adapt(given as never, usual === undefined ? {} : { steps: usual });
      const found = (await task.predict(query.x as never)) as unknown as TensorsByName;
      const feeds = feedsOf(given, { ...told, taken: usual ?? 0 });
      tried.push({ feeds, queries: queryRows(query.x, told), expected: answeredBy(found, told) });
    }
  } finally {
    await trained.release();
  }
  const files = await exportedFiles({
    ...{ told, programs, form, run },
    wasm: await request.compileWasm?.(wasmSourcesOfExport(programs, queries)),
    expected: expectedOf(tried[0]!, told),
    card: request.card ?? {},
  });
  const hashed = Object.fromEntries(
    Object.entries(files.told).map(([name, bytes]) => [name, { sha256: digestOf(bytes), bytes: bytes.length }]),
  );
  const config: ExportedConfig = { ...told, files: hashed };
  const json = new TextEncoder().encode(`${JSON.stringify(storedExport(config), null, 2)}\n`);
  return {
    config,
    files: { "README.md": files.readme, "config.json": json, ...files.told },
    notes: [
      ...notesOf(learner, trainedNorm, config, trainedSteps),
      ...openSetNotes(run, found, config),
      ...(request.compileWasm && form.encoder ? [encoderNote] : []),
    ],
    check: async (written, engine) => {
      const tasks = await checkTasks(tried, { config, files: written, engine, shown: run.shown });
      const own = await checkEncoder(form, { config, files: written, engine, io: host.io });
      return { ...tasks, difference: Math.max(tasks.difference, own) };
    },
  };
}

interface HeldOut {
  readonly support: { readonly x: Tree; readonly y: Tree; readonly present?: Tensor };
  readonly query: { readonly x: Tree };
}

/** Held-out tasks of a run, as they are drawn or collected. */
interface HeldOutTasks {
  readonly spec: TaskSpec<Tree, Tree>;
  readonly count?: number | undefined;
  /** Of tasks whose steps have examples of their own: how many steps are taken. */
  readonly stages?: { readonly taken: number };
  sample(index: number): Promise<HeldOut>;
}

/** @param setting.ofStep examples of a step, where each step has examples of its own */
function heldOutTasks(
  source: TaskSupply<Tree, Tree, Tree>,
  setting: {
    readonly seed: number;
    readonly learner: Learner;
    readonly params: Tree;
    readonly request: ExportRequest;
    readonly ofStep: number | undefined;
    /** Steps that are usually taken. */
    readonly asked: number | undefined;
    readonly host: SessionHost;
  },
): HeldOutTasks {
  const { seed, learner, params, request, ofStep, asked, host } = setting;
  if (!isCollector(source)) {
    const spec = specOf(source, { operation: "export", seed }) as unknown as TaskSpec<Tree, Tree>;
    const sample = async (index: number) => source.sample(seed, index) as unknown as HeldOut;
    return { spec, count: source.count, sample };
  }
  const { run, maxSupport, unrolled } = request;
  const collecting = learner as unknown as CollectingLearner;
  if (ofStep === undefined) throw refused(run, "its tasks are collected by acting, and hold no examples");
  if (maxSupport !== undefined && maxSupport < ofStep)
    throw new UsageError(
      `--max-support ${maxSupport} of ${run.shown}, whose steps have ${counted(ofStep, "episode")}`,
      `Give ${ofStep} or more`,
    );
  const { steps: trained = 0 } = learner;
  const isStepped = (learner as unknown as AnyLearner).stepped !== undefined;
  const wanted = maxSupport === undefined ? (asked ?? trained) : Math.ceil(maxSupport / ofStep);
  // One that was trained to act as it is takes no step, and has a support set that is not looked at.
  const taken = trained === 0 ? 0 : (unrolled ?? (isStepped ? wanted : trained));
  const rows = Math.max(1, taken) * ofStep;
  const collector = source.after?.(taken) ?? source;
  return {
    spec: { ...(collector.spec as unknown as TaskSpec<Tree, Tree>), support: { rows } },
    stages: { taken },
    sample: async (index) =>
      (await collector.collect(params, seed, index, host.executor, collecting)) as unknown as HeldOut,
  };
}

/** The look of inputs that are asked about, where it is another than that of examples. */
function askedSpec(inputs: ExportedInputs): TensorSpec | undefined {
  const [slot] = formOf(inputs).asked?.(inputs) ?? [];
  return slot && { shape: slot.shape, dtype: slot.dtype as TensorSpec["dtype"] };
}

/** A held-out task, and the run's own answers. */
interface TriedTask {
  readonly feeds: PortableArrays;
  /** Rows of inputs one by one, as programs take them. */
  readonly queries: readonly RowValues[];
  readonly expected: PortableArrays;
}

const refused = (run: RunStore, problem: string): ExportError =>
  new ExportError(
    "ILE201",
    run.shown,
    problem,
    "`innerloop adapt` puts it to use; docs/export.md says what is exported",
  );

/** @throws UsageError for what is no name of a license */
function requireLicense(license: string | undefined): void {
  if (license === undefined || (license.length <= 64 && /^[a-z0-9][a-z0-9.+-]*$/.test(license))) return;
  throw new UsageError(`--license ${quoted(license)}`, "Name it as the hub does: mit, apache-2.0, cc-by-4.0, other");
}

/** The options of a run with those that were chosen. @throws ExportError ILE201 for one that is not exported at all */
function exportedConfigOf({ run, chosen = {} }: ExportRequest) {
  const { config: own } = run.config;
  if (!own)
    throw refused(
      run,
      "its learner is a program's, which no options tell; `exportPrograms` of @innerloop/core/training writes its programs",
    );
  const config = withFlags(own, chosen);
  const domain = domainOf(config);
  if (!domain.exported) throw refused(run, `it is of ${domain.title}, which are not exported`);
  return config;
}

/** The form in which a run's tasks enter programs. @throws ExportError ILE201 */
async function formOfRun(
  { run, floatInput = false }: ExportRequest,
  config: ReturnType<typeof exportedConfigOf>,
  { classes }: Learner,
  { io, signal, onWarning }: SessionHost,
): Promise<ExportForm> {
  const domain = domainOf(config);
  const facts = { options: config.domain, spec: run.config.data } as Parameters<NonNullable<typeof domain.exported>>[0];
  const work = { signal, onWarning };
  const form = await domain.exported!(facts, { shown: run.shown, floatInput, classes, io, work });
  await Promise.all([loadForm(form.inputs.kind), loadKind(form.answers.kind)]);
  if (floatInput && !("dtype" in form.inputs))
    throw new UsageError(`--float-input for ${run.shown}, whose inputs are no images`, "Leave it out");
  return form;
}

/** Tasks of as many classes as the learner has outputs for: it may have been trained on larger ones. */
function withOutputs(spec: TaskSpec<Tree, Tree>, { classes: outputs = 0 }: Learner): TaskSpec<Tree, Tree> {
  const classes = classesIn(spec);
  if (classes === undefined || classes >= outputs) return spec;
  return { ...spec, y: { ...(spec.y as TensorSpec), classes: { count: outputs } } };
}

/** Tasks with no more than what examples say: a learner may be told more in training than adapting needs. */
function withTargets(spec: TaskSpec<Tree, Tree>, { answers, inputs }: ExportForm): TaskSpec<Tree, Tree> {
  if (isTensorSpec(spec.y)) return spec;
  const slots = kindOf(answers).targets({
    ...{ answers, inputs, ways: undefined, outputs: [] },
    ...{ support: spec.support.rows, steps: { usual: undefined, fixed: undefined } },
  });
  const parts = slots.map(({ name }) => name.split(".")[1]);
  return {
    ...spec,
    y: Object.fromEntries(Object.entries(spec.y).filter(([name]) => parts.includes(name))) as typeof spec.y,
  };
}

/** A task as programs can be given it: its inputs are the nearest that they take. */
function takenTask({ support, query: all }: HeldOut, inputs: ExportedInputs): HeldOut {
  const { taken } = formOf(inputs);
  const query = { x: fewRows(all.x) };
  if (!taken) return { support, query };
  const nearest = (x: Tree): Tree =>
    mapTree((leaf: Tensor) => tensor(taken(leaf.data as TypedArray, inputs), leaf.shape), x);
  return { support: { ...support, x: nearest(support.x) }, query: { x: nearest(query.x) } };
}

/** The first rows of inputs, as many as are to be asked about. */
function fewRows(x: Tree): Tree {
  const found = namedLeaves(x).map(([, leaf]) => leaf);
  const [rows = 1] = found[0]!.shape;
  const bytes = found.reduce((sum, { data }) => sum + data!.byteLength, 0);
  const kept = Math.max(1, Math.floor((rows * mostAskedBytes) / bytes));
  if (kept >= rows) return x;
  return mapTree(({ data, shape: [, ...row], dtype }: Tensor) => {
    return tensor(data!.slice(0, (kept * data!.length) / rows) as TypedArray, [kept, ...row], dtype);
  }, x);
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

type Told = Omit<ExportedConfig, "files">;

/** Leaves of a tree by their paths as programs have them: `ids`, "" of one tensor. */
const leavesOf = (tree: Tree): ReadonlyMap<string, Tensor> =>
  new Map(namedLeaves(tree).map(([path, leaf]) => [path.replaceAll("/", "."), leaf]));

/** Rows of a tree, in the order of slots whose names begin with that of the whole. */
function rowsOfTree(tree: Tree, name: string, slots: readonly RowSlot[]): readonly RowValues[] {
  const leaves = leavesOf(tree);
  const found = slots.map((slot) => ({ slot, leaf: leaves.get(slot.name.slice(name.length + 1))! }));
  // Of an episode each step is asked about by itself.
  const [{ slot: first, leaf }] = found as [(typeof found)[0]];
  return Array.from({ length: leaf.size / rowSize(first) }, (_, row) =>
    found.map(({ slot, leaf: { data } }) => {
      const size = rowSize(slot);
      return inType(data!.slice(row * size, (row + 1) * size) as TypedArray, slot);
    }),
  );
}

/** Values as a slot has them: class indices are whole numbers of 64 bits there. */
const inType = (values: TypedArray, { dtype }: RowSlot): TypedArray =>
  dtype === "int64" ? BigInt64Array.from(values as Int32Array, BigInt) : values;

/** Tensors of an example's input as a learner's own tasks have them. */
const slotsOfTask = (inputs: ExportedInputs): readonly RowSlot[] => {
  const form = formOf(inputs);
  return form.slotsOfTask?.(inputs) ?? form.slots(inputs);
};

/** Rows of inputs as programs take them: of images as bytes. */
function inputRows(x: Tree, name: string, of: readonly RowSlot[], { inputs }: Told): readonly RowValues[] {
  const slots = of.map((slot) => ({ ...slot, name: `${name}.${slot.name}` }));
  const { ofTask } = formOf(inputs);
  return rowsOfTree(x, name, slots).map((row) => (ofTask ? row.map((values) => ofTask(values, inputs)) : row));
}

function queryRows(x: Tree, told: Told): readonly RowValues[] {
  const form = formOf(told.inputs);
  return inputRows(x, "query_inputs", form.asked?.(told.inputs) ?? slotsOfTask(told.inputs), told);
}

/** A support set as programs take it. */
function feedsOf({ x, y, present }: HeldOut["support"], told: Told & { readonly taken: number }): PortableArrays {
  const { taken, answers } = told;
  const kind = kindOf(answers);
  const inputs = inputRows(x, "support_inputs", slotsOfTask(told.inputs), told);
  const slots = kind.targets(told);
  const name = slots[0]!.name.split(".")[0]!;
  const said = rowsOfTree(y, name, slots);
  const rows = inputs.map((row, i): RowValues => [...row, ...said[i]!]);
  const support = supportRows(told, rows.length);
  const mask = new Float32Array(support);
  mask.set((present?.data as Float32Array | undefined) ?? new Float32Array(rows.length).fill(1));
  return {
    ...stackedSlots(supportSlots(told), rows, support),
    ...(kind.masked ? { support_mask: { dtype: "float32", shape: [support], data: mask } } : {}),
    steps: { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(taken)) },
  };
}

/** The run's own answers by the names that programs have for them. */
const answeredBy = (found: TensorsByName, told: Told): PortableArrays =>
  Object.fromEntries(
    predictionSlots(told).map((slot) => {
      const { dtype, size, data } = found[slot.name]!;
      return [slot.name, { dtype, shape: [size / rowSize(slot), ...slot.shape], data: data! }];
    }),
  );

/** A task and its answers as expected.safetensors has them: of programs for so many queries so many. */
function expectedOf({ feeds, queries, expected }: TriedTask, told: Told): PortableArrays {
  const bytesOfRow =
    queries[0]!.reduce((sum, { byteLength }) => sum + byteLength, 0) +
    Object.values(expected).reduce((sum, { data, shape: [all = 1] }) => sum + data.byteLength / all, 0);
  const fitting = Math.max(1, Math.floor(mostExpectedBytes / bytesOfRow));
  const rows = told.queries ?? Math.min(mostExpected, fitting, queries.length);
  // Where a task asks for fewer, the first are asked for again.
  const places = Array.from({ length: rows }, (_, i) => i % queries.length);
  const answers = Object.fromEntries(
    Object.entries(expected).map(([name, { dtype, shape, data }]) => {
      const size = rowSize({ shape: shape.slice(1) });
      const all = zerosOf(dtype, rows * size);
      places.forEach((place, row) => {
        (all as Float32Array).set((data as Float32Array).subarray(place * size, (place + 1) * size), row * size);
      });
      return [name, { dtype, shape: [rows, ...shape.slice(1)], data: all }];
    }),
  );
  const asked = stackedSlots(
    querySlots(told),
    places.map((place) => queries[place]!),
  );
  return { ...feeds, ...asked, ...answers };
}

/** The difference of a written encoder from the run's own; 0 where there is none. @throws ExportError ILE205 where it is too large */
async function checkEncoder(
  form: ExportForm,
  {
    config,
    files,
    engine,
    io,
  }: Pick<Parameters<typeof checkTasks>[1], "config" | "files" | "engine"> & { readonly io: ExportedIo },
): Promise<number> {
  const { encoder } = formOf(form.inputs);
  if (!form.encoder || !encoder) return 0;
  const told = await readAllTold(files, config);
  const open = await encoder.open(form.inputs, told, { engine, pieces: io.pieces }, files.shown);
  try {
    return await requireProbe(encoder.terms, open, form.encoder.probe, files.shown);
  } finally {
    await open.close();
  }
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
  const source = { told: await readAllTold(files, config), shown: files.shown, engine };
  const { adapt, predict } = await openPrograms(source, config);
  const inWasm = source.told[wasmFile] && (await openPrograms({ ...source, openModule: openWasmModule }, config));
  let difference = 0;
  const fewShot = await openFewShot(source, config).catch(async (error: unknown) => {
    await Promise.all([adapt.close(), predict.close()]);
    throw error;
  });
  try {
    for (const { feeds, queries, expected } of tried) {
      const { status: _, ...state } = await adapt.run(feeds);
      const { status: __, ...ofWasm } = (await inWasm?.adapt.run(feeds)) ?? {};
      const atOnce = config.queries ?? queries.length;
      for (let from = 0; from < queries.length; from += atOnce) {
        const some = queries.slice(from, from + atOnce);
        const asked = stackedSlots(querySlots(config), some, atOnce);
        const own = rowsFrom(expected, from, some.length);
        const two = await predict.run({ ...state, ...asked });
        const one = await fewShot.run({ ...feeds, ...asked });
        difference = Math.max(
          difference,
          ...[two, one, ...(inWasm ? [await inWasm.predict.run({ ...ofWasm, ...asked })] : [])].map((found) =>
            differenceOf(rowsFrom(found, 0, some.length), own, config.openSet),
          ),
        );
      }
    }
  } finally {
    await Promise.all([adapt, predict, fewShot, inWasm?.adapt, inWasm?.predict].map((program) => program?.close()));
  }
  if (!(difference <= tolerance)) throw disagreement(shown, difference, "the run's own answers", uncertain);
  return { difference, tasks: tried.length };
}
