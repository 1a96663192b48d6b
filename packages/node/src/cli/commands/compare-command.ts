/** Runs on the same tasks: how they differ from the first, with intervals of the differences. */
import type { Evaluation, FigureDescription } from "@innerloop/core";
import {
  beyondTitle,
  type ComparedRun,
  type Comparison,
  type ComparisonOutcome,
  compareSession,
  evaluatedConfig,
  type Flags,
  figureTitle,
  Interrupted,
  steplessTitle,
} from "@innerloop/experiments";
import { commandName, commandText } from "../command-name.js";
import { watchInterruption } from "../interruption.js";
import { markdownText } from "../markdown-text.js";
import { openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { markdownTable } from "../results-table.js";
import { openRunFor } from "../run-experiment-file.js";
import { commandHost, followed } from "../session-host.js";
import { columnsWithin, counted, duration, figure, plusMinus, roomIn, withInterval } from "../terminal.js";
import { machineOf } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";

export interface CompareRequest {
  readonly folders: readonly string[];
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Evaluates runs on the tasks of the first, and compares each with it. */
export async function compareCommand({ folders, chosen, invocation }: CompareRequest, output: Output): Promise<void> {
  const [run, ...others] = await Promise.all(folders.map((folder) => openRunFor(folder, output)));
  // What may not be asked of the run is said before anything is opened for it.
  evaluatedConfig(run!, chosen);
  const executor = await openExecutor(machineOf(chosen), output);
  const interruption = watchInterruption(output, "Stopping the comparison...");
  const { signal } = interruption;
  const { checkpoint, figures } = invocation;
  try {
    const outcome = await followed(commandHost(output, { signal }), (host) =>
      compareSession({ runs: [run!, ...others], chosen, checkpoint, figures }, { ...host, executor }),
    );
    output.event({ type: "comparison", ...outcome.record });
    if (invocation.markdown) output.result(markdownOf(outcome));
    else sayOutcome(outcome, output);
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

const tablesOf = ({ shown, names, evaluations }: ComparisonOutcome) =>
  shown.map((each) => tableOf(each, names, evaluations[0]!));

function markdownOf(outcome: ComparisonOutcome): string {
  const { names, notes, warnings } = outcome;
  const tables = tablesOf(outcome).flatMap((table) => [...markdownTable(table), ""]);
  const text = [`# ${markdownText(names[0]!)} compared`, "", ...tables];
  return [...text, ...[...notes, ...warnings].map((note) => `- ${markdownText(note)}`)].join("\n");
}

function sayOutcome(outcome: ComparisonOutcome, output: Output): void {
  const { notes, warnings, seconds } = outcome;
  output.say();
  for (const { header, rows } of tablesOf(outcome)) {
    const [head, ...lines] = columnsWithin(roomIn() - 2, [header, ...rows], [0, 3]);
    const dimmed = head!.map((text) => output.paint("dim", `  ${text}`));
    output.result([...dimmed, ...lines.flat().map((text) => `  ${text}`)].join("\n"));
    output.result("");
  }
  for (const note of [...notes.slice(0, -1), `${notes.at(-1)}; ${duration(seconds)}`])
    output.say(output.paint("dim", `  ${note}`));
  output.say();
  for (const text of warnings) output.warn(`  Warning: ${text}.`);
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
