/** `innerloop adapt`: a trained run put to use on a user's own examples. */
import {
  type AnswerCell,
  type AnswerTable,
  type CalibratedRule,
  domainOf,
  type Flags,
  flagOf,
  openModel,
  readOpenSetRule,
  requireUse,
  UsageError,
} from "@innerloop/experiments";
import { machineIo } from "../../data/machine-io.js";
import { inCommand, type RunFolder, shown } from "../../runs/run-folder.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { loadRunExperiment, openRunFor } from "../run-experiment-file.js";
import { columns, counted, type Paint, widthOf } from "../terminal.js";
import { answerLines, standardInput } from "./answered-lines.js";
import { machineOf } from "./eval-command.js";
import { practiseCommand, requireNoEpisodes } from "./practise-command.js";
import type { InvocationOptions } from "./registry.js";

export interface AdaptRequest {
  readonly folder: string;
  readonly queries: readonly string[];
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

type AnswerRow = AnswerTable["rows"][number];

/** Adapts a run to a user's examples and answers for inputs. */
export async function adaptCommand(
  { folder, queries, chosen, invocation }: AdaptRequest,
  output: Output,
): Promise<void> {
  const run = await openRunFor(folder, output);
  const { config, data: spec } = run.config;
  if (config && domainOf(config).practice) return practiseCommand(run, config, { queries, chosen, invocation }, output);
  requireNoEpisodes(run, config, invocation);
  const needsNone = config && domainOf(config).adaptation?.needsNone?.({ options: config.domain, spec: spec! });
  if (!invocation.support && !needsNone)
    throw new UsageError(
      "there is no --support",
      "Give labelled examples: a folder with one folder of images per class, a table, or what the kind of task takes",
    );
  if (queries.length === 0)
    throw new UsageError("there is no --query", "Give files, a folder of images, or - for lines of standard input");
  const asked = Object.keys(chosen).filter((name) => !(name in machineOf(chosen)));
  if (config) requireUse(asked, config, shown(run.path));
  if (invocation.reject && !(config && domainOf(config).openSet))
    throw new UsageError(`--reject means nothing for ${shown(run.path)}`, "It is for runs of data sets of classes");
  const experiment = config ? undefined : (await loadRunExperiment(run, output)).experiment;
  const rule = invocation.reject ? await readOpenSetRule(run) : undefined;
  const executor = await openExecutor({ ...machineOf(chosen), ...fewRuns }, output);
  try {
    const wanted = invocation.checkpoint ?? rule?.checkpoint;
    const { model, checkpoint, iteration, chosenSteps } = await openModel(run, {
      io: machineIo,
      executor,
      checkpoint: wanted,
      experiment,
    });
    const steps = invocation.steps ?? rule?.steps ?? model.usualSteps;
    const flags = Object.fromEntries(asked.map((name) => [name, chosen[name]]));
    // Notes are said below, with how it was adapted.
    const onNote = (): void => undefined;
    const task = await model.adapt(invocation.support, { steps, flags, rule, onWarning: output.warn, onNote });
    const batchNorm = String(task.learner.description.batchNorm ?? "none");
    if (rule) {
      requireRuleOf(rule, { iteration, steps, batchNorm }, run, invocation);
      noteOtherTasks(rule, task.support.counts ?? [], output);
    }
    const fromLines = queries.includes(standardInput);
    if (fromLines && queries.length > 1)
      throw new UsageError("--query - beside files", "Give files, or - for standard input");
    if (fromLines) task.fromLine("");
    const given = fromLines ? [] : await task.fromFiles(queries, { onWarning: output.warn });
    const answered = fromLines ? undefined : await task.answer(given, { onWarning: output.warn });
    output.event({
      type: "adapted",
      run: shown(run.path),
      checkpoint,
      iteration,
      steps,
      ...task.support.facts,
      batchNorm,
    });
    for (const record of answered?.records ?? []) output.event({ type: "prediction", ...record });
    const areChosen = invocation.steps === undefined && !rule && chosenSteps !== undefined;
    const how = [
      task.support.text,
      // Of learners that take no steps, and of networks without batch norm, there is nothing to tell.
      ...(model.learner.steps === undefined
        ? []
        : [`${counted(steps, "step")}${areChosen ? " (best on validation tasks)" : ""}`]),
      ...(batchNorm === "none" ? [] : [`batch norm ${batchNorm}`]),
      ...task.support.notes,
    ];
    // Answers to lines are alone in a pipe or file: the first is the first line's.
    if (!fromLines || output.interactive) {
      output.say(output.paint("dim", `  ${how.join(", ")}`));
      output.say();
    }
    if (answered) output.result(drawn(answered.table, output));
    else await answerLines(task, output);
  } finally {
    await executor.close();
  }
}

/** The table of answers, its titles dimmed; for a person no wider than the terminal. */
function drawn({ header, rows: all, left = [0] }: AnswerTable, { paint, interactive, width }: Output): string {
  const rows = interactive ? fitting(all, header, width - margin) : all;
  const cells = rows.map((row) => row.map((cell) => drawnCell(cell, paint)));
  const table = columns([[...header], ...cells], [...left], gap);
  return table.map((line, i) => `  ${i === 0 ? paint("dim", line) : line}`).join("\n");
}

/** What stands before a line of the table. */
const margin = 2;
/** Blanks between its columns. */
const gap = 3;
/** The least that texts are cut to, so that they can still be told apart. */
const leastShown = 16;

/** Rows whose first and last texts, the longer of them first, are cut to what a terminal has room for. */
function fitting(rows: readonly AnswerRow[], header: readonly string[], room: number): readonly AnswerRow[] {
  const widths = header.map((title, i) =>
    rows.reduce((most, row) => Math.max(most, cellWidth(row[i])), widthOf(title)),
  );
  const last = widths.length - 1;
  for (let beyond = widths.reduce((sum, each) => sum + each + gap, -gap) - room; beyond > 0; beyond--) {
    const longer = widths[0]! > widths[last]! ? 0 : last;
    if (widths[longer]! <= leastShown) break;
    widths[longer]!--;
  }
  return rows.map((row) => row.map((cell, i) => (typeof cell === "string" ? cutTo(cell, widths[i]!) : cell)));
}

const cellWidth = (cell: AnswerCell | undefined): number =>
  typeof cell === "string" ? widthOf(cell) : cell && "mark" in cell ? widthOf(cell.mark) : barWidth;

function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  for (const letter of text) {
    if (widthOf(kept + letter) > width - 1) break;
    kept += letter;
  }
  return `${kept.trimEnd()}…`;
}

const barWidth = 10;

function drawnCell(cell: AnswerCell, paint: Paint): string {
  if (typeof cell === "string") return cell;
  if ("mark" in cell) return paint("yellow", cell.mark);
  return paint("green", "█".repeat(Math.round(barWidth * cell.bar)).padEnd(barWidth, "░"));
}

/**
 * @param given what the user chose
 * @throws UsageError where the threshold was chosen for another learner than the one that is used here
 */
function requireRuleOf(
  rule: CalibratedRule,
  used: Pick<CalibratedRule, "iteration" | "steps" | "batchNorm">,
  run: RunFolder,
  given: Pick<InvocationOptions, "checkpoint" | "steps">,
): void {
  for (const [name, what, option] of [
    ["iteration", "updates", "checkpoint"],
    ["steps", "steps", "steps"],
    ["batchNorm", "batch norm", "batchNorm"],
  ] as const) {
    if (rule[name] === used[name]) continue;
    const remedies = [
      // What is used where nothing is given need not be what the threshold was chosen with.
      ...(option === "batchNorm" ? [`Give ${flagOf(option)} ${rule.batchNorm}`] : []),
      ...(option !== "batchNorm" && given[option] !== undefined ? [`Leave out ${flagOf(option)}`] : []),
      `choose a threshold anew with \`innerloop eval ${inCommand(run.path)} --open-set\``,
    ];
    throw new UsageError(
      `the threshold of ${shown(run.path)} was chosen with ${what} ${rule[name]}, and this is ${used[name]}`,
      remedies.join(", or ").replace(/^./, (letter) => letter.toUpperCase()),
    );
  }
}

/** A threshold means most for tasks like those that it was chosen on. */
function noteOtherTasks({ ways, shots }: CalibratedRule, classes: readonly number[], output: Output): void {
  const counts = [...new Set(classes)].sort((a, b) => a - b);
  if (classes.length === ways && counts.length === 1 && counts[0] === shots) return;
  output.warn(
    `the threshold was chosen on ${ways}-way ${shots}-shot tasks; here are ${counted(classes.length, "class", "classes")} of ${counts.join(", ")} examples, where fewer or more may be rejected`,
  );
}
