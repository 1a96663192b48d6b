/** `innerloop start`: a first look, from nothing to a model that reads characters it has never seen. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { tensor } from "@innerloop/graph";
import { type Evaluation, random, readExample, splitSeed } from "innerloop";
import type { DataSplits } from "../presets/experiment.js";
import type { ExperimentOptions, InvocationOptions } from "../presets/option-table.js";
import { classify } from "../runs/classify.js";
import { loadParams } from "../runs/results.js";
import { figureNameOf } from "../runs/results-cells.js";
import { newRunPath, openRun, type RunFolder, shown } from "../runs/run-folder.js";
import { commandName } from "./command-name.js";
import { brailleArt } from "./image-art.js";
import { fewRuns, openExecutor } from "./open-executor.js";
import type { Output } from "./output.js";
import { prepareRun } from "./prepare.js";
import { count, counted, padEnd, widthOf, withInterval, wrapped } from "./terminal.js";
import { trainCommand } from "./train-command.js";

/** A shorter run of the preset hanzi: under two minutes, data and evaluation included. */
const startOptions = { iterations: 800, validateEvery: 400, validationTasks: 60, evalTasks: 200 } as const;

/** Other hands that each character of the example is asked for in. */
const handsAsked = 2;

export async function startCommand(
  request: { readonly chosen: Partial<ExperimentOptions>; readonly invocation: InvocationOptions },
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
        "and must recognise them in other hands. What it keeps is not the characters but a starting point from which one step is enough. " +
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
  output.say(
    `  ${paint("bold", "Run folder")}  ${shown(run)}  ${paint("dim", "(report.html shows the learning curve and the results)")}`,
  );
  output.say();
  output.say(`  ${paint("bold", "Try next")}`);
  const next = [
    [`${commandName()} eval ${shown(run)} --shots 5 --eval-steps 0,1,5,10,20`, "five examples of each instead of one"],
    [`${commandName()} train hanzi`, "longer, and more accurate"],
    [`${commandName()} train sinusoid`, "the classic: regression of sine curves"],
  ];
  const room = Math.max(...next.map(([command]) => command!.length));
  for (const [command, meaning] of next)
    output.say(`    ${paint("cyan", padEnd(command!, room))}   ${paint("dim", meaning!)}`);
  output.say();
}

interface OneTask {
  readonly names: readonly string[];
  readonly support: readonly Float32Array[];
  /** By hand, a query of each class. */
  readonly queries: readonly (readonly Float32Array[])[];
}

/** Classes that were held out, one example of each to adapt to and others to recognise. */
function sampleOneTask({ test }: DataSplits, ways: number, seed: number): OneTask {
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
  const { options } = run.config;
  const { experiment, splits } = await prepareRun(run, options, output);
  if (!splits) return;
  const task = sampleOneTask(splits, options.ways, options.seed);
  const { params } = await loadParams(run, experiment.learner);
  const steps = Math.max(...options.evalSteps);
  const executor = await openExecutor({ device: options.device, ...fewRuns }, output);
  const shape = splits.test.exampleShape;
  const stacked = (images: readonly Float32Array[]) =>
    tensor(Float32Array.from(images.flatMap((image) => [...image])), [images.length, ...shape]);
  try {
    const support = {
      names: task.names,
      x: stacked(task.support),
      y: tensor(Int32Array.from(task.names.keys()), [task.names.length]),
    };
    const query = stacked(task.queries.flat());
    const probabilitiesAfter = (count: number) =>
      classify({ learner: experiment.learner, params, support, query, steps: count, executor });
    const [before, after] = [await probabilitiesAfter(0), await probabilitiesAfter(steps)];
    drawTask(task, { before, after, steps }, shape, output);
    await sayOfManyTasks(run, options.ways, output);
    output.event({ type: "example task", classes: task.names, steps, before, after });
  } finally {
    await executor.close();
  }
}

function drawTask(
  { names, support, queries }: OneTask,
  { before, after, steps }: { readonly before: number[][]; readonly after: number[][]; readonly steps: number },
  shape: readonly number[],
  output: Output,
): void {
  const { paint } = output;
  const [height = 28, width = 28] = shape;
  const cell = Math.ceil(width / 2) + 1;
  // A terminal that is too narrow for all classes has them in several rows.
  const fits = Math.max(1, Math.floor((output.width - 1) / cell));
  const draw = (images: readonly Float32Array[], captions: readonly string[]): void => {
    const pictures = images.map((image) => brailleArt(image, height, width));
    for (let from = 0; from < images.length; from += fits) {
      const row = (cells: readonly string[]): string =>
        `  ${cells
          .slice(from, from + fits)
          .map((text) => padEnd(text, cell))
          .join("")}`.trimEnd();
      for (let line = 0; line < pictures[0]!.length; line++) output.result(row(pictures.map((lines) => lines[line]!)));
      output.result(row(captions));
    }
  };
  const centred = (text: string): string => " ".repeat(Math.max(0, Math.floor((cell - 1 - widthOf(text)) / 2))) + text;
  const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));
  /** Rows are hand by hand, the classes in their order. */
  const isRight = (row: readonly number[], i: number): boolean => best(row) === i % names.length;
  const right = (rows: readonly (readonly number[])[]): number => rows.filter(isRight).length;

  output.say(
    `  ${paint("bold", "One new task")}, of characters that it never practised on. It is shown one example of each:`,
  );
  output.say();
  draw(support, names.map(centred));
  output.say();
  output.say(
    `  and asked which is which in other hands. Its answers after ${counted(steps, "gradient step")}, with the character that was meant where they are wrong:`,
  );
  output.say();
  for (const [hand, images] of queries.entries()) {
    const answers = after.slice(hand * names.length, (hand + 1) * names.length);
    draw(
      images,
      answers.map((row, i) => {
        const answer = best(row);
        const said = `${names[answer]} ${Math.round(100 * row[answer]!)}%`;
        const text = answer === i ? `✓ ${said}` : `✗ ${said} (${names[i]})`;
        return paint(answer === i ? "green" : "red", centred(text));
      }),
    );
    output.say();
  }
  output.result(`  In this task ${right(after)} of ${after.length} are right; before adapting, ${right(before)}.`);
}

/** The same over all tasks of the run's evaluation: one task alone tells little. */
async function sayOfManyTasks(run: RunFolder, ways: number, output: Output): Promise<void> {
  const text = await readFile(join(run.path, "results.json"), "utf8");
  const { evaluations } = JSON.parse(text) as { evaluations: readonly Evaluation[] };
  const { rows, protocol } = evaluations[0]!;
  const name = figureNameOf(evaluations[0]);
  const [before, after] = [rows[0]!, rows.at(-1)!];
  const shown = ({ figures }: (typeof rows)[number]): string => withInterval(name, figures[name]!);
  output.result(
    `  Over ${count(Number(protocol.tasks))} such tasks: ${output.paint("bold", shown(after))} after ${counted(after.steps, "step")}, ${shown(before)} before adapting; guessing gives ${Math.round(100 / ways)}%.`,
  );
  output.say();
}
