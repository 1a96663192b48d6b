/** `innerloop reproduce`: trains and evaluates the rows of a table of published results, one after another. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Flags,
  failureIn,
  flagOf,
  flagWords,
  Interrupted,
  problemOf,
  RunError,
  shellWord,
  UsageError,
} from "@innerloop/experiments";
import {
  affordablePart,
  type CollectedResults,
  dataOptionOf,
  fullUpdates,
  hasRoom,
  neededEvaluations,
  needOfFiles,
  noResults,
  optionsAsked,
  type Row,
  type RowCost,
  type RowNeed,
  rowResult,
  type Table,
  tableGroups,
  tables,
  trainingOptions,
  trainingSeconds,
  withFilesAt,
  withRow,
} from "@innerloop/experiments/published";
import { dataFolder } from "../../data/store/dataset-store.js";
import { type Item, itemNames, itemsChosen, tablesOf } from "../../reproduce/chosen-rows.js";
import { readCollected } from "../../reproduce/collected-file.js";
import { missingFor, resourcesHere } from "../../reproduce/row-needs.js";
import { fewestValidations, overhead } from "../../reproduce/row-overhead.js";
import { type RowState, rowFolder, rowState } from "../../reproduce/row-state.js";
import { findTables } from "../../reproduce/table-file.js";
import type { RunFolder } from "../../runs/run-folder.js";
import { shown, writeNamedFile } from "../../runs/untrusted-folder.js";
import { commandName, commandText } from "../command-name.js";
import { runInnerloop } from "../innerloop-process.js";
import { watchInterruption } from "../interruption.js";
import type { Output } from "../output.js";
import { reproducedTable } from "../reproduce-table.js";
import { resultsDocument, resultsPictures } from "../results-document.js";
import { runsDocument } from "../results-runs.js";
import { columns, count, counted, duration } from "../terminal.js";
import type { InvocationOptions } from "./registry.js";

export interface ReproduceRequest {
  /** The name of a table or of a group of them, or a file with a table. */
  readonly target: string | undefined;
  /** Where to compute: device, workers, memory. */
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

export async function reproduceCommand(request: ReproduceRequest, output: Output): Promise<void> {
  const { target, invocation } = request;
  const root = invocation.folder ?? join("runs", "reproduce");
  const asked = target === undefined ? undefined : await findTables(target);
  const ofRows = (["rows", "budget", "data", "dryRun"] as const).find((name) => invocation[name] !== undefined);
  if (invocation.report !== undefined) {
    if (ofRows) {
      const remedy = "--report writes what there is of all rows, and trains nothing: leave one of them out";
      throw new UsageError(`${flagOf(ofRows)} beside --report`, remedy);
    }
    return writeCollected(root, asked?.tables, invocation.report, output);
  }
  if (!asked) {
    if (ofRows) {
      throw new UsageError(
        `${flagOf(ofRows)} without a table`,
        `Name one, as in \`innerloop reproduce sinusoid ${flagOf(ofRows)}\``,
      );
    }
    return listTables(root, output);
  }
  const items = itemsChosen(asked.tables, invocation.rows);
  if (invocation.data !== undefined) await requireFiles(items, invocation.data);
  const session: Session = { title: asked.title, items, root, request, output };
  if (invocation.dryRun) return showCommands(session);
  const here = await itemsHere(session);
  const interruption = watchInterruption(output);
  try {
    await reproduceRows({ ...session, items: here }, items, interruption.signal);
  } catch (error) {
    if (error instanceof Interrupted) {
      output.result(
        `\nThe table is not whole yet; all that was done is saved. Continue with:\n\n  ${again(session)}\n`,
      );
    }
    throw error;
  } finally {
    interruption.stopWatching();
  }
}

interface Session {
  readonly title: string;
  /** The rows that were asked for. */
  readonly items: readonly Item[];
  readonly root: string;
  readonly request: ReproduceRequest;
  readonly output: Output;
}

/**
 * The rows whose data set and backbone this machine has, or which have begun with files of the user's; the others are named
 * with what to do.
 *
 * @throws UsageError where there is none, or one of those that were asked for by name cannot be made
 */
async function itemsHere(session: Session): Promise<readonly Item[]> {
  const { items, root, request, output } = session;
  const resources = await resourcesHere();
  const lacking: RowNeed[][] = [];
  for (const item of items) {
    const missing = missingFor(item.table, placed(session, item), resources);
    const knows = missing.length > 0 && knowsItsFiles(await rowState(root, item.table, item.row));
    lacking.push(knows ? missing.filter(({ files }) => files === undefined) : missing);
  }
  const here = items.filter((_, i) => lacking[i]!.length === 0);
  const needs = new Map<string, { need: RowNeed; rows: number }>();
  for (const need of lacking.flat()) {
    const key = `${need.kind} ${need.name}`;
    needs.set(key, { need, rows: (needs.get(key)?.rows ?? 0) + 1 });
  }
  if (needs.size === 0) return items;
  if (here.length === 0 || request.invocation.rows !== undefined) {
    const missing = [...needs.keys()].map((key) => `the ${key}`).join(" and ");
    const are = needs.size > 1 ? "are" : "is";
    const remedies = [...new Set([...needs.values()].map(({ need }) => need.remedy))];
    throw new UsageError(`${missing} ${are} not on this machine (in ${dataFolder()})`, remedies.join("; "));
  }
  for (const { need, rows } of needs.values())
    output.warn(
      `${counted(rows, "row")} left out: the ${need.kind} ${need.name} is not on this machine. ${need.remedy}`,
    );
  return here;
}

/** True of a row that is done, and of one that has begun whose files are where they were. */
const knowsItsFiles = (state: RowState): boolean =>
  state.stage === "done" || (state.stage !== "new" && existsSync(state.run.config.data?.folder ?? ""));

/** The row with its data at the place that was given, where files meet its need. */
const placed = ({ request: { invocation } }: Pick<Session, "request">, { table, row }: Item): Row =>
  invocation.data === undefined ? row : withFilesAt(table, row, invocation.data);

/** @throws UsageError where no row takes files, or nothing is at the place */
async function requireFiles(items: readonly Item[], place: string): Promise<void> {
  const needs = items.flatMap(({ table, row }) => needOfFiles(table, row) ?? []);
  if (needs.length === 0) {
    const names = tablesOf(items).map(({ name }) => name);
    throw new UsageError(
      `--data ${place} for ${names.join(", ")}, whose data sets go by name`,
      "Leave it out; `innerloop data list` shows what is here",
    );
  }
  if (existsSync(place)) return;
  const files = [...new Set(needs.map((need) => need.files))].join("; ");
  throw new UsageError(`there is no file or folder ${place}`, `Give the path of ${files}`);
}

/** @param asked with those that are left out */
async function reproduceRows(session: Session, asked: readonly Item[], signal: AbortSignal): Promise<void> {
  const { items, output, request } = session;
  const { budget } = request.invocation;
  const startedAt = performance.now();
  const secondsLeft = (): number => 60 * (budget ?? Number.POSITIVE_INFINITY) - (performance.now() - startedAt) / 1000;
  const nameOf = itemNames(tablesOf(asked));
  const states = new Map<Item, RowState>();
  for (const item of items) states.set(item, await rowState(session.root, item.table, item.row));
  const todo = items.filter((item) => states.get(item)!.stage !== "done");
  const counts = [counted(items.length, "row"), ...(todo.length < items.length ? [`${todo.length} to do`] : [])];
  output.say(
    `${output.paint("bold", `innerloop reproduce ${request.target}`)}  ${session.title}: ${counts.join(", ")}`,
  );
  // What has begun has its number of updates already.
  const begun = todo.filter((item) => states.get(item)!.stage !== "new");
  const fresh = todo.filter((item) => states.get(item)!.stage === "new");
  if (budget !== undefined) warnOfBegun(begun, states, secondsLeft(), output);
  const failures: string[] = [];
  const attempt = async (item: Item, updates?: number): Promise<void> => {
    const { table, row } = item;
    const number = `${items.indexOf(item) + 1} of ${items.length}`;
    output.say(`\n${output.paint("bold", `${row.learner}: ${row.name}`)}  ${output.paint("dim", number)}`);
    output.event({ type: "row", table: table.name, row: row.name, ...(updates === undefined ? {} : { updates }) });
    const problem = await completeRow(session, item, updates, signal);
    if (problem === undefined) return;
    failures.push(nameOf(item));
    output.warn(`${nameOf(item)} failed: ${problem}. The other rows go on.`);
  };
  for (const item of begun) {
    const state = states.get(item)!;
    const failure = state.stage === "training" ? failureIn(state.events) : undefined;
    if (!failure) await attempt(item);
    else {
      // It would meet the same again.
      failures.push(nameOf(item));
      output.warn(`${nameOf(item)} failed before: ${problemOf(failure)}. Remove its folder to train it anew.`);
    }
  }
  const leftOut: string[] = [];
  if (budget === undefined) for (const item of fresh) await attempt(item, fullUpdates(item.row));
  else {
    const { costs, unmeasured } = await measureCosts(session, fresh, secondsLeft, signal);
    failures.push(...unmeasured.map(nameOf));
    leftOut.push(...fresh.filter((item) => !costs.has(item) && !unmeasured.includes(item)).map(nameOf));
    const measured = [...costs.keys()];
    /** What rows took besides their updates, of what was expected. */
    let overrun = 1;
    for (const [i, item] of measured.entries()) {
      const waiting = measured.slice(i).map((each) => costs.get(each)!);
      const part = affordablePart(
        waiting.map((cost) => ({ ...cost, overheadSeconds: overrun * cost.overheadSeconds })),
        secondsLeft(),
      );
      const updates = Math.floor(part * fullUpdates(item.row));
      if (updates < 1) {
        leftOut.push(nameOf(item));
        continue;
      }
      const before = secondsLeft();
      await attempt(item, updates);
      const { secondsPerUpdate, overheadSeconds } = waiting[0]!;
      const overhead = before - secondsLeft() - updates * secondsPerUpdate;
      overrun = Math.min(2, Math.max(0.25, overhead / overheadSeconds));
    }
  }
  for (const table of tablesOf(asked)) await showTable(session, table, asked);
  const problems = [
    ...(failures.length > 0 ? [`${failures.join(", ")} failed`] : []),
    ...(leftOut.length > 0 ? [`no time was left for ${leftOut.join(", ")}`] : []),
  ];
  if (problems.length > 0) throw new Error(`${problems.join("; ")}. Continue with \`${again(session)}\``);
}

function warnOfBegun(
  begun: readonly Item[],
  states: ReadonlyMap<Item, RowState>,
  seconds: number,
  output: Output,
): void {
  const needed = begun.reduce((sum, item) => {
    const state = states.get(item)!;
    if (state.stage !== "training" || state.iteration === 0) return sum;
    const left = state.run.config.options.iterations - state.iteration;
    return sum + (left * trainingSeconds(state.events)) / state.iteration;
  }, 0);
  if (needed > seconds) {
    output.warn(
      `What has begun takes about ${duration(needed)} more, longer than the budget: a run keeps the number of updates that it began with.`,
    );
  }
}

/** Trains and evaluates what is missing of a row. Returns what went wrong, where something did. */
async function completeRow(
  session: Session,
  item: Item,
  updates: number | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { root, output, request } = session;
  const { table, row } = item;
  const call = async (args: readonly string[]): Promise<string | undefined> => {
    const end = await runInnerloop([...args, ...outputFlags(output)], { signal });
    if (signal.aborted || end.interrupted) throw new Interrupted();
    return end.problem;
  };
  const before = await rowState(root, table, row);
  if (before.stage === "new" || before.stage === "training") {
    const problem = await call(
      before.stage === "new"
        ? trainArguments(session, item, updates ?? fullUpdates(row))
        : resumeArguments(session, item, before.run),
    );
    if (problem !== undefined) return problem;
  } else if (before.stage === "evaluating" && movedTo(session, item, before.run) !== undefined) {
    // The run takes down where its files are now.
    const problem = await call(resumeArguments(session, item, before.run));
    if (problem !== undefined) return problem;
  }
  const trained = await rowState(root, table, row);
  if (trained.stage === "new" || trained.stage === "training") return "training ended before its last update";
  const { device, workers } = request.chosen;
  const machine = flagWords({
    ...(device ? { device } : {}),
    ...(workers ? { workers } : {}),
  });
  for (const { changes, record } of trained.evaluations) {
    if (record) continue;
    const problem = await call([...evaluationArguments(session, item, changes), ...machine]);
    if (problem !== undefined) return problem;
  }
  const after = await rowState(root, table, row);
  return after.stage === "done" ? undefined : "an evaluation did not leave its results";
}

const outputFlags = ({ quiet, json }: Output): string[] => [...(quiet ? ["--quiet"] : []), ...(json ? ["--json"] : [])];

function trainArguments(session: Pick<Session, "root" | "request">, item: Item, updates: number): string[] {
  const { root, request } = session;
  const { table } = item;
  const row = placed(session, item);
  const { preset } = row.train;
  const options = optionsAsked(row);
  const { validateEvery } = trainingOptions(row);
  const often = Math.max(1, Math.floor(updates / fewestValidations));
  const shortened: Flags = updates < fullUpdates(row) && validateEvery > often ? { validateEvery: often } : {};
  const own = { ...options, iterations: updates, ...shortened };
  const machine = flagWords(request.chosen);
  const folder = rowFolder(root, table, row);
  return ["train", preset, ...flagWords(own), ...machine, "--run", folder, "--skip-evaluation"];
}

/** The place of a run's files, where that is another than the one it has taken down. */
function movedTo(session: Pick<Session, "request">, { table, row }: Item, run: RunFolder): string | undefined {
  const { data } = session.request.invocation;
  if (data === undefined || !needOfFiles(table, row)) return undefined;
  return run.config.options[dataOptionOf(row)] === data ? undefined : data;
}

function resumeArguments(session: Pick<Session, "request">, item: Item, run: RunFolder): string[] {
  const place = movedTo(session, item, run);
  const moved = place === undefined ? {} : { [dataOptionOf(item.row)]: place };
  return ["train", "--resume", run.path, "--skip-evaluation", ...flagWords(moved)];
}

function evaluationArguments({ root }: Pick<Session, "root">, { table, row }: Item, changes: Flags): string[] {
  return ["eval", rowFolder(root, table, row), ...flagWords(changes), ...(row.baselines ? [] : ["--skip-baselines"])];
}

/**
 * The pace of each row, from a probe of a few seconds, and what it takes besides its updates. In the order of the table,
 * up to the first row for which there would be no time: those after it are not looked at. Rows that cannot be measured
 * are named, and left out.
 */
async function measureCosts(
  session: Session,
  items: readonly Item[],
  secondsLeft: () => number,
  signal: AbortSignal,
): Promise<{ readonly costs: ReadonlyMap<Item, RowCost>; readonly unmeasured: readonly Item[] }> {
  const { output } = session;
  const costs = new Map<Item, RowCost>();
  const unmeasured: Item[] = [];
  if (items.length === 0) return { costs, unmeasured };
  const probeSeconds = Math.min(10, Math.max(0.5, (0.02 * secondsLeft()) / items.length));
  const line = output.progress("Measuring the pace", { unit: "rows" });
  try {
    for (const [i, item] of items.entries()) {
      line.update(i, items.length, item.row.name);
      try {
        const cost = await measureRow(session, item, probeSeconds, signal);
        if (!hasRoom([...costs.values(), cost], secondsLeft())) break;
        costs.set(item, cost);
      } catch (error) {
        if (error instanceof Interrupted) throw error;
        unmeasured.push(item);
        output.warn(`${error instanceof Error ? error.message : String(error)}. The other rows go on.`);
      }
    }
  } finally {
    line.end();
  }
  const full = [...costs.values()].reduce(
    (sum, cost) => sum + cost.overheadSeconds + cost.fullUpdates * cost.secondsPerUpdate,
    0,
  );
  const left = items.length - costs.size - unmeasured.length;
  const without = left > 0 ? `, and none for the last ${counted(left, "row")}` : "";
  output.say(
    `  ${counted(costs.size, "row")} to begin would take about ${duration(full)} in full; there are ${duration(Math.max(0, secondsLeft()))}${without}.`,
  );
  return { costs, unmeasured };
}

/** A run that is stopped after a few seconds and thrown away tells how long an update takes. */
async function measureRow(session: Session, item: Item, probeSeconds: number, signal: AbortSignal): Promise<RowCost> {
  const { root, request } = session;
  const { table } = item;
  const row = placed(session, item);
  const scratch = join(root, table.name, `.probe-${row.name}`);
  const enough = new AbortController();
  const stop = (): void => enough.abort();
  signal.addEventListener("abort", stop);
  const startedAt = performance.now();
  let begunAt: number | undefined;
  let first: { at: number; iteration: number } | undefined;
  let last = { at: startedAt, iteration: 0 };
  const args = ["train", row.train.preset, ...flagWords({ ...optionsAsked(row), validateEvery: 0 })];
  try {
    await rm(scratch, { recursive: true, force: true });
    const end = await runInnerloop(
      [...args, ...flagWords(request.chosen), "--run", scratch, "--skip-evaluation", "--json"],
      {
        signal: enough.signal,
        onLine: (text) => {
          if (text.startsWith('{"type":"start"')) begunAt = performance.now();
          const iteration = iterationIn(text);
          if (iteration === undefined) return;
          last = { at: performance.now(), iteration };
          first ??= last;
          if (last.at - first.at >= 1000 * probeSeconds && iteration - first.iteration >= 3) enough.abort();
        },
      },
    );
    if (signal.aborted) throw new Interrupted();
    if (!first) throw new Error(`${row.name} cannot be measured: ${end.problem ?? "it made no update"}`);
  } finally {
    signal.removeEventListener("abort", stop);
    await rm(scratch, { recursive: true, force: true });
  }
  // Without the first update: what it compiles is in the cache from now on.
  const startup = ((begunAt ?? first.at) - startedAt) / 1000;
  const made = last.iteration - first.iteration;
  // A training so short that its first update was its last: all that it took is that update's.
  const secondsPerUpdate = made > 0 ? (last.at - first.at) / 1000 / made : (first.at - startedAt) / 1000;
  return {
    fullUpdates: fullUpdates(row),
    secondsPerUpdate,
    overheadSeconds: overhead(table, row, startup, secondsPerUpdate),
  };
}

function iterationIn(line: string): number | undefined {
  if (!line.startsWith('{"type":"iteration"')) return undefined;
  return (JSON.parse(line) as { iteration: number }).iteration;
}

/** Shows what would run, and that nothing does. */
async function showCommands(session: Session): Promise<void> {
  const { items, root, output, request } = session;
  const { budget } = request.invocation;
  const written = (args: readonly string[]): string => [commandName(), ...args.map(shellWord)].join(" ");
  output.say(output.paint("bold", `innerloop reproduce ${request.target}  (dry run)`));
  for (const item of items) {
    const { table, row } = item;
    const state = await rowState(root, table, row);
    const commands: string[] = [];
    if (state.stage === "new") commands.push(written(trainArguments(session, item, fullUpdates(row))));
    if (state.stage === "training") commands.push(written(resumeArguments(session, item, state.run)));
    const evaluations = state.stage === "new" ? neededEvaluations(table, row, trainingOptions(row)) : state.evaluations;
    for (const { changes, record } of evaluations)
      if (!record) commands.push(written(evaluationArguments(session, item, changes)));
    output.event({ type: "dry run", row: row.name, stage: state.stage, commands });
    output.result(`\n${row.learner}: ${row.name}  ${output.paint("dim", stageText(state, row))}`);
    for (const command of commands) output.result(`  ${command}`);
  }
  if (budget !== undefined) {
    output.result(
      `\nWithin --budget ${budget}, new rows get fewer --iterations, in proportion to what is shown: their pace is measured first.`,
    );
  }
}

function stageText(state: RowState, row: Row): string {
  if (state.stage === "new") return `new, ${counted(fullUpdates(row), "update")}`;
  const { iterations } = state.run.config.options;
  const whole = iterations < fullUpdates(row) ? `${count(iterations)} (shortened)` : count(iterations);
  if (state.stage === "training") {
    const failure = failureIn(state.events);
    return `${count(state.iteration)} of ${whole} updates${failure ? `, failed: ${problemOf(failure)}` : ""}`;
  }
  return state.stage === "evaluating" ? `${whole} updates, not evaluated yet` : `done, ${whole} updates`;
}

/** What the row folders of a table hold; folders that cannot be read are named, and left out. */
async function collect(
  root: string,
  table: Table,
  before: CollectedResults,
  output: Output,
): Promise<CollectedResults> {
  let results = before;
  for (const row of table.rows) {
    try {
      const state = await rowState(root, table, row);
      if (state.stage === "done") results = withRow(results, table, row, rowResult(table, row, state));
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      output.warn(`${row.name} is left out: ${error.message}`);
    }
  }
  return results;
}

async function showTable({ root, output }: Session, table: Table, asked: readonly Item[]): Promise<void> {
  const { tables: collected } = await collect(root, table, noResults, output);
  const rows = collected[table.name] ?? {};
  const failed = new Set<string>();
  for (const { row } of asked.filter((item) => item.table === table)) {
    const state = await rowState(root, table, row);
    if (state.stage === "training" && failureIn(state.events)) failed.add(row.name);
  }
  output.event({ type: "table", table: table.name, rows, ...(failed.size > 0 ? { failed: [...failed] } : {}) });
  const title = tablesOf(asked).length > 1 ? `${output.paint("bold", `  ${table.title}`)}\n\n` : "";
  output.result(`\n${title}${reproducedTable(table, rows, output.paint, failed)}\n`);
}

/** Puts what is in the run folders into results.json of a folder, and writes results.md from all that is in it. */
async function writeCollected(
  root: string,
  only: readonly Table[] | undefined,
  folder: string,
  output: Output,
): Promise<void> {
  const own = only?.some((table) => !tables.includes(table)) ?? false;
  const file = join(folder, "results.json");
  let results = await readCollected(file);
  for (const table of only ?? tables) results = await collect(root, table, results, output);
  await writeNamedFile(file, `${JSON.stringify(results, null, 1)}\n`);
  const shownTables = own ? only! : tables;
  const documents: Readonly<Record<string, string>> = {
    "results.md": resultsDocument(shownTables, results),
    "results-runs.md": runsDocument(shownTables, results),
    ...resultsPictures(shownTables, results),
  };
  for (const [name, text] of Object.entries(documents)) await writeNamedFile(join(folder, name), text);
  const written = Object.keys(documents).map((name) => shown(join(folder, name)));
  output.result(`  Written: ${[shown(file), ...written].join(", ")}`);
}

async function listTables(root: string, output: Output): Promise<void> {
  const resources = await resourcesHere();
  const lines: string[][] = [];
  for (const table of tables) {
    const stages: string[] = [];
    for (const row of table.rows) {
      try {
        stages.push((await rowState(root, table, row)).stage);
      } catch (error) {
        if (!(error instanceof RunError)) throw error;
        stages.push("damaged");
      }
    }
    const done = stages.filter((stage) => stage === "done").length;
    const lacking = table.rows.filter((row) => missingFor(table, row, resources).length > 0).length;
    const data =
      lacking === 0
        ? ""
        : lacking === table.rows.length
          ? "data not here"
          : `data of ${counted(lacking, "row")} not here`;
    output.event({ type: "reproducible table", name: table.name, title: table.title, rows: stages.length, done });
    lines.push([table.name, table.title, counted(stages.length, "row"), `${done} done`, data]);
  }
  for (const { name, title, tables: all } of tableGroups) {
    output.event({ type: "reproducible group", name, title, tables: all.map((table) => table.name) });
    lines.push([name, title, counted(all.length, "table"), "", ""]);
  }
  output.result(
    columns(lines, [0, 1, 4])
      .map((line) => `  ${line}`)
      .join("\n"),
  );
  output.say();
  output.say(output.paint("dim", `  ${commandName()} reproduce TABLE trains and evaluates what is missing of it`));
}

/** The command line that goes on. */
function again({ request: { target, invocation, chosen } }: Session): string {
  const { rows, data, folder, budget } = invocation;
  const own = { rows, data, folder };
  const words = commandText(target === undefined ? ["reproduce"] : ["reproduce", target], { ...own, ...chosen });
  return `${commandName()} ${words}${budget === undefined ? "" : " --budget MINUTES"}`;
}
