/** `innerloop start`: a first look, from nothing to a model that reads characters it has never seen. */
import { tensor } from "@innerloop/graph";
import { random, readExample, splitSeed } from "innerloop";
import type { DataSplits } from "../presets/data-splits.js";
import type { ExperimentOptions, InvocationOptions } from "../presets/option-table.js";
import { readChosenSteps } from "../runs/adaptation-steps.js";
import { classify } from "../runs/classify.js";
import { loadParams } from "../runs/results.js";
import { inCommand, newRunPath, openRun, shown } from "../runs/run-folder.js";
import { commandName } from "./command-name.js";
import { brailleArt } from "./image-art.js";
import { fewRuns, openExecutor } from "./open-executor.js";
import type { Output } from "./output.js";
import { prepareRun } from "./prepare.js";
import { counted, padEnd, widthOf, wrapped } from "./terminal.js";
import { trainCommand } from "./train-command.js";

/** A shorter run of the preset hanzi. */
const startOptions = { iterations: 800, validateEvery: 400, validationTasks: 60 } as const;

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
    [
      `${commandName()} eval ${inCommand(run)} --shots 5 --eval-steps 0,1,5,10,20`,
      "five examples of each instead of one",
    ],
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
  readonly query: readonly Float32Array[];
}

/** Classes that were held out, one example of each to adapt to and another to recognise. */
function sampleOneTask({ test }: DataSplits, ways: number, seed: number): OneTask {
  const source = random(splitSeed(seed, "test"), 2 ** 40);
  const size = test.exampleShape.reduce((a, b) => a * b, 1);
  const classes = source.choose(test.classes.length, ways).map((index) => test.classes[index]!);
  const pairs = classes.map((entry) =>
    source.choose(entry.count, 2).map((example) => {
      const pixels = new Float32Array(size);
      readExample(test, entry, example, pixels, 0);
      return pixels;
    }),
  );
  return {
    names: classes.map(({ name }) => name),
    support: pairs.map(([first]) => first!),
    query: pairs.map(([, second]) => second!),
  };
}

async function showOneTask(path: string, output: Output): Promise<void> {
  const run = await openRun(path);
  const { options } = run.config;
  const { experiment, splits } = await prepareRun(run, options, output);
  if (!splits) return;
  const task = sampleOneTask(splits, options.ways, options.seed);
  const { params, ...behind } = await loadParams(run, experiment.learner);
  const steps = (await readChosenSteps(run, behind))?.steps ?? Math.max(...options.evalSteps);
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
    const probabilitiesAfter = (count: number) =>
      classify({ learner: experiment.learner, params, support, query: stacked(task.query), steps: count, executor });
    const [before, after] = [await probabilitiesAfter(0), await probabilitiesAfter(steps)];
    drawTask(task, before, after, steps, shape, output);
    output.event({ type: "example task", classes: task.names, steps, before, after });
  } finally {
    await executor.close();
  }
}

function drawTask(
  task: OneTask,
  before: readonly number[][],
  after: readonly number[][],
  steps: number,
  shape: readonly number[],
  output: Output,
): void {
  const { paint } = output;
  const [height = 28, width = 28] = shape;
  const pictures = (images: readonly Float32Array[]): string[][] =>
    images.map((image) => brailleArt(image, height, width));
  const cell = Math.ceil(width / 2) + 2;
  // A narrow terminal shows as many of the classes as fit.
  const fits = Math.max(1, Math.min(task.names.length, Math.floor((output.width - 2) / cell)));
  const row = (cells: readonly string[]): string =>
    `  ${cells
      .slice(0, fits)
      .map((text) => padEnd(text, cell))
      .join("")}`.trimEnd();
  const centred = (text: string): string => " ".repeat(Math.max(0, Math.floor((cell - 2 - widthOf(text)) / 2))) + text;
  const draw = (images: readonly Float32Array[]): void => {
    const art = pictures(images);
    for (let line = 0; line < art[0]!.length; line++) output.result(row(art.map((lines) => lines[line]!)));
  };
  const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));
  const right = (rows: readonly number[][]): number => rows.filter((row, i) => best(row) === i).length;

  output.say(
    `  ${paint("bold", "One new task")}, of characters that it never practised on. It is shown one example of each:`,
  );
  output.say();
  draw(task.support);
  output.result(row(task.names.map(centred)));
  output.say();
  output.say(`  and asked which is which in another hand. Its answers after ${counted(steps, "step")}:`);
  output.say();
  draw(task.query);
  output.result(
    row(
      after.map((row, i) => {
        const answer = best(row);
        const text = `${answer === i ? "✓" : "✗"} ${task.names[answer]} ${Math.round(100 * row[answer]!)}%`;
        return paint(answer === i ? "green" : "red", centred(text));
      }),
    ),
  );
  const wrong = after.flatMap((row, i) => (best(row) === i ? [] : [`${task.names[i]} for ${task.names[best(row)]}`]));
  output.say();
  output.result(
    `  ${right(after)} of ${task.names.length} right; ${right(before)} of ${task.names.length} before adapting.${wrong.length > 0 ? ` It took ${wrong.join(", ")}.` : ""}`,
  );
  output.say();
}
