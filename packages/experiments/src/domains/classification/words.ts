/** What tasks of classes are, in words. */
import type { TrainingTasks } from "@innerloop/core/learners";
import { countInWords } from "../../options/values.js";
import { count, counted } from "../../words.js";
import type { DataSplits } from "./data-splits.js";
import type { ClassificationValues } from "./options.js";

/** `omniglot: 4,400 classes to train on, 100 to validate, 423 held out` */
export function classesText(
  { data, split }: { readonly data: string; readonly split: { readonly name: string } },
  splits: DataSplits,
): string {
  const classes = (part: keyof DataSplits): string => count(splits[part].classes.length);
  const held =
    split.name === "examples"
      ? `${classes("train")} classes, with examples held out`
      : `${classes("train")} classes to train on, ${classes("validation")} to validate, ${classes("test")} held out`;
  return `${data}: ${held}`;
}

/** The sizes of tasks among options. */
type TaskSizes = Pick<ClassificationValues, "ways" | "trainWays" | "shots" | "trainShots" | "queries">;

/** `5-way 1-shot`, `20-way 1-shot (evaluated 5-way)`, `5 to 20-way 1-shot (evaluated 5-way)` */
function sizesText({ ways, trainWays = ways, shots, trainShots = shots }: TaskSizes): string {
  const evaluated = [
    ...(trainWays !== ways ? [`${ways}-way`] : []),
    ...(trainShots !== shots ? [`${shots}-shot`] : []),
  ];
  const trained = `${countInWords(trainWays)}-way ${countInWords(trainShots)}-shot`;
  return evaluated.length > 0 ? `${trained} (evaluated ${evaluated.join(" ")})` : trained;
}

/** Sizes of the tasks, or of batches and of the tasks that the learner is evaluated on. */
export function tasksText(options: TaskSizes, { train }: Pick<DataSplits, "train">, training: TrainingTasks): string {
  const { ways, shots, queries = shots } = options;
  const perClass = [
    ...(training.kind === "episodes with unlabelled examples"
      ? [counted(training.unlabelled, "unlabelled example")]
      : []),
    counted(queries, "query", "queries"),
  ].map((text) => `${text} per class`);
  if (training.kind !== "batches of all classes") return [sizesText(options), ...perClass].join(", ");
  const batches = `batches of ${counted(training.batch, "example")} of all ${counted(train.classes.length, "class", "classes")}`;
  return `${batches}; evaluated ${[`${ways}-way ${shots}-shot`, ...perClass].join(", ")}`;
}
