import { CodedError } from "@innerloop/graph";

/** Codes of errors in training, evaluation and checkpoints. */
export const trainingErrorCodes = {
  ILR101: "an option of training or evaluation is out of range",
  ILR102: "the loss is not a finite number",
  ILR103: "there is nothing to run on",
  ILR104: "a training does not fit in memory",
  ILR105: "a value that enters is none: not finite, not a label of the classes at hand, or not of the shape needed",
  ILR106: "what adaptation or a prediction came to is not a finite number",
  ILR107: "a loss or metric takes no mask, and tasks are padded",
  ILR108: "a run that is to be saved where there is no file system",
  ILR201: "a checkpoint is damaged",
  ILR202: "a checkpoint belongs to another run",
  ILR301: "a learner that no programs can be written of that run elsewhere",
} as const;

/** Codes of `TrainingError`. */
export type TrainingErrorCode = keyof typeof trainingErrorCodes;

/** `ILR102 train: the loss is NaN at iteration 12. Lower the learning rate` */
export class TrainingError extends CodedError<TrainingErrorCode> {
  static {
    TrainingError.prototype.name = "TrainingError";
  }
}

/** The number, if it is whole and at least `least`. */
export function wholeOption(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TrainingError("ILR101", name, `${value}`, `Use a whole number, ${least} or more`);
}
