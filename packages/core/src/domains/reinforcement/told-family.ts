/** Families whose observations tell the task, which no learner knows: those of an oracle. */
import { box, EnvironmentError, type EnvironmentFamily, type EnvironmentTask, observationSize } from "./environment.js";

/**
 * A family with `context(task)` behind each observation, [n + c]: a policy that is trained in it without adaptation is what
 * adaptation could reach at best, the oracle of MAML's tables (Finn et al. 2017).
 *
 * @throws EnvironmentError ILE101 where the family does not tell its tasks
 * @example policyCollector({ family: toldFamily(navigation2d()), steps: 0 })
 */
export function toldFamily<T extends EnvironmentTask>(family: EnvironmentFamily<T>): EnvironmentFamily<T> {
  const { name, context } = family;
  if (!context) {
    const remedy = "Give the family `context(task)`: numbers that tell a task";
    throw new EnvironmentError("ILE101", { environment: name }, "nothing tells its tasks, as an oracle needs", remedy);
  }
  const [own, told] = [observationSize(family.observation), context(family.task(0, 0)).length];
  const size = own + told;
  return {
    ...family,
    description: { ...family.description, observation: `with the ${told} numbers that tell the task` },
    observation: box({ shape: size }),
    vectorized: (tasks, episodes) => {
      const environment = family.vectorized(tasks, episodes);
      const { rows } = environment;
      const contexts = tasks.map((task) => context(task));
      const observations = new Float32Array(rows * size);
      const observe = (): void => {
        for (let row = 0; row < rows; row++) {
          observations.set(environment.observations.subarray(row * own, (row + 1) * own), row * size);
          observations.set(contexts[Math.floor(row / episodes)]!, row * size + own);
        }
      };
      return {
        rows,
        observations,
        rewards: environment.rewards,
        terminated: environment.terminated,
        truncated: environment.truncated,
        reset: async (addresses) => {
          await environment.reset(addresses);
          observe();
        },
        step: async (actions) => {
          await environment.step(actions);
          observe();
        },
        state: () => environment.state(),
        restore: (state) => {
          environment.restore(state);
          observe();
        },
        close: () => environment.close(),
      };
    },
  };
}
