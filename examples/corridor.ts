// An environment of one's own in one file: innerloop train examples/corridor.ts
import { random } from "innerloop";
import { box, discrete, type Environment, environmentFamily } from "innerloop/reinforcement";

/** A corridor with its exit at one end: which, only the reward tells. */
function corridor({ exit }: { readonly exit: number }): Environment {
  let [x, t] = [0, 0];
  const seen = () => [x / 5, t / 20];
  return {
    observation: box({ shape: 2 }),
    action: discrete(3),
    reset: () => {
      [x, t] = [0, 0];
      return { observation: seen() };
    },
    step: (action) => {
      [x, t] = [x + Number(action) - 1, t + 1];
      const there = x === exit;
      return { observation: seen(), reward: there ? 10 : -1, terminated: there, truncated: t === 20 };
    },
  };
}

export default environmentFamily({
  name: "corridor",
  horizon: 20,
  description: { reward: "-1 a step, 10 at the exit" },
  task: (seed: number, index: number) => ({ exit: random(seed, index).integer(2) === 0 ? -5 : 5 }),
  make: corridor,
});
