/** `innerloop recommend`: what a user may like of all that a run knows, and what to ask a newcomer. */
import {
  type DataSpec,
  domainOf,
  type Flags,
  flagOf,
  type Influence,
  type ItemChoice,
  type NamedItem,
  openModel,
  type Question,
  quoted,
  type Recommendations,
  type TrainedModel,
  type UnclearItem,
  UsageError,
} from "@innerloop/experiments";
import { machineIo } from "../../data/machine-io.js";
import { shown } from "../../runs/run-folder.js";
import { canAsk, NoAnswer, type Questions, questionsIn, type Terminal } from "../choice-question.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { openRunFor } from "../run-experiment-file.js";
import { columnsWithin, count, counted, folded, roomIn } from "../terminal.js";
import { standardInput } from "./answered-lines.js";
import { machineOf } from "./eval-command.js";
import { ratedLines } from "./rated-lines.js";
import type { InvocationOptions } from "./registry.js";

export interface RecommendRequest {
  readonly folder: string;
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
  /** Bytes of `--ratings -`; standard input unless given. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Where somebody may be asked; that of the process unless given. */
  readonly terminal?: Terminal;
}

/** Ratings that an item's explanation names. */
const mostReasons = 3;

/** Ranks the items of a run for a user, or names those to ask about. */
export async function recommendCommand(
  {
    folder,
    chosen,
    invocation,
    input = process.stdin,
    terminal = { input: process.stdin, output: process.stdout },
  }: RecommendRequest,
  output: Output,
): Promise<void> {
  requireTogether(invocation);
  const run = await openRunFor(folder, output);
  const { config, data } = run.config;
  // Before anything is opened for it.
  if (!config || !domainOf(config).ranker)
    throw new UsageError(
      `${shown(run.path)} is ${config ? `of ${domainOf(config).title}` : "a run of a program's own"}, and recommend is for runs of ratings`,
      config
        ? "Train one with `innerloop train ratings --ratings FILE.csv`; see `innerloop adapt` for others"
        : "Rank in code",
    );
  const { checkpoint: wanted, exclude, domain, steps, top, knownBy = usualKnownBy, explain, ask, askBy } = invocation;
  const isPiped = invocation.ratings === standardInput;
  if (isPiped && canAsk(terminal, output))
    output.say(output.paint("dim", "  A title and a rating a line, as Alien, 9; Ctrl-D ends them."));
  const ratings = isPiped ? await ratedLines(input) : invocation.ratings;
  const questions = questionsIn(terminal, output);
  const executor = await openExecutor({ ...machineOf(chosen), ...fewRuns }, output);
  try {
    const { model, checkpoint, iteration } = await openModel(run, { io: machineIo, executor, checkpoint: wanted });
    const ranker = model.ranker();
    // An input that ratings come from has no answers.
    const asks = !isPiped && canAsk(terminal, output);
    const work = { onWarning: output.warn, ...(asks ? { choose: choiceBy(questions, data!) } : {}) };
    const opened = { run: shown(run.path), checkpoint, iteration, data: data!.name };
    if (ask !== undefined) {
      const found = await ranker.questions({ count: ask, by: askBy, ratings, exclude, domain, ...work });
      output.event({ type: "asked", ...opened, by: askBy ?? "information" });
      sayQuestions(found, data!, output);
      return;
    }
    const found = await ranker.recommend({ ratings, top, exclude, domain, knownBy, explain, steps, ...work });
    output.event({ type: "ranked", ...opened, known: found.known, ranked: found.ranked, steps: found.steps });
    sayRecommendations(found, { model, data: data!, explain: explain ?? false, domain, knownBy }, output);
  } finally {
    questions.close();
    await executor.close();
  }
}

/**
 * The choice among the items that a name may mean, by whoever sits at the terminal.
 *
 * @throws UsageError where the input ends without an answer
 */
const choiceBy =
  (questions: Questions, { name: data }: DataSpec) =>
  async ({ at, name, near }: UnclearItem): Promise<NamedItem | undefined> => {
    const where = at === "" ? "" : `${at}: `;
    try {
      const question = `${where}which item of ${data} is ${quoted(name)}?`;
      const place = await questions.choose(question, near.map(named), "none of them: leave it out");
      return place === undefined ? undefined : near[place];
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      throw new UsageError(`${where}nobody has said which item is ${quoted(name)}`, "Name it by its id");
    }
  };

/** Ratings that an item has at least: what is told of those that few know goes furthest astray. */
const usualKnownBy = 5;

/** @throws UsageError for options that mean nothing beside others */
function requireTogether(invocation: InvocationOptions): void {
  const { ask, askBy } = invocation;
  if (askBy !== undefined && ask === undefined)
    throw new UsageError("--ask-by without --ask", "Say how many items to ask about: --ask 5");
  const useless = (["top", "knownBy", "explain", "steps"] as const).find(
    (name) => invocation[name] !== undefined && invocation[name] !== false,
  );
  if (ask !== undefined && useless !== undefined)
    throw new UsageError(
      `${flagOf(useless)} with --ask, which names what to ask and not what to like`,
      "Leave one out",
    );
}

function sayQuestions(questions: readonly Question[], data: DataSpec, output: Output): void {
  questions.forEach((question, i) => {
    output.event({ type: "question", rank: i + 1, ...question });
  });
  const { paint } = output;
  output.say(paint("dim", `  ${data.name}: what to ask, the best question first`));
  output.say();
  const rows = questions.map(({ ratings, ...item }) => [named(item), count(ratings)]);
  const [header = "", ...lines] = rankedRows(["item", "ratings"], rows);
  output.result([paint("dim", header), ...lines].join("\n"));
  output.say();
  output.say(paint("dim", "  Rate those that you know in a table, item,rating, and give it with --ratings."));
}

/** What recommendations are of. */
interface Shown {
  readonly model: TrainedModel;
  readonly data: DataSpec;
  readonly explain: boolean;
  readonly domain: readonly string[] | undefined;
  readonly knownBy: number;
}

function sayRecommendations(
  { items, known, ranked }: Recommendations,
  { model, data, explain, domain, knownBy }: Shown,
  output: Output,
): void {
  for (const item of items) output.event({ type: "recommendation", ...item });
  const { paint } = output;
  const who = known === 0 ? "nothing is known of the user: what all like" : `${counted(known, "known rating")}`;
  const ofDomain = domain ? ` of ${domain.join(", ")}` : "";
  output.say(
    paint("dim", `  ${data.name}, ${model.learner.name}: ${who}; ${counted(ranked, "item")}${ofDomain} ranked`),
  );
  if (items.length === 0) {
    const few = knownBy > 0 ? `; with --known-by 0 those that fewer than ${knownBy} have rated are ranked too` : "";
    output.warn(`no item${ofDomain} is left that is neither rated nor left out${few}`);
    return;
  }
  output.say();
  const hasDeviations = items.some(({ deviation }) => deviation !== undefined);
  const rows = items.map(({ rating, deviation, ...item }) => [
    named(item),
    rating.toFixed(2),
    ...(hasDeviations ? [`± ${(deviation ?? 0).toFixed(2)}`] : []),
  ]);
  const [header = "", ...lines] = rankedRows(["item", "rating", ...(hasDeviations ? ["deviation"] : [])], rows);
  const told = lines.flatMap((line, i) => [
    line,
    ...(explain ? reasonsOf(items[i]!.because ?? []).map((reason) => paint("dim", reason)) : []),
  ]);
  output.result([paint("dim", header), ...told].join("\n"));
  const [first] = items[0]?.because ?? [];
  if (!first) return;
  const other = `${Math.abs(first.change).toFixed(2)} ${first.change < 0 ? "higher" : "lower"}`;
  output.say();
  output.say(
    paint(
      "dim",
      `  ${reasonOf(first)}: without that rating the prediction would be ${other}. Such shares do not add up.`,
    ),
  );
}

/** A title with the id by which ratings are given where titles are not enough. */
const named = ({ item, title, apart }: ItemChoice): string =>
  title === item ? title : `${title} (${item}${apart === undefined ? "" : `: ${apart}`})`;

/** The header, and rows behind their ranks: the lines of each in one text. */
function rankedRows(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const width = Math.max(2, String(rows.length).length);
  const margin = 2 + width + 2;
  return columnsWithin(roomIn() - margin, [header, ...rows]).map((lines, i) =>
    lines
      .map((line, part) => `${(i === 0 || part > 0 ? "" : `  ${String(i).padStart(width)}`).padEnd(margin)}${line}`)
      .join("\n"),
  );
}

const reasonOf = ({ title, rating, change }: Influence): string =>
  `${change < 0 ? "-" : "+"}${Math.abs(change).toFixed(2)} ${title} (${rating})`;

const reasonsOf = (because: readonly Influence[]): readonly string[] =>
  because.length === 0
    ? []
    : folded(`        ${because.slice(0, mostReasons).map(reasonOf).join(", ")}`, roomIn()).split("\n");
