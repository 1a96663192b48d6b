/** What the figures of an evaluation are about, in words. */
import type { Evaluation } from "@innerloop/core";
import { targetColumns } from "@innerloop/core/tasks";
import type { Experiment } from "./build.js";
import { figure } from "./figures/figure-text.js";
import { figureTitle, leadingFigure, poolText } from "./figures/results-cells.js";
import { count, counted } from "./words.js";

type Protocol = Readonly<Record<string, string | number | boolean>>;

/** `5-way 1-shot, 3 queries per class`, `5 support and 10 query points`: the task of a protocol. */
export function taskTextOf(protocol: Protocol): string {
  const { family, ways, shots, queries } = protocol;
  if (shots === undefined) return String(family);
  if (ways === undefined) return `${shots} support and ${queries} query points`;
  return [
    `${ways}-way ${shots}-shot`,
    ...unlabelledText(protocol),
    `${counted(Number(queries), "query", "queries")} per class`,
  ].join(", ");
}

/** `5 unlabelled examples per class`; nothing for learners to whom the tasks give none. */
function unlabelledText({ unlabelled, unlabelledUsed, distractorClasses = 0 }: Protocol): string[] {
  if (unlabelled === undefined || unlabelledUsed === false) return [];
  const others = Number(distractorClasses);
  const beyond = others > 0 ? ` and of ${counted(others, "other class", "other classes")}` : "";
  return [`${counted(Number(unlabelled), "unlabelled example")} per class${beyond}`];
}

/** Where batch normalisation takes its statistics from; `none`, or nothing, where there is none. */
export const batchNormText = (batchNorm: unknown = "none"): string =>
  batchNorm === "none" ? "no batch norm" : `batch norm ${batchNorm}`;

/** The subject of figures: tasks, steps, batch normalisation, intervals and seed, in one or two sentences. */
export function protocolText(
  evaluation: Evaluation,
  { tasks: sources }: Pick<Experiment, "tasks">,
  options: { readonly seed: number },
  {
    other,
    otherNorms = false,
    taskText,
  }: {
    readonly other?: OtherData | undefined;
    readonly otherNorms?: boolean;
    /** What a task is, where its domain says it in words of its own. */
    readonly taskText?: string | undefined;
  } = {},
): string {
  const { standardized, batchNorm, tasks } = evaluation.protocol;
  const task = taskText ?? taskTextOf(evaluation.protocol);
  const { spec } = sources.test;
  const units = (spec && targetColumns(spec))
    ?.map(({ name, deviation }) => `${name} ${figure({}, deviation)}`)
    .join(", ");
  const unit =
    standardized === true
      ? `; the loss in units of the targets' standard deviation over the training groups${units ? ` (${units})` : ""}`
      : "";
  const pool = evaluation.draws ? ` from ${poolText(evaluation.draws, isHeldOut(sources))}` : "";
  const norm = batchNormText(batchNorm);
  const setting = [task, ...stepsText(evaluation), otherNorms ? `${norm} unless a row says otherwise` : norm].join(
    ", ",
  );
  const elsewhere = other ? `; trained on ${other.trainedOn}, tested on ${other.testedOn}` : "";
  const notes = new Map<string, string[]>();
  for (const each of evaluation.figures)
    if (each.note !== undefined) notes.set(each.note, [...(notes.get(each.note) ?? []), figureTitle(each)]);
  const made = Array.from(notes, ([note, titles]) => `; ${inWords(titles)} ${note}`);
  const title = figureTitle(leadingFigure(evaluation));
  return `${title} on ${count(Number(tasks))} tasks${pool}: ${setting}${elsewhere}${unit}; mean ± 95% interval over tasks${beyondText(evaluation)}${made.join("")}; seed ${options.seed}`;
}

/** `nDCG@1, nDCG@3 and nDCG@5` */
const inWords = (titles: readonly string[]): string =>
  [titles.slice(0, -1).join(", "), titles.at(-1)].filter(Boolean).join(" and ");

/** What the second interval says. */
function beyondText(evaluation: Evaluation): string {
  const { draws, byClass, rows } = evaluation;
  if (!draws || rows[0]?.figures[leadingFigure(evaluation).name]?.poolInterval === undefined) return "";
  const { of, count: all } = draws;
  const least = byClass ? ", at least: tasks leave none out" : "";
  return `, and for other ${of} like ${all === 1 ? "this one" : `these ${count(all)}`}${least}`;
}

/** The data sets of a run that is tested on another than it was trained on. */
export interface OtherData {
  readonly trainedOn: string;
  readonly testedOn: string;
}

/** `0, 1 and 5 steps (trained with 1)`; nothing for learners that take none. */
function stepsText({ rows, protocol }: Evaluation): string[] {
  if (protocol.steps === undefined) return [];
  // In the order of the table's columns, each of which it has once.
  const list = [...new Set(rows.map(({ steps }) => steps))].sort((a, b) => a - b).map(count);
  const last = list.pop();
  const text = list.length > 0 ? `${list.join(", ")} and ${last} steps` : counted(Number(last), "step");
  return [`${text} (trained with ${protocol.steps})`];
}

/** Classes are held out only where training has data of its own. */
const isHeldOut = ({ train, test }: Experiment["tasks"]): boolean =>
  train !== test && (train.description.data ?? train) !== (test.description.data ?? test);
