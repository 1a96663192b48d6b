/** Runs on the same tasks: how they differ from the first, with intervals of the differences. */
import { type Adapter, type Evaluation, evaluate, type FigureDescription } from "@innerloop/core";
import type { Flags } from "@innerloop/experiments";
import { type ComparedRun, type Comparison, comparisons } from "../../runs/comparison.js";
import { failureOf, problemOf } from "../../runs/failure.js";
import { evaluationRecord } from "../../runs/results.js";
import { beyondTitle, figuresChosen, figureTitle, leadingFigure, steplessTitle } from "../../runs/results-cells.js";
import { shown } from "../../runs/run-folder.js";
import { adaptationWarningOf, curveOf } from "../adaptation-warning.js";
import { Interrupted } from "../cli-error.js";
import { commandName, commandText } from "../command-name.js";
import { type BesideRun, evaluatedConfig, onTasksOf, paramsFor, requireStepsTaken } from "../evaluated-run.js";
import { watchInterruption } from "../interruption.js";
import { markdownText } from "../markdown-text.js";
import { openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { prepareRun } from "../prepare.js";
import { markdownTable, protocolText } from "../results-table.js";
import { openRunFor } from "../run-experiment-file.js";
import { columnsWithin, counted, duration, figure, plusMinus, roomIn, withInterval } from "../terminal.js";
import { machineOf, taskTextIn } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";

export interface CompareRequest {
  readonly folders: readonly string[];
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Evaluates runs on the tasks of the first, and compares each with it. */
export async function compareCommand({ folders, chosen, invocation }: CompareRequest, output: Output): Promise<void> {
  const [run, ...others] = await Promise.all(folders.map((folder) => openRunFor(folder, output)));
  const evaluated = evaluatedConfig(run!, chosen);
  const { options } = evaluated;
  const executor = await openExecutor(machineOf(chosen), output);
  const interruption = watchInterruption(output, "Stopping the comparison...");
  const { signal } = interruption;
  try {
    const prepared = await prepareRun(run!, evaluated.config, output, signal);
    const { experiment } = prepared;
    const { learner } = experiment;
    const figures = invocation.figures && figuresChosen(invocation.figures, learner);
    const trained = await paramsFor(run!, prepared.trained ?? learner, [learner], invocation.checkpoint);
    const first = { run: run!, prepared, evaluated };
    const contestants: BesideRun[] = [{ run: run!, learner, ...trained }];
    for (const other of others)
      contestants.push(await onTasksOf(first, other, Object.keys(chosen), output, invocation.checkpoint));
    requireStepsTaken(
      chosen,
      contestants.map((contestant) => contestant.learner),
    );
    const line = output.progress("Comparing", { unit: "tasks" });
    const startedAt = performance.now();
    const evaluations: Evaluation[] = [];
    try {
      for (const [i, contestant] of contestants.entries()) {
        const evalSteps = (chosen.evalSteps ?? contestant.run.config.options.evalSteps) as readonly number[];
        evaluations.push(
          await evaluate({
            learner: contestant.learner as Adapter,
            params: contestant.params,
            tasks: experiment.tasks.test,
            count: options.evalTasks,
            steps: contestant.learner.steps === undefined ? [0] : evalSteps,
            seed: options.seed,
            executor,
            signal,
            onProgress: (done) =>
              line.update(
                i * options.evalTasks + done,
                contestants.length * options.evalTasks,
                contestant.learner.name,
              ),
          }),
        );
      }
    } catch (error) {
      if (signal.aborted) throw new Interrupted();
      throw error;
    } finally {
      line.end();
    }
    const norms = new Set(evaluations.map(({ protocol }) => protocol.batchNorm));
    const protocol = protocolText(evaluations[0]!, experiment, options, {
      other: prepared.other,
      taskText: taskTextIn(evaluated, evaluations[0]!),
      otherNorms: norms.size > 1,
    });
    const failures = await Promise.all(contestants.map((contestant) => failureOf(contestant.run)));
    const names = contestants.map(
      (contestant, i) => `${rowName(contestant, evaluations[i]!, norms.size > 1)}${failures[i] ? ", failed" : ""}`,
    );
    const warnings = evaluations.flatMap((each, i) => {
      const text = adaptationWarningOf(curveOf(each));
      return text === undefined ? [] : [`${names[i]}: ${text}`];
    });
    const all = comparisons(evaluations);
    output.event({
      type: "comparison",
      protocol: { ...evaluations[0]!.protocol, ...prepared.other, text: protocol },
      runs: contestants.map(({ run: { path, config }, checkpoint, iteration }, i) => ({
        run: shown(path),
        experiment: config.experiment,
        command: config.command,
        checkpoint,
        iteration,
        ...(failures[i] ? { failed: failures[i] } : {}),
        ...evaluationRecord(evaluations[i]!),
      })),
      ...(warnings.length > 0 ? { warnings } : {}),
      comparisons: all,
    });
    const shownFigures = figures ?? [leadingFigure(evaluations[0]!)];
    const tables = shownFigures.flatMap(({ name }) =>
      all.filter((each) => each.name === name).map((each) => tableOf(each, names, evaluations[0]!)),
    );
    const notes = [
      protocol,
      "each run minus the first over the same tasks, mean ± 95% interval; a verdict is wrong by chance in one of 20 comparisons",
      ...contestants.map(({ checkpoint, iteration }, i) => {
        const failure = failures[i] ? `; its training failed: ${problemOf(failures[i])}` : "";
        return `${names[i]}: ${checkpoint} checkpoint, after ${counted(iteration, "update")}${failure}`;
      }),
    ];
    if (invocation.markdown) {
      const text = [
        `# ${markdownText(names[0]!)} compared`,
        "",
        ...tables.flatMap((table) => [...markdownTable(table), ""]),
      ];
      output.result([...text, ...[...notes, ...warnings].map((note) => `- ${markdownText(note)}`)].join("\n"));
      return;
    }
    output.say();
    for (const { header, rows } of tables) {
      const [head, ...lines] = columnsWithin(roomIn() - 2, [header, ...rows], [0, 3]);
      const dimmed = head!.map((text) => output.paint("dim", `  ${text}`));
      output.result([...dimmed, ...lines.flat().map((text) => `  ${text}`)].join("\n"));
      output.result("");
    }
    const seconds = (performance.now() - startedAt) / 1000;
    for (const note of [...notes.slice(0, -1), `${notes.at(-1)}; ${duration(seconds)}`])
      output.say(output.paint("dim", `  ${note}`));
    output.say();
    for (const text of warnings) output.warn(`  Warning: ${text}.`);
  } catch (error) {
    if (error instanceof Interrupted) {
      const again = commandText(["compare", ...folders], { ...chosen, ...invocation });
      output.result(
        `\nStopped; nothing was kept of the comparison. Compare again with:\n\n  ${commandName()} ${again}\n`,
      );
    }
    throw error;
  } finally {
    interruption.stopWatching();
    await executor.close();
  }
}

/** `MAML (runs/a)`, with where its batch normalisation takes statistics from where the runs differ in that. */
function rowName({ run, learner }: BesideRun, { protocol }: Evaluation, withNorm: boolean): string {
  const norm = withNorm
    ? `, ${protocol.batchNorm === undefined ? "no batch norm" : `batch norm ${protocol.batchNorm}`}`
    : "";
  return `${learner.name}${norm} (${shown(run.path)})`;
}

function tableOf(comparison: Comparison, names: readonly string[], first: Evaluation) {
  const { at, runs } = comparison;
  const title = figureTitle(comparison);
  // Where no run takes steps, there are none to say of which one the figures are.
  const takesSteps = runs.some((row) => row?.steps !== undefined);
  const place = at === "last" ? "each at its last step" : at === 0 ? "before adapting" : `after ${counted(at, "step")}`;
  /** The line of the intervals that count classes, below that of a run. */
  const beyond = ({ figure: own, difference }: ComparedRun): string[][] =>
    first.draws && own.poolInterval !== undefined
      ? [
          [
            `  ${beyondTitle(first.draws)}`,
            plusMinus(comparison, own.poolInterval),
            difference ? `${plusMinus(comparison, difference.poolInterval)}${comparison.share ? " points" : ""}` : "",
            "",
          ],
        ]
      : [];
  const label = (row: ComparedRun, i: number): string =>
    at !== "last" || !takesSteps
      ? names[i]!
      : `${names[i]}, ${row.steps === undefined ? steplessTitle : counted(row.steps, "step")}`;
  return {
    header: [takesSteps ? `${title}, ${place}` : title, "", "difference", ""],
    rows: runs.flatMap((row, i) =>
      row
        ? [
            [
              label(row, i),
              withInterval(comparison, row.figure),
              row.difference ? signed(comparison, row.difference) : "",
              verdictText(row, first),
            ],
            ...beyond(row),
          ]
        : [],
    ),
  };
}

/** The verdict on these tasks; where classes are counted too and leave it open, it is about these classes alone. */
function verdictText({ verdict, difference }: ComparedRun, { draws }: Evaluation): string {
  if (verdict === undefined) return "";
  const { mean = 0, poolInterval } = difference ?? {};
  const isOpen = poolInterval !== undefined && Math.abs(mean) <= poolInterval;
  return draws && isOpen && ["better", "worse", "more", "less"].includes(verdict)
    ? `${verdict} on these ${draws.of}`
    : verdict;
}

/** `+1.2 ± 0.4`: of shares in percentage points. */
function signed(
  { share }: Pick<FigureDescription, "share">,
  { mean, interval }: { readonly mean: number; readonly interval: number },
): string {
  const digits = (value: number): string => figure(share ? { share } : {}, value).replace("%", "");
  return `${mean < 0 ? "" : "+"}${digits(mean)} ± ${digits(interval)}${share ? " points" : ""}`;
}
