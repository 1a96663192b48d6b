/** An MDP of two states, two actions and three steps, all of whose trajectories are known. Policies are logits [state, action]. */
import { add, mul, sliceAxis, softmax, sub, sum, type Tensor, tensor } from "@innerloop/graph";
import { flat } from "../../numerical.fixture.js";

export const horizon = 3;
/** q(1 | s, a) of two states and actions, and r(s, a): numbers that float32 holds exactly. */
const toSecond = [0.25, 0.875, 0.625, 0.125];
export const rewards = [1, -0.5, 0.25, 2];

/** A course of states and actions. */
export interface Trajectory {
  /** 2 s + a of each step. */
  readonly pairs: readonly number[];
  /** The probability of the states, given the actions. */
  readonly chance: number;
}

/** All that there are. */
export const trajectories: readonly Trajectory[] = (function extend(so: Trajectory[], state: number[]): Trajectory[] {
  if (so[0]!.pairs.length === horizon) return so;
  const [longer, next]: [Trajectory[], number[]] = [[], []];
  for (const [i, { pairs, chance }] of so.entries()) {
    for (const action of [0, 1]) {
      const pair = 2 * state[i]! + action;
      const isLast = pairs.length === horizon - 1;
      for (const to of isLast ? [0] : [0, 1]) {
        const probability = isLast ? 1 : to === 1 ? toSecond[pair]! : 1 - toSecond[pair]!;
        longer.push({ pairs: [...pairs, pair], chance: chance * probability });
        next.push(to);
      }
    }
  }
  return extend(longer, next);
})([{ pairs: [], chance: 1 }], [0]);

export const count = trajectories.length;
/** The pairs of all steps, one trajectory after the other. */
export const steps = tensor(Int32Array.from(trajectories.flatMap(({ pairs }) => pairs)), [count * horizon]);
/** [count, 1] */
export const chances = flat(
  trajectories.map(({ chance }) => chance),
  [count, 1],
);

/** The expected return, by backward recursion over states: no trajectory is enumerated. */
export function exactReturn(logits: Tensor): Tensor {
  const policy = softmax(logits);
  const second = flat(toSecond, [2, 2]);
  let value = flat([0, 0], [2, 1]);
  for (let t = 0; t < horizon; t++) {
    const first = sliceAxis(value, 0, 0, 1);
    const rise = sub(sliceAxis(value, 0, 1, 2), first);
    const following = add(first, mul(second, rise));
    value = sum(mul(policy, add(flat(rewards, [2, 2]), following)), 1, { keepAxes: true });
  }
  return sum(sliceAxis(value, 0, 0, 1));
}
