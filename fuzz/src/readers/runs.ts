/** Run folders: configuration, checkpoints, events, results, locks; and what is collected from them. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Evaluation, key } from "@innerloop/core";
import { decodeAdapted, encodeCheckpoint, encodeSafetensors } from "@innerloop/core/training";
import {
  buildExperiment,
  paramsFor,
  prepareRun,
  progressOf,
  readChosenSteps,
  readOpenSetRule,
  reportPage,
  resolvePreset,
  runConfig,
  storedConfig,
  toFlags,
} from "@innerloop/experiments";
import { checkTable, rowResult, type Table } from "@innerloop/experiments/published";
import { tensor } from "@innerloop/graph";
import { encodeAdapted } from "../../../packages/core/dist/artifacts/adapted-bytes.js";
import { toldIn } from "../../../packages/experiments/dist/adapted-record.js";
import { createOutput } from "../../../packages/node/dist/cli/output.js";
import { resultsDocument } from "../../../packages/node/dist/cli/results-document.js";
import { commandHost } from "../../../packages/node/dist/cli/session-host.js";
import { readCollected } from "../../../packages/node/dist/reproduce/collected-file.js";
import { rowFolder, rowState } from "../../../packages/node/dist/reproduce/row-state.js";
import { readTable } from "../../../packages/node/dist/reproduce/table-file.js";
import { openEventLog, readEvents } from "../../../packages/node/dist/runs/event-log.js";
import { rememberNamed, userConfigFolder, wasNamed } from "../../../packages/node/dist/runs/named-files.js";
import { openRun } from "../../../packages/node/dist/runs/run-folder.js";
import { lockRun } from "../../../packages/node/dist/runs/run-lock.js";
import { UntrustedFolder } from "../../../packages/node/dist/runs/untrusted-folder.js";
import { checkpointFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { type Json, joined, jsonLineMutation, jsonMutation } from "../mutations.js";
import { type Place, type Reader, WrongResult } from "../reader.js";

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value, null, 2));
const quiet = createOutput({ quiet: true, json: false });

const iterations = 6;
const experiment = resolvePreset("sinusoid", { hidden: [4], iterations, evalTasks: 10, evalSteps: [0, 1] });
const run = runConfig({
  experiment: "sinusoid",
  config: experiment,
  settings: { training: experiment.training, evaluation: experiment.evaluation },
  chunkSize: 25,
  recompute: 0,
  workers: 1,
  expectedBytes: 123456,
  protocol: { text: "sine curves", shots: 10 },
  argv: ["train", "sinusoid", "--hidden", "4", "--iterations", "6"],
  versions: { innerloop: "0.1.0", node: "20" },
  created: "2026-11-28T00:00:00.000Z",
});
const config = storedConfig(run);
const { argv: _argv, config: _config, ...others } = config;
/** The same run as the format of before had it: options flat, with 0 and empty texts for what is left out. */
const config1 = {
  ...others,
  format: "innerloop run 1",
  command: run.command,
  options: { ...toFlags(experiment), trainShots: 0, queries: 0, clip: 0, groupColumn: "", target: "" },
};

function checkpoint(): Uint8Array {
  const { learner, optimizer } = buildExperiment(experiment, { data: undefined });
  const params = learner.init(key(0));
  return encodeCheckpoint({
    iteration: iterations,
    seed: 0,
    setting: "x",
    chunkSize: 25,
    recompute: 0,
    params,
    optimizer: optimizer.init(params),
    best: { iteration: iterations, score: 1 },
    sinceBest: 0,
  });
}

/** A header that is not one of tensors. */
function framed(header: string): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return joined(length, new TextEncoder().encode(header));
}

const protocol = { loss: "mean squared error", tasks: 10, seed: 1 };
const figures = [{ name: "loss", title: "mean squared error", better: "lower" }];
const evaluation = {
  learner: "MAML",
  protocol,
  figures,
  rows: [0, 1].map((steps) => ({ steps, figures: { loss: { mean: 2.5, interval: 0.1 } } })),
};
const events = [
  { type: "start", iteration: 0, iterations, figures, at: 1000 },
  ...[1, 2, 3].map((iteration) => ({
    type: "iteration",
    iteration,
    loss: 4 / iteration,
    metrics: {},
    at: 1000 + iteration,
  })),
  { type: "validation", iteration: 3, evaluation, best: true, at: 1010 },
  { type: "end", reason: "finished", iteration: iterations, peakBytes: 1e8, at: 2000 },
];
const results = {
  run: "sinusoid",
  checkpoint: "best",
  iteration: iterations,
  summary: "10 tasks",
  evaluations: [evaluation],
  evaluationSeconds: 1,
};

const eventText = (): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");

/** A run folder that is whole. */
function putRun(place: Place, folder: string): void {
  mkdirSync(place.path(folder, "checkpoints"), { recursive: true });
  place.put(`${folder}/config.json`, bytes(config));
  place.put(`${folder}/events.jsonl`, eventText());
  place.put(`${folder}/results.json`, bytes(results));
  for (const name of ["last", "best"]) place.put(`${folder}/checkpoints/${name}.safetensors`, checkpoint());
}

/** Opens a run as far as `eval` does before it computes: its learner with its parameters. */
async function readWhole(path: string): Promise<void> {
  const opened = await openRun(path);
  const { experiment: own, trained } = await prepareRun(opened, opened.config.config, commandHost(quiet));
  await paramsFor(opened, trained ?? own.learner, [own.learner]);
  await progressOf(opened);
}

const optionWords = [
  ...["domain", "learner", "network", "training", "evaluation", "name", "split", "argv", "config", "options"],
  "sinusoid",
  "harmonics",
  "maml",
  "protonet",
  "conv",
  "mlp",
  "linear",
  "hidden",
  "ways",
  "shots",
  "5-10",
  "evalTasks",
  "workers",
  "chunkSize",
  "file",
  "data",
  "sha256",
  "folder",
  "path",
];

const withPart = (part: keyof typeof experiment, values: object): object => ({
  ...config,
  config: { ...experiment, [part]: { ...experiment[part], ...values } },
});

const configReader: Reader = {
  name: "run configuration",
  reads: "config.json of a run, and the run by it",
  sources: [
    ...["node/src/runs/run-folder.ts", "experiments/src/runs/run-config.ts", "experiments/src/runs/run-command.ts"],
    ...["experiments/src/runs/format-1.ts", "node/src/cli/run-experiment-file.ts", "node/src/data/machine-io.ts"],
    ...["experiments/src/config/parsing.ts", "experiments/src/domains/classification/spec.ts"],
  ],
  weight: 1,
  seeds: () => [
    bytes(config),
    bytes({
      ...config,
      config: {
        domain: { name: "curves" },
        learner: { name: "reptile" },
        network: { name: "mlp" },
        training: {},
        evaluation: {},
      },
    }),
    bytes(config1),
    bytes({ ...config1, options: { data: "sinusoid", model: "mlp", batchNorm: "none", learner: "reptile" } }),
    bytes({ ...config, file: { path: "/dev/null/experiment.ts", sha256: "0".repeat(64) } }),
    bytes({
      ...config,
      data: { name: "x", sha256: "0".repeat(64), exampleShape: [2], folder: "/dev/null/x", darkOnLight: false },
    }),
  ],
  hostile: () =>
    [
      withPart("network", { hidden: [60_000, 60_000] }),
      withPart("evaluation", { evalTasks: 1e15 }),
      withPart("domain", { trainShots: `${"1".repeat(40_000)}x-5` }),
      withPart("learner", { name: "a".repeat(20_000) }),
      withPart("domain", { name: "tables", data: "/dev/zero", groupColumn: "a", target: ["b"] }),
      { ...config1, options: { ...config1.options, hidden: [60_000, 60_000] } },
      { ...config1, options: { ...config1.options, data: "/dev/zero", groupColumn: "a", target: "b" } },
      { ...config, argv: ["train", "x\u001b]0;owned\u0007"] },
      { ...config, workers: 1e8 },
      { ...config, versions: { innerloop: { toString: 1 } } },
      { ...config1, command: "x\u001b]0;owned\u0007\u001b[2J" },
    ].map(bytes),
  mutations: [jsonMutation, jsonMutation, jsonMutation],
  words: optionWords,
  async run(input, place) {
    await place.once("run", () => putRun(place, "run"));
    place.put("run/config.json", input);
    await readWhole(place.path("run"));
  },
};

const checkpointReader: Reader = {
  name: "checkpoint",
  reads: "a checkpoint of a run",
  sources: ["core/src/training/checkpoint.ts", "core/src/artifacts/safetensors.ts", "node/src/runs/run-folder.ts"],
  weight: 1,
  seeds: () => [checkpoint()],
  // A name that was looked for with an expression of quadratic time.
  hostile: () => [
    encodeSafetensors({ tensors: {}, metadata: { [`${" ".repeat(80_000)}x`]: "5" } }),
    framed(JSON.stringify({ [`${" ".repeat(80_000)}x`]: 5 })),
  ],
  mutations: [headerMutation(checkpointFrame), headerMutation(checkpointFrame), sealMutation(checkpointFrame)],
  words: ["params/", "optimizer/", "training", "format", "iteration", "F32", "shape", "data_offsets", "__metadata__"],
  async run(input, place) {
    await place.once("run", () => putRun(place, "run"));
    for (const name of ["last", "best"]) place.put(`run/checkpoints/${name}.safetensors`, input);
    await readWhole(place.path("run"));
  },
};

const told = {
  support: { text: "2 examples", notes: [], classes: ["a", "b"], counts: [1, 1], sizes: { ways: 2 }, facts: {} },
  reading: { pixels: { background: "white", depth: 16 }, invert: false },
  rule: { score: "logit", threshold: 0.5 },
  flags: { batchNorm: "support" },
};

const adaptedReader: Reader = {
  name: "adapted task",
  reads: "a task that a model was adapted to",
  sources: ["core/src/artifacts/adapted-bytes.ts", "core/src/artifacts/seal.ts", "experiments/src/adapted-record.ts"],
  weight: 0.5,
  seeds: () => {
    const x = { tokens: tensor([[1, 2]], [1, 2], "int32"), mask: [tensor([[1, 0]])] };
    const adapted = { "adapted/0/weight": tensor([[0.5]]), "adapted/prototypes": tensor([1, 2]) };
    const content = { adapted, support: { x, y: tensor([0], [1], "int32") }, steps: 3, model: "0".repeat(64) };
    return [encodeAdapted({ ...content, told: JSON.stringify(told) }), encodeAdapted({ ...content, told: "" })];
  },
  mutations: [headerMutation(checkpointFrame), headerMutation(checkpointFrame), sealMutation(checkpointFrame)],
  words: ["adapted/", "support/0", "task", "told", "structure", "steps", "model", "classes", "reading", "invert"],
  async run(input) {
    toldIn(decodeAdapted(input).told);
  },
};

const eventReader: Reader = {
  name: "events",
  reads: "events.jsonl of a run, and its report",
  sources: ["node/src/runs/event-log.ts", "experiments/src/runs/report.ts", "node/src/runs/untrusted-folder.ts"],
  weight: 2,
  seeds: () => [bytes(eventText()), bytes(eventText().repeat(3)), bytes(events[1])],
  // More validations than a call has room for arguments.
  hostile: () => [
    bytes(
      '{"type":"validation","iteration":1,"evaluation":{"rows":[{"figures":{"loss":{"mean":1}}}]}}\n'.repeat(150_000),
    ),
  ],
  mutations: [jsonLineMutation, jsonLineMutation],
  words: ["iteration", "validation", "evaluation", "rows", "figures", "loss", "mean", "type", "at", "\n", "null"],
  async run(input, place) {
    place.put("run/events.jsonl", input);
    const files = UntrustedFolder.open(place.path("run"))!;
    const found = await readEvents(files);
    reportPage({ config: run }, found, { evaluations: [evaluation as unknown as Evaluation], notes: ["a note"] });
    const log = await openEventLog(files, 3);
    log.append({ type: "end" });
    log.close();
  },
};

const ruleReader: Reader = {
  name: "open-set rule",
  reads: "open-set.json of a run",
  sources: ["experiments/src/runs/open-set-rule.ts"],
  seeds: () => [
    bytes({
      rule: {
        score: "logit",
        threshold: 0.5,
        checkpoint: "best",
        iteration: 6,
        steps: 1,
        batchNorm: "none",
        ways: 5,
        shots: 1,
      },
    }),
  ],
  mutations: [jsonMutation],
  async run(input, place) {
    await place.once("run", () => putRun(place, "run"));
    place.put("run/open-set.json", input);
    await readOpenSetRule(await openRun(place.path("run")));
  },
};

const stepsReader: Reader = {
  name: "chosen steps",
  reads: "adaptation.json of a run",
  sources: ["experiments/src/runs/adaptation-steps.ts"],
  weight: 0.5,
  seeds: () => [
    bytes({ steps: 5, checkpoint: "best", iteration: iterations, figure: "loss", tasks: 10, candidates: [] }),
  ],
  mutations: [jsonMutation],
  words: ["steps", "checkpoint", "iteration", "figure", "tasks", "pool", "candidates"],
  async run(input, place) {
    await place.once("run", () => putRun(place, "run"));
    place.put("run/adaptation.json", input);
    const chosen = await readChosenSteps(await openRun(place.path("run")), {
      checkpoint: "best",
      iteration: iterations,
    });
    if (chosen && !Number.isSafeInteger(chosen.steps)) throw new WrongResult(`${chosen.steps} steps`);
  },
};

const namedFile = { path: "/somewhere/experiment.ts", sha256: "a".repeat(64) };

const namedReader: Reader = {
  name: "named experiment files",
  reads: "what says that a user has named an experiment file",
  sources: ["node/src/runs/named-files.ts"],
  weight: 0.5,
  seeds: () => [bytes(JSON.stringify(namedFile)), bytes(JSON.stringify({ ...namedFile, sha256: "b".repeat(64) }))],
  mutations: [jsonMutation],
  words: ["path", "sha256"],
  async run(input) {
    await rememberNamed(namedFile);
    const folder = join(userConfigFolder()!, "experiment-files");
    const [entry = ""] = readdirSync(folder);
    writeFileSync(join(folder, entry), input);
    const isNamed = await wasNamed(namedFile);
    if (isNamed && !Buffer.from(input).toString("utf8").includes(namedFile.sha256))
      throw new WrongResult("a file that nobody has named is taken for one");
  },
};

const lockReader: Reader = {
  name: "lock",
  reads: "the lock of another process on a run",
  sources: ["node/src/runs/run-lock.ts"],
  // Where a lock holds, it is asked for again and again.
  weight: 0.02,
  seeds: () => [
    bytes({ pid: 2 ** 22 + 1, host: "elsewhere", started: "1" }),
    bytes({ pid: 1, host: "x", started: "" }),
    bytes(""),
  ],
  mutations: [jsonMutation],
  async run(input, place) {
    mkdirSync(place.path("locked"), { recursive: true });
    place.put("locked/lock-0123456789abcdef.json", input);
    (await lockRun(place.path("locked"))).release();
  },
};

/** A table of one row whose training is the run above. */
const table: Table = checkTable(
  {
    name: "fuzzed",
    title: "A table",
    about: "One row.",
    metric: "mean squared error",
    columns: [{ name: "one", title: "1 step", steps: 1 }],
    rows: [
      {
        name: "maml",
        learner: "MAML",
        train: { preset: "sinusoid", options: { hidden: [4], iterations, evalTasks: 10, evalSteps: [0, 1] } },
        cells: { one: { published: "0.5" } },
        group: "curves",
      },
    ],
    data: [{ name: "omniglot", remedy: "Fetch it" }],
    backbones: [{ name: "minilm", remedy: "Fetch it" }],
    means: [{ title: "mean", groups: ["curves"] }],
  },
  "table",
);
const [row] = table.rows;

/** The row's result as the folder says it, put into the document of results. */
async function readRow(place: Place): Promise<void> {
  const state = await rowState(place.folder, table, row!);
  if (state.stage !== "done") return;
  resultsDocument([table], {
    format: "innerloop results 1",
    tables: { [table.name]: { [row!.name]: rowResult(table, row!, state) } },
  });
}

/** Of one file of a run that a table of results is made from. */
const rowReader = (name: string, reads: string, file: string, seed: () => Uint8Array, isLines = false): Reader => ({
  name,
  reads,
  sources: [
    ...["node/src/reproduce/row-state.ts", "experiments/src/published/row-evaluations.ts"],
    ...["experiments/src/published/collected-results.ts", "node/src/runs/event-log.ts"],
  ],
  weight: 0.7,
  seeds: () => [seed()],
  ...(isLines ? { hostile: () => [bytes(`${eventText()}{"type":"validation","iteration":1}\n`)] } : {}),
  mutations: isLines ? [jsonLineMutation, jsonLineMutation] : [jsonMutation, jsonMutation],
  words: [
    "evaluations",
    "rows",
    "figures",
    "loss",
    "mean",
    "interval",
    "steps",
    "protocol",
    "iteration",
    "meanSquaredError",
    "title",
    "better",
    "higher",
    "share",
  ],
  async run(input, place) {
    const folder = rowFolder("", table, row!);
    await place.once("row", () => putRun(place, folder));
    place.put(`${folder}/${file}`, input);
    await readRow(place);
  },
});

const collected = async (): Promise<Json> => ({
  format: "innerloop results 1",
  tables: {
    fuzzed: {
      maml: {
        learner: "MAML",
        updates: 6,
        fullUpdates: 60,
        checkpoint: "best",
        iteration: 6,
        seed: 0,
        cells: { one: { steps: 1, mean: 2.5, interval: 0.1 } },
        protocols: { one: "10 tasks" },
        baselines: { scratch: { one: { steps: 1, mean: 3, interval: 0.1 } } },
        trainingSeconds: 1,
        evaluationSeconds: 1,
        peakBytes: 1e8,
        workers: 1,
        command: run.command,
        versions: config.versions,
        created: config.created,
        curve: [1, 2, 3, 4].map((updates) => ({ updates, mean: 4 / updates, interval: 0.1 })),
      },
    },
  },
});

const collectedReader: Reader = {
  name: "collected results",
  reads: "results.json of tables of results",
  sources: [
    ...["experiments/src/published/collected-results.ts", "node/src/reproduce/collected-file.ts"],
    "node/src/cli/results-document.ts",
  ],
  weight: 1,
  seeds: async () => [bytes(await collected())],
  mutations: [jsonMutation, jsonMutation],
  words: ["cells", "curve", "baselines", "protocols", "updates", "mean", "lead"],
  run: async (input, place) => resultsDocument([table], await readCollected(place.put("results.json", input))),
};

const tableReader: Reader = {
  name: "table of published results",
  reads: "a table to reproduce",
  sources: ["experiments/src/published/table.ts", "node/src/reproduce/table-file.ts"],
  weight: 1,
  seeds: () => [bytes(table)],
  mutations: [jsonMutation, jsonMutation],
  words: [
    ...optionWords,
    ...["preset", "columns", "rows", "cells", "metric", "accuracy", "published"],
    ...["group", "against", "means", "groups", "backbones"],
  ],
  run: async (input, place) => readTable(place.put("table.json", input)),
};

export const runReaders: readonly Reader[] = [
  configReader,
  checkpointReader,
  adaptedReader,
  eventReader,
  ruleReader,
  stepsReader,
  namedReader,
  lockReader,
  rowReader("results of a run", "results.json of a run", "results.json", () => bytes(results)),
  rowReader("events of a row", "events.jsonl of a run of a table", "events.jsonl", () => bytes(eventText()), true),
  rowReader("configuration of a row", "config.json of a run of a table", "config.json", () => bytes(config)),
  collectedReader,
  tableReader,
];
