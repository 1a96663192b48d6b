/** What texts and their tasks are, in words. */
import { countInWords } from "../../options/values.js";
import { count, counted } from "../../words.js";
import { classesText, tasksText } from "../classification/words.js";
import type { LearnerNeeds } from "../domain.js";
import type { TextValues } from "./options.js";
import type { TextData } from "./reading.js";
import { areFixed } from "./tasks.js";

/** `clinc150: 50 classes to train on, 50 to validate, 50 held out`; of domains their names. */
export function textsText(options: TextValues, data: TextData): string {
  if (data.by === "classes") return classesText(options, data.splits);
  const { train, validation, test } = data.parts;
  const names = (part: readonly { readonly name: string }[]): string => {
    const listed = part.slice(0, 6).map(({ name }) => name);
    return `${listed.join(", ")}${part.length > listed.length ? ` and ${count(part.length - listed.length)} more` : ""}`;
  };
  const left = data.leftOut.length > 0 ? `; left out with them: ${data.leftOut.join(", ")}` : "";
  const isShared = validation.every((each) => train.some(({ name }) => name === each.name));
  const validated = isShared ? "other texts of these" : names(validation);
  return `${options.data}: domains ${names(train)} to train on, ${validated} to validate, ${names(test)} held out${left}`;
}

/** Sizes of the tasks. */
export function textTasksText(options: TextValues, data: TextData, { training }: LearnerNeeds): string {
  if (data.by === "classes") return tasksText(options, data.splits, training);
  const { shots, queries = Math.max(1, shots), trainShots = shots } = options;
  const classes = areFixed(options)
    ? `all ${data.parts.test[0]?.data.classes.length} classes`
    : `${options.ways} classes numbered anew`;
  const evaluated = trainShots === shots ? "" : ` (evaluated ${shots}-shot)`;
  return `a task is of one domain, ${classes}, ${countInWords(trainShots)}-shot${evaluated}, ${counted(queries, "query", "queries")} per class`;
}
