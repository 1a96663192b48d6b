import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";

export const reproduceRun = optionGroup({
  budget: {
    kind: "number",
    absent: "all the time that it takes",
    least: 0,
    above: true,
    most: 1_000_000,
    help: "minutes for what is missing: rows that have not begun share the time in proportion to their full cost, with fewer updates and the schedule fitted to them; where it is too short for all, the last rows of the table go without",
  },
  rows: {
    kind: "text",
    placeholder: "NAME,...",
    absent: "all",
    help: "rows of the table, or of the tables of a group; all of them by default",
  },
  data: {
    kind: "text",
    placeholder: "PATH",
    absent: "the data sets of this machine",
    help: "where the files are of a table whose data may not be passed on, such as ml-1m.zip",
  },
  folder: {
    kind: "text",
    placeholder: "DIR",
    absent: "runs/reproduce",
    help: "where the run folders are, as DIR/TABLE/ROW; runs/reproduce by default",
  },
  dryRun: { kind: "flag", default: false, help: "show what would run, with the commands" },
});

export const reproduceOutput = optionGroup({
  report: {
    kind: "text",
    placeholder: "DIR",
    absent: "none",
    help: "train nothing: put what the run folders hold into DIR/results.json, and write DIR/results.md and results-runs.md from it",
  },
  ...outputOptions,
});

/** `innerloop reproduce` */
export const reproduce = command({
  name: "reproduce",
  args: "[TABLE|GROUP|TABLE.json]",
  takes: "[table]",
  summary: "trains and evaluates the rows of a table of published results, and shows them side by side",
  details:
    "Without TABLE it lists those that there are; language is a group of four. Rows whose data set or backbone is not here are left out with a note, unless they are asked for by name; where files of yours stand in for a data set, --data says where they are. Each row is a run folder of its own, and a process of its own; rows that are done are skipped, and one that was stopped or " +
    "killed goes on where it was. With --budget a row may have fewer updates than the paper: the table says so. A table of your own is a JSON file: " +
    '{ "name", "title", "metric": "accuracy", "columns": [{ "name", "title", "options": { "shots": 5 } }], "rows": [{ "name", "learner", "train": { "preset": "hanzi", ' +
    '"options": { "learner": "anil", "iterations": 3000 } }, "cells": { COLUMN: { "published": "98.0" } } }] }. ' +
    'A row with "group" stands under that heading, "against": ["from scratch"] compares it with baselines task by task, and "means": [{ "title", "groups": [...] }] has the means over groups, and "curves": "updates of 20 tasks" beside them draws validations along the trainings into results.md.',
  examples: [
    ["innerloop reproduce", "the tables, and how much of each is done"],
    ["innerloop reproduce sinusoid", "all learners on sine curves"],
    ["innerloop reproduce language --rows text-sentiment,clinc150-01-minilm", "a table and a row of a group"],
    ["innerloop reproduce omniglot --budget 120", "two hours for all of it"],
    ["innerloop reproduce melu --data ml-1m.zip", "on MovieLens 1M, which may not be passed on"],
    ["innerloop reproduce omniglot --rows maml-5way-1shot --dry-run", "the commands"],
    ["innerloop reproduce --report docs", "docs/results.md and results-runs.md, from the run folders"],
  ],
  experiment: named("device", "engine", "workers", "memory"),
  own: { Run: reproduceRun, Output: reproduceOutput },
  run: async ({ args, chosen, invocation, output }) =>
    (await import("./reproduce-command.js")).reproduceCommand({ target: args[0], chosen, invocation }, output),
});
