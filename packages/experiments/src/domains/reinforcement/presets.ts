/** Presets of environments. */
import { learnerNames } from "@innerloop/core";
import { learnerEntry } from "@innerloop/core/learners";
import type { PartialConfig } from "../../config/index.js";
import { leadingWord } from "../../options/training-options.js";
import type { Preset } from "../domain.js";

/** MAML with a trust region, as Finn et al. 2017 have it but for what a preset says. */
export const ofGradientSteps = (
  environment: string,
  { domain = {}, learner = {}, training = {} }: PartialConfig = {},
): PartialConfig => ({
  domain: { environment: { name: environment }, ...domain },
  learner: { name: "maml", steps: 1, innerRate: 0.1, ...learner },
  network: { name: "policy" },
  training: {
    metaBatch: 20,
    iterations: 100,
    checkpointEvery: 5,
    validateEvery: 10,
    validationTasks: 20,
    bestBy: leadingWord,
    ...training,
  },
  evaluation: { evalTasks: 100, evalSteps: [0, 1, 2, 3] },
});

/** Trials as learners with a memory take them: PPO over whole ones. */
const withMemory = (
  environment: string,
  { domain = {}, learner = {}, training = {} }: PartialConfig,
): PartialConfig => ({
  domain: { environment: { name: environment }, lambda: 0.9, ...domain },
  learner: { name: "rl2", ...learner },
  network: { name: "policy" },
  training: {
    metaBatch: 500,
    outerRate: 3e-3,
    schedule: "linear",
    validationTasks: 500,
    bestBy: leadingWord,
    ...training,
  },
  evaluation: { evalTasks: 1000, evalSteps: [0, 1] },
});

/** The same as learners that adapt in steps take them: by half of the episodes, to act in the other half. */
const inSteps = (trialEpisodes: number): Readonly<Record<string, PartialConfig>> => {
  const config: PartialConfig = {
    domain: { episodes: trialEpisodes / 2, outer: { name: "trust-region" }, discount: 0.99, lambda: 1 },
    learner: { innerRate: 1 },
    training: { metaBatch: 100, iterations: 300, validateEvery: 25, checkpointEvery: 25, validationTasks: 400 },
  };
  const names = learnerNames.filter((name) => {
    const { kinds, takesSteps } = learnerEntry(name);
    return takesSteps && kinds.includes("policy");
  });
  return Object.fromEntries(names.map((name) => [name, config]));
};

const published = "Finn, Abbeel & Levine 2017";

/** Presets of environments, in the order in which help lists them. */
export const environmentPresets = {
  "navigation-2d": {
    summary: `a point finds its goal in the plane: a policy adapts by 20 episodes (${published})`,
    protocol:
      "Goals U[-0.5, 0.5]^2, reward -|x - goal|, 100 steps at most; 20 tasks of 20 episodes an update, alpha 0.5 and half of it in later steps, KL 0.01; a network of 64-64 tanh, where theirs is 100-100 relu",
    config: ofGradientSteps("navigation-2d", {
      // As deviations shrink, steps of one rate come to overshoot: what is best after one step need not be after three.
      learner: { innerRate: 0.5, validateSteps: 3 },
      training: { iterations: 100, validateEvery: 20, validationTasks: 40 },
    }),
  },
  bandits: {
    summary: "Bernoulli bandits: trials of 10 pulls of 5 arms (Duan et al. 2016)",
    protocol: "Means U[0, 1], a trial of 10 pulls of 5 arms, all of whose rewards count",
    config: withMemory("bandits", {
      domain: { outer: { name: "proximal", clipRatio: 0.2, entropy: 0.05, entropyUpdates: 400 } },
      learner: { units: 48 },
      training: { iterations: 500, validateEvery: 50, checkpointEvery: 50 },
    }),
    learners: inSteps(10),
  },
  "tabular-mdp": {
    summary: "random decision processes of 10 states: trials of ten episodes (Duan et al. 2016)",
    protocol:
      "10 states, 5 actions, transitions Dirichlet(1), rewards N(rho, 1), rho ~ N(1, 1); ten episodes of 10 steps, all of whose rewards count",
    config: withMemory("tabular-mdp", {
      // What an action is worth in a state shows in the next few rewards; of all that come it is lost in their noise. Much
      // entropy for long: a policy that settles early treats the process as one bandit, whatever the state.
      domain: {
        outer: { name: "proximal", clipRatio: 0.2, entropy: 0.06, entropyUpdates: 2200, passes: 4, parts: 4 },
        discount: 0.6,
        lambda: 0.9,
      },
      learner: { units: 96, critic: 0.5 },
      training: { metaBatch: 200, outerRate: 3e-3, iterations: 2000, validateEvery: 100, checkpointEvery: 50 },
    }),
    learners: inSteps(10),
  },
  "half-cheetah-direction": {
    summary: `a runner finds out whether to run forward or backward; needs @innerloop/mujoco (${published})`,
    protocol:
      "rllab's settings: a decision every 0.01 s for 2 s; 40 tasks of 20 episodes an update, alpha 0.1, KL 0.02; a network of 64-64 tanh, where theirs is 100-100 relu",
    config: ofGradientSteps("half-cheetah-direction", {
      domain: { outer: { name: "trust-region", kl: 0.02 } },
      training: { metaBatch: 40 },
    }),
  },
  "half-cheetah-velocity": {
    summary: `a runner finds out how fast to run; needs @innerloop/mujoco (${published})`,
    protocol:
      "rllab's settings: a decision every 0.01 s for 2 s, velocities U[0, 2]; 40 tasks of 10 episodes an update, alpha 0.1, KL 0.01; a network of 64-64 tanh, where theirs is 100-100 relu",
    config: ofGradientSteps("half-cheetah-velocity", {
      domain: { episodes: 10 },
      training: { metaBatch: 40, iterations: 475 },
    }),
  },
  "ant-direction": {
    summary: `a body with four legs finds out where to walk; needs @innerloop/mujoco (${published})`,
    protocol:
      "rllab's settings: a decision every 0.02 s for 4 s; 40 tasks of 20 episodes an update, where theirs are 40, alpha 0.1, KL 0.01; a network of 64-64 tanh, where theirs is 100-100 relu",
    config: ofGradientSteps("ant-direction", { training: { metaBatch: 40, iterations: 575 } }),
  },
} as const satisfies Readonly<Record<string, Preset>>;
