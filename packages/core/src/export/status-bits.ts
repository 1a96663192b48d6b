/** Bits of the output `status`, which is 0 where nothing is wrong. */
export const statusBits = {
  /** A label of a row that is there is none of the task's classes. */
  labelOutOfRange: 1,
  /** No row of the support set is there, and the learner has no answer without. */
  noExample: 2,
  /** A result is not a finite number. */
  notFinite: 4,
  /** The number of steps is below 0; none were taken. */
  negativeSteps: 8,
  /** Another number of steps than the one that the model is written for, which were taken. */
  otherSteps: 16,
} as const;
