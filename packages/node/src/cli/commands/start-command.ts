/** `innerloop start`: a first look, from nothing to a model that reads characters it has never seen. */

import { type Evaluation, random } from "@innerloop/core";
import { readExample, splitSeed } from "@innerloop/core/tasks";
import { type DataSplits, type Flags, openModel, prepareRun, recordedFigures } from "@innerloop/experiments";
import { machineIo } from "../../data/machine-io.js";
import { inCommand, newRunPath, openRun, type RunFolder, shown } from "../../runs/run-folder.js";
import { mostBytes } from "../../runs/untrusted-folder.js";
import { commandName } from "../command-name.js";
import { type ExampleTask, exampleTaskLines } from "../example-task.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { commandHost, followed } from "../session-host.js";
import { count, counted, folded, roomIn, suggestions, withInterval, wrapped } from "../terminal.js";
import type { InvocationOptions } from "./registry.js";
import { trainCommand } from "./train-command.js";

/** A shorter run of the preset hanzi: under a minute on two cores that have nothing else to do. */
const startOptions = { iterations: 800, validateEvery: 400, validationTasks: 60, evalTasks: 200 } as const;

/** Other hands that each character of the example is asked for in. */
const handsAsked = 2;

export async function startCommand(
  request: { readonly chosen: Flags; readonly invocation: InvocationOptions },
  output: Output,
): Promise<void> {
  const { paint } = output;
  const width = Math.min(output.width, 88);
  output.say();
  output.say(`  ${paint("bold", "innerloop: learning to learn")}`);
  output.say();
  output.say(
    wrapped(
      "A network practises on thousands of small tasks. In each it sees five handwritten Chinese characters, one example of each, takes one gradient step, " +
        "and must recognise them in other hands. What it keeps is not the characters but a starting point from which a step or a few are enough. " +
        "Then it meets characters that were never part of its practice.",
      width,
      "  ",
    ),
  );
  output.say();
  const run = request.invocation.run ?? (await newRunPath("start"));
  const chosen = { ...startOptions, ...request.chosen };
  await trainCommand({ target: "hanzi", chosen, invocation: { ...request.invocation, run } }, output, {
    introduced: true,
  });
  await showOneTask(run, output);
  output.say(`  ${paint("bold", "Run folder")}  ${shown(run)}`);
  output.say(paint("dim", "  report.html in it shows the learning curve and the results"));
  output.say();
  output.say(`  ${paint("bold", "Try next")}`);
  const next: [command: string, meaning: string][] = [
    [
      `${commandName()} eval ${inCommand(run)} --shots 5 --eval-steps 0,1,5,10,20`,
      "five examples of each instead of one",
    ],
    [`${commandName()} train hanzi`, "longer, and more accurate"],
    [`${commandName()} train sinusoid`, "the classic: regression of sine curves"],
  ];
  if (!output.quiet) output.result(suggestions(next, { room: roomIn(), indent: 4, paint }).join("\n"));
  output.say();
}

/** Classes that were held out, one example of each to adapt to and others to recognise. */
function sampleOneTask({ test }: DataSplits, ways: number, seed: number): ExampleTask {
  const source = random(splitSeed(seed, "test"), 2 ** 40);
  const size = test.exampleShape.reduce((a, b) => a * b, 1);
  const classes = source.choose(test.classes.length, ways).map((index) => test.classes[index]!);
  const drawn = classes.map((entry) =>
    source.choose(entry.count, 1 + handsAsked).map((example) => {
      const pixels = new Float32Array(size);
      readExample(test, entry, example, pixels, 0);
      return pixels;
    }),
  );
  const ofHand = (hand: number): Float32Array[] => drawn.map((examples) => examples[hand]!);
  return {
    names: classes.map(({ name }) => name),
    support: ofHand(0),
    queries: Array.from({ length: handsAsked }, (_, hand) => ofHand(1 + hand)),
  };
}

async function showOneTask(path: string, output: Output): Promise<void> {
  const run = await openRun(path);
  const { config, options } = run.config;
  const { data } = await followed(commandHost(output), (host) => prepareRun(run, config, host));
  const ways = Number(options.ways);
  const splits = data as DataSplits;
  const task = sampleOneTask(splits, ways, options.seed);
  const executor = await openExecutor({ device: options.device, ...fewRuns }, output);
  try {
    const { model } = await openModel(run, { executor, io: machineIo });
    const steps = model.usualSteps;
    const support = Object.fromEntries(task.names.map((name, i) => [name, [task.support[i]!]]));
    const probabilitiesAfter = async (count: number): Promise<number[][]> => {
      const adapted = await model.adapt(support, { steps: count, flags: { batchNorm: options.batchNorm } });
      const answers = await adapted.predict(task.queries.flat());
      return answers.map(({ probabilities }) => {
        const all = probabilities as Readonly<Record<string, number>>;
        return task.names.map((name) => all[name]!);
      });
    };
    const [before, after] = [await probabilitiesAfter(0), await probabilitiesAfter(steps)];
    const drawn = exampleTaskLines(task, { before, after, steps }, splits.test.exampleShape, output);
    output.result(drawn.join("\n"));
    await sayOfManyTasks(run, { ways, steps }, output);
    output.event({ type: "example task", classes: task.names, steps, before, after });
  } finally {
    await executor.close();
  }
}

/** The same over all tasks of the run's evaluation: one task alone tells little. */
async function sayOfManyTasks(
  run: RunFolder,
  { ways, steps }: { readonly ways: number; readonly steps: number },
  output: Output,
): Promise<void> {
  const bytes = await run.files.read("results.json", mostBytes.record);
  if (!bytes) return;
  const { evaluations } = JSON.parse(Buffer.from(bytes).toString()) as { evaluations: readonly Evaluation[] };
  const { rows, protocol } = evaluations[0]!;
  const leading = recordedFigures(evaluations[0]!)[0]!;
  const [before, after] = [rows[0]!, rows.find((row) => row.steps === steps) ?? rows.at(-1)!];
  const shown = ({ figures }: (typeof rows)[number]): string => withInterval(leading, figures[leading.name]!);
  const text = `  Over ${count(Number(protocol.tasks))} such tasks: ${output.paint("bold", shown(after))} after ${counted(after.steps, "step")}, ${shown(before)} before adapting; guessing gives ${Math.round(100 / ways)}%.`;
  output.result(folded(text, roomIn()));
  output.say();
}
