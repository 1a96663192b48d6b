/** `innerloop recommend`: what a user may like of all that a run knows, and what to ask a newcomer. */
import {
  type DataSpec,
  domainOf,
  type Flags,
  flagOf,
  type Influence,
  type NamedItem,
  openModel,
  type Question,
  type Recommendations,
  type TrainedModel,
  UsageError,
} from "@innerloop/experiments";
import { machineIo } from "../../data/machine-io.js";
import { shown } from "../../runs/run-folder.js";
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
}

/** Ratings that an item's explanation names. */
const mostReasons = 3;

/** Ranks the items of a run for a user, or names those to ask about. */
export async function recommendCommand(
  { folder, chosen, invocation, input = process.stdin }: RecommendRequest,
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
  const { checkpoint: wanted, exclude, steps, top, knownBy = usualKnownBy, explain, ask, askBy } = invocation;
  const executor = await openExecutor({ ...machineOf(chosen), ...fewRuns }, output);
  try {
    const { model, checkpoint, iteration } = await openModel(run, { io: machineIo, executor, checkpoint: wanted });
    const ranker = model.ranker();
    const isStream = invocation.ratings === standardInput;
    const ratings = isStream ? await ratedLines(input, (line, at) => ranker.rowOf(line, at)) : invocation.ratings;
    const work = { onWarning: output.warn };
    const opened = { run: shown(run.path), checkpoint, iteration, data: data!.name };
    if (ask !== undefined) {
      const questions = await ranker.questions({ count: ask, by: askBy, ratings, exclude, ...work });
      output.event({ type: "asked", ...opened, by: askBy ?? "information" });
      sayQuestions(questions, data!, output);
      return;
    }
    const found = await ranker.recommend({ ratings, top, exclude, knownBy, explain, steps, ...work });
    output.event({ type: "ranked", ...opened, known: found.known, ranked: found.ranked, steps: found.steps });
    sayRecommendations(found, { model, data: data!, explain: explain ?? false }, output);
  } finally {
    await executor.close();
  }
}

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

function sayRecommendations(
  { items, told, known, ranked }: Recommendations,
  { model, data, explain }: { readonly model: TrainedModel; readonly data: DataSpec; readonly explain: boolean },
  output: Output,
): void {
  for (const item of items) output.event({ type: "recommendation", ...item });
  const { paint } = output;
  const { one, without } = wordsOf[told];
  const who = known === 0 ? "nothing is known of the user: what all like" : `${counted(known, `known ${one}`)}`;
  output.say(paint("dim", `  ${data.name}, ${model.learner.name}: ${who}; ${counted(ranked, "item")} ranked`));
  output.say();
  const hasDeviations = items.some(({ deviation }) => deviation !== undefined);
  const rows = items.map(({ [told]: value = Number.NaN, deviation, ...item }) => [
    named(item),
    value.toFixed(2),
    ...(hasDeviations ? [`± ${(deviation ?? 0).toFixed(2)}`] : []),
  ]);
  const [header = "", ...lines] = rankedRows(["item", told, ...(hasDeviations ? ["deviation"] : [])], rows);
  const all = lines.flatMap((line, i) => [
    line,
    ...(explain ? reasonsOf(items[i]!.because ?? []).map((reason) => paint("dim", reason)) : []),
  ]);
  output.result([paint("dim", header), ...all].join("\n"));
  const [first] = items[0]?.because ?? [];
  if (!first) return;
  const other = `${Math.abs(first.change).toFixed(2)} ${first.change < 0 ? "higher" : "lower"}`;
  output.say();
  output.say(
    paint("dim", `  ${reasonOf(first)}: without that ${without} would be ${other}. Such shares do not add up.`),
  );
}

/** What is known of a user, and what it does, by what is told of items. */
const wordsOf = {
  rating: { one: "rating", without: "rating the prediction" },
  score: { one: "item", without: "item the score" },
} as const;

/** A title with the id by which ratings are given where titles are not enough. */
const named = ({ item, title }: NamedItem): string => (title === item ? title : `${title} (${item})`);

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
  `${change < 0 ? "-" : "+"}${Math.abs(change).toFixed(2)} ${title}${rating === undefined ? "" : ` (${rating})`}`;

const reasonsOf = (because: readonly Influence[]): readonly string[] =>
  because.length === 0
    ? []
    : folded(`        ${because.slice(0, mostReasons).map(reasonOf).join(", ")}`, roomIn()).split("\n");
