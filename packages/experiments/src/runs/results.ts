/** Evaluation of a run beside its baselines, and the files that keep it. */
import { type Adapter, type Evaluation, evaluate, figureDifference, key, type Learner } from "@innerloop/core";
import { isCollector, withoutUnlabelled } from "@innerloop/core/tasks";
import { checkpointSummary, decodeParams, keyWithin, type TaskSupply } from "@innerloop/core/training";
import type { Executor, Tensor, Tree } from "@innerloop/graph";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { type FlatConfig, machineOptions } from "../config/index.js";
import type { Baseline } from "../domains/domain.js";
import { type Figure, sameFigure } from "../figures/results-cells.js";
import { reasonOf } from "../options/outside-text.js";
import { shellWord } from "../options/shell-word.js";
import { flagOf, optionText } from "../options/values.js";
import { failureOf, problemOf } from "./failure.js";
import { RunError } from "./run-error.js";
import type { RunStore } from "./run-store.js";

/** Parameters of a run, with the checkpoint that they come from. */
export interface TrainedParams {
  readonly params: Tree;
  readonly iteration: number;
  readonly checkpoint: "best" | "last";
  /** The best validation at that time. */
  readonly best?: { readonly iteration: number; readonly score: number; readonly by?: string };
}

/** The parameters of a run: those of its best validation unless asked for others. @throws RunError ILN05 */
export async function loadParams(run: RunStore, learner: Learner, wanted?: "best" | "last"): Promise<TrainedParams> {
  for (const checkpoint of wanted ? [wanted] : (["best", "last"] as const)) {
    const bytes = await run.checkpoints.load(checkpoint);
    if (!bytes) continue;
    try {
      return { ...decodeParams(bytes, learner.init(keyWithin(bytes, run.config.options.seed))), checkpoint };
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ILR201")
        throw damagedCheckpoint(run, checkpoint, error);
      throw error;
    }
  }
  const failure = await failureOf(run);
  throw new RunError(
    "ILN05",
    run.shown,
    `${wanted ? `there is no ${wanted} checkpoint in it` : "there is no checkpoint in it yet"}${failure ? `, for its training failed: ${problemOf(failure)}` : ""}`,
    failure
      ? "Start another with lower rates, or with --clip"
      : `Train it with \`innerloop train --resume ${shellWord(run.shown)}\``,
  );
}

/** The error of a checkpoint that cannot be read. */
export function damagedCheckpoint(
  run: Pick<RunStore, "shown" | "shownFile">,
  name: "last" | "best",
  cause: unknown,
): RunError {
  const other = name === "last" ? "best" : "last";
  const remedy = `Use the other one with \`innerloop eval ${shellWord(run.shown)} --checkpoint ${other}\`, or start a new run with the command in config.json`;
  const problem = `the checkpoint is damaged (${reasonOf(cause).replace(/^ILR\d+ checkpoint: /, "")})`;
  return new RunError("ILN05", run.shownFile(`checkpoints/${name}.safetensors`), problem, remedy, { cause });
}

/**
 * The number of updates in the last checkpoint; 0 where there is none yet. @throws RunError ILN05 where it is damaged
 */
export const lastIterationOf = async (run: RunStore): Promise<number> => (await iterationOf(run, "last")) ?? 0;

/** The number of updates in a checkpoint, where there is one. @throws RunError ILN05 where it is damaged */
export async function iterationOf(run: RunStore, name: "best" | "last"): Promise<number | undefined> {
  const bytes = await run.checkpoints.load(name);
  if (!bytes) return undefined;
  try {
    return checkpointSummary(bytes).iteration;
  } catch (cause) {
    throw damagedCheckpoint(run, name, cause);
  }
}

/** Options of `evaluateRun`. */
export interface EvaluateRunOptions {
  readonly learner: Learner;
  readonly params: Tree;
  readonly tasks: TaskSupply<Tree, Tensor, Tensor>;
  readonly baselines: readonly Baseline[];
  /** Further learners on the same tasks, in rows of these names after the first. */
  readonly beside?: readonly BesideMethod[];
  readonly seed: number;
  readonly count: number;
  /** Tasks of each baseline, the first of them all; as many unless given. */
  readonly baselineCount?: number;
  readonly steps: readonly number[];
  readonly executor: Executor;
  readonly signal?: AbortSignal;
  /** In adaptation steps of tasks, each task's predictions counting as one more: what takes time is in proportion to it. */
  readonly onProgress?: (done: number, total: number, learner: string) => void;
}

/** Adaptation steps of an evaluation, as progress counts them. */
export const stepsOfTasks = (tasks: number, steps: readonly number[]): number => tasks * (Math.max(...steps) + 1);

/** A learner with its parameters, and what its row of the table is called. */
export interface BesideMethod {
  readonly name: string;
  readonly learner: Learner;
  readonly params: Tree;
}

/** The run's learner first, then those beside it, then its baselines, all on the same tasks. */
export async function evaluateRun(options: EvaluateRunOptions): Promise<Evaluation[]> {
  const { learner, params, tasks, baselines, beside = [], seed, executor, signal } = options;
  const source = isCollector(tasks) ? undefined : tasks;
  const count = Math.min(options.count, source?.count ?? options.count);
  const baselineCount = Math.min(options.baselineCount ?? count, count);
  const trained = [{ name: learner.name, learner, params }, ...beside];
  // Only a learner that was trained for them learns from unlabelled examples.
  const labelled = source?.spec?.unlabelled ? withoutUnlabelled(source) : tasks;
  const methods: {
    adapter: Adapter;
    params: Tree;
    steps: readonly number[];
    tasks: () => TaskSupply<Tree, Tensor, Tensor>;
    count: number;
  }[] = [
    ...trained.map(({ name, learner: each, params: own }) => ({
      adapter: { ...(each as Adapter), name },
      params: own,
      steps: each.steps === undefined ? [0] : options.steps,
      tasks: () => tasks,
      count,
    })),
    ...baselines.flatMap(({ adapter, steps, fromTrained, tasks: ofOwn }) => {
      const own = fromTrained ? fromTrained(params) : adapter.init(key(seed));
      return own ? [{ adapter, params: own, steps, tasks: ofOwn ?? (() => labelled), count: baselineCount }] : [];
    }),
  ];
  const evaluations: Evaluation[] = [];
  const total = methods.reduce((sum, each) => sum + stepsOfTasks(each.count, each.steps), 0);
  let before = 0;
  for (const { adapter, params: start, steps, tasks: met, count: own } of methods) {
    evaluations.push(
      await evaluate({
        learner: adapter,
        params: start,
        tasks: met(),
        count: own,
        steps,
        seed,
        executor,
        ...(signal ? { signal } : {}),
        onProgress: (done) => options.onProgress?.(before + stepsOfTasks(done, steps), total, adapter.name),
      }),
    );
    before += stepsOfTasks(own, steps);
  }
  return evaluations;
}

/** An evaluation as results.json, events and `--json` have it: without the values of every task. */
export const evaluationRecord = ({ learner, protocol, figures, rows, draws }: Evaluation) => ({
  learner,
  protocol,
  ...(draws ? { pool: poolOf(draws) } : {}),
  figures,
  rows,
});

/** The lead of one method over another on the same tasks: its figures less the other's, task by task. */
export interface Lead {
  /** Adaptation steps of the method that leads. */
  readonly steps: number;
  /** By the names that the method has for them. */
  readonly figures: Readonly<Record<string, Figure>>;
}

/**
 * Evaluations of several methods on the same tasks as results.json has them: every one after the first with the lead of
 * the first over it, at each number of steps against as many, or against the most that the other has taken.
 */
export const evaluationRecords = (evaluations: readonly Evaluation[]) =>
  evaluations.map((each, place) => ({
    ...evaluationRecord(each),
    ...(place === 0 ? {} : { leads: leadsOver(evaluations[0]!, each) }),
  }));

function leadsOver(first: Evaluation, other: Evaluation): readonly Lead[] {
  const shared = first.figures.flatMap((figure) => {
    const same = sameFigure(other, figure);
    return same ? [[figure.name, same.name] as const] : [];
  });
  // Baselines may have had the first of the tasks only.
  const { tasks } = other.protocol;
  const options = typeof tasks === "number" ? { tasks } : {};
  return first.rows.map(({ steps }, row) => {
    const asMany = other.rows.findIndex((each) => each.steps === steps);
    const beside = asMany === -1 ? other.rows.length - 1 : asMany;
    const found = shared.filter(
      ([own, its]) =>
        (hasValues(first, row, own) && hasValues(other, beside, its)) ||
        (hasStatistics(first, row, own) && hasStatistics(other, beside, its)),
    );
    return {
      steps,
      figures: Object.fromEntries(
        found.map(([own, its]) => [own, figureDifference([first, row, own], [other, beside, its], options)]),
      ),
    };
  });
}

const hasValues = ({ values }: Evaluation, row: number, name: string): boolean => values[row]?.[name] !== undefined;
const hasStatistics = ({ pooled }: Evaluation, row: number, name: string): boolean =>
  pooled?.[row]?.[name] !== undefined;

const poolOf = ({ tasks: _, ...pool }: NonNullable<Evaluation["draws"]>) => pool;

/** Longer names of files are cut. */
const longestName = 120;

/**
 * `results-best-shots-5`: the files of an evaluation that differs from the run's own, named after what is other.
 *
 * @param more what is other beside options of the experiment
 */
export function evaluationFile(
  options: FlatConfig,
  own: FlatConfig,
  checkpoint: string,
  more: readonly string[] = [],
): string {
  const names = new Set([...Object.keys(options), ...Object.keys(own)]);
  const ofMachine = machineOptions();
  const changed = [...names].filter(
    (name) => !ofMachine.has(name) && JSON.stringify(options[name]) !== JSON.stringify(own[name]),
  );
  const parts = [...changed.map((name) => `${flagOf(name).slice(2)}-${optionText(options[name] ?? "auto")}`), ...more];
  const name = [checkpoint, ...parts.map((part) => part.replace(/[^\w-]+/g, "_"))].join("-");
  // Lists of numbers are read with _ for their commas, and no other text with digits around one.
  const isPlain = parts.every((part) => /^[\w-]+$/.test(part.replace(/(?<=\d),(?=\d)/g, "-")) && !/\d_\d/.test(part));
  if (isPlain && name.length <= longestName) return `results-${name}`;
  // What a name cannot hold is told apart by a digest of it.
  const digest = bytesToHex(sha256(utf8ToBytes([checkpoint, ...parts].join("\0")))).slice(0, 12);
  return `results-${name.slice(0, longestName - digest.length - 1)}-${digest}`;
}

/** Writes an evaluation to NAME.json and NAME.md. */
export async function writeResults(
  run: Pick<RunStore, "files">,
  name: string,
  json: unknown,
  markdown: string,
): Promise<void> {
  await run.files.write(`${name}.json`, `${JSON.stringify(json, null, 2)}\n`);
  await run.files.write(`${name}.md`, markdown);
}
