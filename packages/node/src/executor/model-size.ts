import type { Estimate } from "@innerloop/graph";

/** Whether a model runs for no more than about 2 ms. An operator costs about as much as 10,000 multiplications. */
export const isSmall = ({ operations, nodes }: Estimate): boolean => operations + 10_000 * nodes <= 5e7;
