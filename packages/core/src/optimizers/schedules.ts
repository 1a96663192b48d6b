/** Rates of updates: numbers, trees of numbers, and schedules, which depend on how many updates came before. */
import {
  add,
  cos,
  div,
  floor,
  GraphError,
  leaves,
  mapTree,
  min,
  mul,
  pow,
  scalar,
  Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";

/** A rate that depends on how many updates came before: scalar -> scalar, both of the parameters' type. */
export type Schedule = (count: Tensor) => Tensor;

/** A number, a schedule, a scalar tensor, or a tree with a rate for each parameter (or each of its elements). */
export type LearningRate<Params extends Tree = Tree> = number | Schedule | Params | Tensor;

/** A number that may be learned: a scalar tensor where it is. */
export type OptimizerOption = number | Tensor;

/** Updates done so far, in the parameters' own type: rates and corrections that follow from it are of that type too. */
export const noUpdates = (params: Tree): Tensor => tensor(0, [], leaves(params)[0]?.dtype ?? "float32");

/** A rate as descriptions state it. */
export function describeRate(rate: LearningRate): string {
  return typeof rate === "number" ? String(rate) : typeof rate === "function" ? rate.name || "a schedule" : "learned";
}

/** Each leaf times the rate, or its own rate. */
export function timesRate<P extends Tree>(tree: P, rate: LearningRate, count: Tensor): P {
  if (typeof rate === "number") return mapTree((leaf) => mul(leaf, rate), tree);
  if (typeof rate === "function") {
    const now = rate(count);
    return mapTree((leaf) => mul(leaf, now), tree);
  }
  if (rate instanceof Tensor) return mapTree((leaf) => mul(leaf, rate), tree);
  return mapTree((leaf, own) => mul(leaf, own!), tree, rate as P);
}

/** From `from` to `to` in a straight line over `steps` updates, then constant. */
export function linearSchedule(from: number, to: number, steps: number): Schedule {
  requirePositive("linearSchedule", steps);
  return Object.defineProperty((count: Tensor) => add(mul(min(div(count, steps), 1), to - from), from), "name", {
    value: `linear ${from} to ${to} over ${steps}`,
  });
}

/**
 * Half a cosine from `from` to `to` over `steps` updates, then constant (Loshchilov & Hutter 2017, without restarts).
 */
export function cosineSchedule(from: number, to: number, steps: number): Schedule {
  requirePositive("cosineSchedule", steps);
  const rate: Schedule = (count) => add(mul(add(cos(mul(min(div(count, steps), 1), Math.PI)), 1), (from - to) / 2), to);
  return Object.defineProperty(rate, "name", { value: `cosine ${from} to ${to} over ${steps}` });
}

/** `from`, multiplied by `factor` every `every` updates. */
export function stepSchedule(from: number, factor: number, every: number): Schedule {
  requirePositive("stepSchedule", every);
  const rate: Schedule = (count) => mul(pow(scalar(factor, count.dtype), floor(div(count, every))), from);
  return Object.defineProperty(rate, "name", { value: `${from} times ${factor} every ${every}` });
}

/** @throws IL102 where a number is not above 0 */
export function requirePositive(operation: string, value: number): void {
  if (!(value > 0)) throw new GraphError("IL102", operation, `${value}`, "Use a number above 0");
}
