/** `innerloop adapt --task`: a trained policy in one environment, before it has adapted and after each step. */
import { Buffer } from "node:buffer";
import {
  afterText,
  cut,
  domainOf,
  type ExperimentConfig,
  type Flags,
  flagOf,
  openModel,
  type Practice,
  quoted,
  requireUse,
  returnText,
  shellWord,
  taskText,
  UsageError,
} from "@innerloop/experiments";
import { machineIo } from "../../data/machine-io.js";
import { readingLimits } from "../../data/reading-limits.js";
import { writeAtomically } from "../../data/store/atomic-write.js";
import { type RunFolder, shown } from "../../runs/run-folder.js";
import { episodeArt } from "../episode-art.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { columns, counted } from "../terminal.js";
import type { AdaptRequest } from "./adapt-command.js";
import { machineOf } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";
import { taskArgument } from "./task-argument.js";

/** Options of `adapt` that are for episodes alone. */
export const ofEpisodes = ["task", "seed", "output"] as const satisfies readonly (keyof InvocationOptions)[];

/** Options of `adapt` that are for examples alone. */
const ofExamples = ["support", "query", "reject"] as const satisfies readonly (keyof InvocationOptions)[];

/** Plays the episodes of a task, and shows them. */
export async function practiseCommand(
  run: RunFolder,
  config: ExperimentConfig,
  { queries, chosen, invocation }: Pick<AdaptRequest, "queries" | "chosen" | "invocation">,
  output: Output,
): Promise<void> {
  const name = shown(run.path);
  const wrong =
    ofExamples.find((option) => invocation[option] !== undefined && invocation[option] !== false) ??
    (queries.length > 0 ? "query" : undefined);
  if (wrong)
    throw new UsageError(
      `${flagOf(wrong)} means nothing for ${name}, a policy, which adapts by episodes and by no examples`,
      "Say in which environment: --task JSON|FILE",
    );
  const machine = machineOf(chosen);
  const { episodes, ...others } = chosen;
  const flags: Flags = Object.fromEntries(Object.entries(others).filter(([option]) => !(option in machine)));
  requireUse(Object.keys(flags), config, name);
  requirePicture(invocation.output);
  const given = invocation.task === undefined ? undefined : await taskGiven(invocation.task);
  const executor = await openExecutor({ ...machine, ...fewRuns }, output);
  try {
    const { checkpoint: wanted, steps, seed } = invocation;
    const { model, checkpoint, iteration } = await openModel(run, { io: machineIo, executor, checkpoint: wanted });
    const example = async (): Promise<string> => {
      const task = JSON.stringify(await model.exampleTask());
      return task.length <= mostOfExample ? `--task ${shellWord(task)}` : `--task FILE.json with ${cut(task, 80)}`;
    };
    if (given === undefined)
      throw new UsageError("there is no --task", `Give one of the environment's, such as ${await example()}`);
    if ("problem" in given) throw new UsageError(given.problem, `Give it as JSON, such as ${await example()}`);
    const practice = await model.practise(given.task, {
      steps,
      seed,
      flags,
      episodes: episodes as number | undefined,
    });
    tell(practice, { run: name, checkpoint, iteration, seed: seed ?? 0 }, output);
    if (invocation.output !== undefined) {
      const bytes = Buffer.from(practice.svg(), "utf8");
      await writeAtomically(invocation.output, (handle) => handle.writeFile(bytes), { makesFolder: false });
      output.say();
      output.say(`  ${output.paint("green", "✓")} ${shown(invocation.output)}`);
    }
  } finally {
    await executor.close();
  }
}

/** Characters of a task in an error: those of decision processes are long tables. */
const mostOfExample = 200;

/** The task in a text, or in the file of that name. @throws DataError where it cannot be read */
const taskGiven = async (text: string): Promise<ReturnType<typeof taskArgument>> =>
  isFile(text)
    ? taskArgument(await machineIo.text(text, readingLimits.environmentTaskBytes), text)
    : taskArgument(text);

const isFile = (text: string): boolean => /\.json$/i.test(text);

/** @throws UsageError for a file that would not be opened as what it is */
function requirePicture(path: string | undefined): void {
  if (path === undefined || /\.svg$/i.test(path)) return;
  throw new UsageError(`--output ${quoted(path)} is no name of an SVG`, "Give one that ends in .svg");
}

function tell(
  practice: Practice,
  of: {
    readonly run: string;
    readonly checkpoint: "best" | "last";
    readonly iteration: number;
    readonly seed: number;
  },
  output: Output,
): void {
  const { after, family, task } = practice;
  const { paint } = output;
  const episodes = after[0]?.episodes.length ?? 0;
  output.event({ type: "adapted", ...of, environment: family.name, task, episodes });
  for (const { steps, remembered, episodes: played, return: mean, length } of after)
    output.event({
      type: "episodes",
      ...(remembered === undefined ? { steps } : { remembered }),
      return: mean.mean,
      interval: mean.interval,
      length,
      returns: played.map((episode) => episode.return),
      lengths: played.map((episode) => episode.length),
    });
  const isTrial = after[0]?.remembered !== undefined;
  const each = isTrial
    ? `${counted(episodes, "trial")} of ${counted(after.length, "episode")}`
    : `${counted(episodes, "episode")} before adaptation and after each step`;
  output.say(paint("dim", `  ${family.name}, ${taskText(task)}: ${each}`));
  output.say();
  const rows = after.map((stage) => [afterText(stage), returnText(stage.return), stage.length.toFixed(1)]);
  const [header = "", ...lines] = columns([["", "return", "steps of an episode"], ...rows]);
  output.result([paint("dim", `  ${header}`), ...lines.map((line) => `  ${line}`)].join("\n"));
  output.say();
  for (const line of episodeArt({ family, episodes: practice, paint, width: output.width })) output.say(line);
  output.say();
  const interval =
    episodes > 1
      ? `mean ± 95% interval over ${counted(episodes, isTrial ? "trial" : "episode")} of this one task; `
      : "";
  output.say(
    paint("dim", `  ${interval}seed ${of.seed}; ${of.checkpoint} checkpoint, after ${counted(of.iteration, "update")}`),
  );
}

/** @throws UsageError for options of episodes, for a run that is no policy's */
export function requireNoEpisodes(
  run: RunFolder,
  config: ExperimentConfig | undefined,
  invocation: InvocationOptions,
): void {
  const wrong = ofEpisodes.find((option) => invocation[option] !== undefined);
  if (!wrong) return;
  const what = config ? `which is of ${domainOf(config).title}` : "a run of a program's own";
  throw new UsageError(
    `${flagOf(wrong)} means nothing for ${shown(run.path)}, ${what}`,
    "It is for policies, as `innerloop train navigation-2d` makes one",
  );
}
