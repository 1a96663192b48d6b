/** The most steps that --eval-steps may name, and a record of a run or of an exported task. */
export const mostSteps = 1000;
