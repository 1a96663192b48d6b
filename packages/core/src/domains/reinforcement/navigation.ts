/** Navigation of a point in the plane, as in MAML's experiments. */
import { random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import { box, EnvironmentError, wholeOption } from "./environment.js";
import { type RowFamily, rowFamily, taskFields, taskNumbers } from "./row-dynamics.js";

/** A task of navigation: where the point is to go. (A type and not an interface: so it is an `EnvironmentTask`.) */
export type NavigationTask = {
  /** [2] */
  readonly goal: readonly number[];
};

/** Options of 2D navigation. */
export interface NavigationOptions {
  /** Steps of an episode, 100 by default. */
  readonly horizon?: number;
  /** Goals lie in [-range, range]^2; 0.5 by default. */
  readonly goalRange?: number;
  /** The reward: -|x - goal| as in MAML's code and figures, or -|x - goal|^2 as in its text. */
  readonly reward?: "distance" | "squared-distance";
}

/** The most that a step moves in each coordinate. */
const stride = 0.1;
/** Coordinates of goals that anyone may give, at most: beyond them squares leave float32, and a goal is a mistake. */
const farthest = 1000;
/** An episode is over where both coordinates are as near to the goal. */
const tolerance = 0.01;

/**
 * 2D navigation of MAML (Finn, Abbeel and Levine 2017, section 5.3), as its code has it: the point starts at 0 and moves by
 *
 *   x_{t+1} = x_t + 0.1 clip(a_t, -1, 1),    r_t = -|x_{t+1} - goal|,    goal ~ U[-0.5, 0.5]^2
 *
 * until it is within 0.01 of the goal in both coordinates, or for 100 steps. The policy does not see the goal. Observations
 * are x, [2]; actions [2], in units of the range of a step. (pytorch-maml-rl feeds raw actions, of deviation 1, into +-0.1:
 * they saturate. The paper's text squares the distance; its code and its figures do not.)
 *
 * @throws EnvironmentError ILE101 for a horizon below 1, or a goal range that is not above 0
 * @example navigation2d().vectorized([{ goal: [0.3, -0.1] }], 20)
 */
export function navigation2d({
  horizon = 100,
  goalRange = 0.5,
  reward = "distance",
}: NavigationOptions = {}): RowFamily<NavigationTask> {
  const name = "navigation-2d";
  wholeOption(name, "horizon", horizon);
  if (!(Number.isFinite(goalRange) && goalRange > 0)) {
    const problem = `goalRange is ${shownValue(goalRange)}`;
    throw new EnvironmentError("ILE101", { environment: name }, problem, "Give a number above 0, such as 0.5");
  }
  const power = { distance: 1, "squared-distance": 2 }[reward];
  if (power === undefined) {
    const remedy = 'Give "distance" or "squared-distance"';
    throw new EnvironmentError("ILE101", { environment: name }, `reward is ${shownValue(reward)}`, remedy);
  }
  return rowFamily<NavigationTask, readonly number[]>(
    {
      name,
      observation: box({ shape: 2 }),
      action: box({ shape: 2, low: -1, high: 1 }),
      horizon,
      size: 2,
      prepare: ({ goal }) => goal,
      start: (_, __, state, at) => {
        state[at] = 0;
        state[at + 1] = 0;
      },
      step(goal, actions, from, state, at) {
        state[at]! += stride * actions[from]!;
        state[at + 1]! += stride * actions[from + 1]!;
        const [dx, dy] = [state[at]! - goal[0]!, state[at + 1]! - goal[1]!];
        const squared = dx * dx + dy * dy;
        return -(power === 2 ? squared : Math.sqrt(squared));
      },
      hasEnded: (goal, state, at) =>
        Math.abs(state[at]! - goal[0]!) < tolerance && Math.abs(state[at + 1]! - goal[1]!) < tolerance,
      observe(_, state, at, observations, to) {
        observations[to] = state[at]!;
        observations[to + 1] = state[at + 1]!;
      },
    },
    {
      description: {
        horizon,
        start: "0",
        goal: `-${goalRange} to ${goalRange} in each coordinate`,
        actions: `[-1, 1], scaled to +-${stride} and clipped`,
        reward: power === 2 ? "-|x - goal|^2" : "-|x - goal|",
        over: `within ${tolerance} of the goal in each coordinate`,
      },
      pictures: [
        { kind: "path", title: "path of the point", at: ([x, y]) => [x!, y!], goal: ({ goal: [x, y] }) => [x!, y!] },
      ],
      task(seed, index) {
        const source = random(seed, index);
        return { goal: [source.uniform(-goalRange, goalRange), source.uniform(-goalRange, goalRange)] };
      },
      context: ({ goal }) => Float32Array.from(goal),
      // Goals beyond the range are tasks as well, if other ones than were trained on.
      parseTask: (json) => ({
        goal: taskNumbers(name, "goal", taskFields(name, json, ["goal"]).goal, 2, [-farthest, farthest]),
      }),
    },
  );
}
