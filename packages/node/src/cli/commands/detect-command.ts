/** `innerloop detect`: objects of new classes in pictures, from a few marked ones. */
import { mkdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { cocoDataset, type MarkedPictures } from "@innerloop/core/detection";
import {
  domainOf,
  type Flags,
  type FoundObject,
  type LongWork,
  openModel,
  UsageError,
  untrainedModel,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import { machineIo } from "../../data/machine-io.js";
import { writeCocoJson } from "../../data/pictures/coco-writing.js";
import { drawnDetections } from "../../data/pictures/drawn-detections.js";
import { writeAtomically, writeFully } from "../../data/store/atomic-write.js";
import { type RunFolder, shown } from "../../runs/run-folder.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { openRunFor } from "../run-experiment-file.js";
import { columns, counted } from "../terminal.js";
import { machineOf } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";

export interface DetectRequest {
  /** The run; none where an encoder stands in for it. */
  readonly folder: string | undefined;
  readonly images: readonly string[];
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Scores from which objects are told. */
const usualScore = 0.3;

/** A picture with what was found in it. */
interface Detected {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly FoundObject[];
}

/** Adapts a detector to marked pictures, and tells, draws and writes what it finds in others. */
export async function detectCommand(
  { folder, images, chosen, invocation }: DetectRequest,
  output: Output,
): Promise<void> {
  const run = folder === undefined ? undefined : await openRunFor(folder, output);
  const { support, out, leastScore = usualScore, steps, checkpoint: wanted, backbone, backboneOutput } = invocation;
  if (!run && backbone === undefined)
    throw new UsageError(
      "there is no run",
      "Give one of detection; or, for photos, an encoder in its place: --backbone efficientnet-cells",
    );
  const { config } = run?.config ?? {};
  if (run && !(config && domainOf(config).adaptation?.objectsOf))
    throw new UsageError(
      `${shown(run.path)} is ${config ? `of ${domainOf(config).title}` : "a run of a program's own"}, and detect is for runs of detection`,
      "Train one with `innerloop train scenes`; `innerloop adapt` puts others to use",
    );
  if (!run && (steps !== undefined || wanted !== undefined))
    throw new UsageError(
      `${steps === undefined ? "--checkpoint" : "--steps"} without a run`,
      "Leave it out: an encoder takes no steps, and has one set of parameters",
    );
  if (support === undefined)
    throw new UsageError("there is no --support", "Give a folder of pictures with marks (docs/detection.md)");
  if (images.length === 0) throw new UsageError("there are no --images", "Give files, or folders of images");
  const executor = await openExecutor({ ...machineOf(chosen), ...fewRuns }, output);
  try {
    const { model, ...origin } = run
      ? await openedRun(run, { executor, checkpoint: wanted })
      : await untrainedDetector({ backbone: backbone!, backboneOutput }, { executor, onWarning: output.warn });
    const onNote = (): void => undefined;
    const task = await model.adapt(support, { steps: steps ?? model.usualSteps, onWarning: output.warn, onNote });
    output.say(output.paint("dim", `  ${task.support.text}`));
    for (const note of task.support.notes) output.say(output.paint("dim", `  ${note}`));
    output.say();
    const { records, answers } = await task.answer(await task.fromFiles(images, { onWarning: output.warn }), {
      onWarning: output.warn,
    });
    const detected = answers.map((answer, i): Detected => {
      const { objects, width, height } = task.objectsOf(answer)!;
      return {
        name: String(records[i]!.picture),
        ...{ width, height },
        objects: objects.filter(({ score }) => score >= leastScore),
      };
    });
    output.event({ type: "adapted", ...origin, ...task.support.facts });
    for (const each of detected) output.event({ type: "detected", ...each });
    output.result(tableOf(detected, output));
    if (out !== undefined) {
      const files = await writeDetections(out, detected, task.support.classes!);
      output.say();
      output.say(`  Written: ${counted(files.length, "picture")} and detections.json in ${shown(out)}`);
    }
  } finally {
    await executor.close();
  }
}

/** The detector of a run, and which it is, for machines. */
async function openedRun(
  run: RunFolder,
  setting: { readonly executor: Executor; readonly checkpoint: "best" | "last" | undefined },
) {
  const { model, checkpoint, iteration } = await openModel(run, { io: machineIo, ...setting });
  return { model, run: shown(run.path), checkpoint, iteration };
}

/** A detector that an encoder alone makes. */
async function untrainedDetector(
  { backbone, backboneOutput }: { readonly backbone: string; readonly backboneOutput: string | undefined },
  setting: LongWork & { readonly executor: Executor },
) {
  const flags = { backbone, ...(backboneOutput === undefined ? {} : { backboneOutput }) };
  return { model: await untrainedModel("photos", flags, { io: machineIo, ...setting }), backbone };
}

/** A line for each object, the surest of a picture first; of a picture without any one that says so. */
function tableOf(detected: readonly Detected[], { paint }: Output): string {
  const rows = detected.flatMap(({ name, objects }): string[][] =>
    objects.length === 0
      ? [[name, "nothing", "", ""]]
      : objects.map((object, i) => [
          i === 0 ? name : "",
          object.class,
          object.score.toFixed(2),
          boxText(object.box.map(Math.round) as [number, number, number, number]),
        ]),
  );
  const lines = columns([["picture", "class", "score", "box"], ...rows], [0, 1, 3], 3);
  return lines.map((line, i) => `  ${i === 0 ? paint("dim", line) : line}`).join("\n");
}

/** `30 x 28 at 12, 40`, in the picture's pixels. */
const boxText = ([x, y, width, height]: readonly [number, number, number, number]): string =>
  `${width} x ${height} at ${x}, ${y}`;

/** Writes pictures with their boxes and one file of all boxes in the form of COCO, each aside and then in place. */
async function writeDetections(
  folder: string,
  detected: readonly Detected[],
  classes: readonly string[],
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const names = namesApart(detected.map(({ name }) => basename(name)));
  const files: string[] = [];
  for (const [i, picture] of detected.entries()) {
    const file = join(folder, `${stemOf(names[i]!)}.png`);
    const bytes = await drawnDetections(picture.name, picture, classes);
    await writeAtomically(file, (handle) => writeFully(handle, bytes));
    files.push(file);
  }
  const set: MarkedPictures = {
    name: "detections",
    classNames: classes,
    pictures: detected.map(({ width, height }, i) => ({
      ...{ name: names[i]!, path: names[i]!, width, height },
      objects: [],
    })),
  };
  const boxes = detected.map(({ objects }) =>
    objects.map(({ class: name, score, box: [x, y, width, height] }) => ({
      box: { x, y, width, height },
      label: classes.indexOf(name),
      score,
    })),
  );
  await writeCocoJson(join(folder, "detections.json"), cocoDataset(set, boxes));
  return files;
}

/** Names of which no two would be one file: later ones of a name have a number that no other has. */
function namesApart(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const [stem, extension] = [stemOf(name), extname(name)];
    let own = stem;
    for (let n = 2; taken.has(own.toLowerCase()); n++) own = `${stem}-${n}`;
    taken.add(own.toLowerCase());
    return own + extension;
  });
}

/** A file's name without its extension. */
const stemOf = (name: string): string => basename(name, extname(name));
