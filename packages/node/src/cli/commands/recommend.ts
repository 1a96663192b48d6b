import { optionGroup } from "@innerloop/core/learners";
import { questionRules } from "@innerloop/experiments";
import { command, named, outputOptions } from "../command.js";
import { checkpointOption } from "./shared-options.js";

export const recommendTask = optionGroup({
  ratings: {
    kind: "text",
    placeholder: "FILE|-",
    absent: "nothing is known of the user",
    help: "a table with columns of items and ratings: items by id or title, new ones by attributes; - for lines of standard input, a title and a rating with a tab or comma between them",
  },
  top: { kind: "integer", absent: "10", least: 1, most: 10_000, help: "items to name, 10 unless given" },
  exclude: {
    kind: "text",
    placeholder: "FILE",
    absent: "none",
    help: "a table with a column of items that are left out, beside those that are rated",
  },
  domain: {
    kind: "texts",
    placeholder: "WORD,...",
    absent: "all items",
    help: "words of an attribute of items, such as White: only items that have one of them are named",
  },
  knownBy: {
    kind: "integer",
    absent: "5",
    least: 0,
    most: 1_000_000,
    help: "ratings of training that an item has at least: what is told of those that few know goes furthest astray; with 0 new items are ranked too",
  },
  explain: {
    kind: "flag",
    default: false,
    help: "say which known ratings moved each prediction most: what it is with all of them, less what it is without one",
  },
  ask: {
    kind: "integer",
    absent: "items to like are named",
    least: 1,
    most: 100,
    help: "name so many items instead whose ratings would tell most about the user",
  },
  askBy: {
    kind: "choice",
    choices: questionRules,
    absent: "information",
    help: "with --ask: the items whose ratings tell most, each weighted by how many know it; those that most have rated; or those whose ratings move a learner most that adapts by steps, times how many have rated them, by the ratings of training",
  },
});

export const recommendLearner = optionGroup({
  steps: {
    kind: "integer",
    absent: "those that validation has chosen",
    least: 0,
    most: 1000,
    help: "adaptation steps; by default those that were best on the validation tasks",
  },
});

/** `innerloop recommend` */
export const recommend = command({
  name: "recommend",
  args: "<RUN> [--ratings FILE] [--ask N]",
  takes: "<run>",
  summary: "ranks all items of a run of ratings for you",
  details:
    "A few ratings of a new user are adapted to, and all items that the run knows are told: those already rated are left out. A title need not be exact in case and punctuation; of one that no item has, or several have, a terminal is asked which of the nearest is meant, and elsewhere it is refused with these and their ids.",
  examples: [
    ["innerloop recommend RUN --ratings mine.csv", "ten items for you"],
    ["innerloop recommend RUN --ratings mine.csv --explain", "and which of your ratings spoke for them"],
    ["innerloop recommend RUN --ratings mine.csv --exclude seen.csv --top 3", "three that you have not seen"],
    ["innerloop recommend RUN --ratings mine.csv --known-by 50", "among those that many have rated"],
    ["innerloop recommend RUN --ratings mine.csv --domain White,Rosé", "of x-wines: no other wines"],
    ["innerloop recommend RUN --ask 5", "what a newcomer is best asked to rate"],
  ],
  experiment: named("workers", "device", "engine"),
  own: { Task: recommendTask, Learner: recommendLearner, Run: optionGroup(checkpointOption), Output: outputOptions },
  run: async ({ args: [folder], chosen, invocation, output }) =>
    (await import("./recommend-command.js")).recommendCommand({ folder: folder!, chosen, invocation }, output),
});
