/** The tables of meta-reinforcement learning: policies that adapt, and policies that remember. */
import { type Flags, resolvePreset } from "../config/index.js";
import type { Cell, Column, GroupMean, Row, Table } from "./table.js";

/** Starts of a training; each has evaluated tasks of its own, too. */
const seeds = [0, 1, 2] as const;

/** A learner in an environment, with the figures that a paper has for it, by the name of the column. */
interface Chosen {
  readonly key: string;
  readonly title: string;
  readonly options: Flags;
  readonly published?: Readonly<Record<string, string>>;
  readonly source?: string;
  /** Columns that it has, where these are not all. */
  readonly columns?: readonly string[];
  /** Starts, where these are not three. */
  readonly seeds?: readonly number[];
  readonly baselines?: true;
  /** Baselines that it is compared with trial by trial. */
  readonly against?: readonly string[];
}

/** An environment, with what all learners have in it. */
interface Subject {
  readonly key: string;
  readonly title: string;
  readonly preset: string;
  readonly options: Flags;
  readonly learners: readonly Chosen[];
}

const groupOf = ({ title }: Subject, seed: number): string => `${title}, seed ${seed}`;

const rowsOf = (subjects: readonly Subject[], columns: readonly Column[]): Row[] =>
  subjects.flatMap((subject) =>
    seeds.flatMap((seed) =>
      subject.learners.flatMap(({ key, title, options: own, published = {}, source, ...chosen }): Row[] => {
        if (!(chosen.seeds ?? seeds).includes(seed)) return [];
        const options = { ...subject.options, ...own, ...(seed === 0 ? {} : { seed }) };
        const { iterations } = resolvePreset(subject.preset, options).training;
        const names = chosen.columns ?? columns.map(({ name }) => name);
        const cell = (name: string): Cell => (published[name] === undefined ? {} : { published: published[name] });
        return [
          {
            name: `${subject.key}-${key}-${seed}`,
            learner: title,
            group: groupOf(subject, seed),
            train: { preset: subject.preset, options: { ...options, iterations } },
            cells: Object.fromEntries(names.map((name) => [name, cell(name)])),
            ...(source === undefined ? {} : { source }),
            ...(chosen.baselines ? { baselines: true } : {}),
            ...(chosen.against ? { against: chosen.against } : {}),
          },
        ];
      }),
    ),
  );

const meansOf = (subjects: readonly Subject[]): GroupMean[] =>
  subjects.map((subject) => ({
    title: `${subject.title}, mean of ${seeds.length} seeds`,
    groups: seeds.map((seed) => groupOf(subject, seed)),
  }));

const finn = "Finn et al. 2017";

/** Returns before adaptation and after each step, of as many episodes a step as the papers test with. */
const bySteps = (options: Flags): readonly Column[] =>
  [0, 1, 2, 3].map((steps) => ({
    name: `${steps}`,
    title: steps === 0 ? "before" : `${steps} ${steps === 1 ? "step" : "steps"}`,
    options,
    steps,
  }));

const steps = (figures: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(figures.map((figure, i) => [`${i}`, figure]));

const oracle = {
  key: "oracle",
  title: "oracle, told its task",
  // It has nothing to adapt to: it is judged as it is.
  options: { learner: "joint", told: true, validateSteps: 0 },
} as const;
const pretrained = { key: "pretrained", title: "trained on all tasks, then fine-tuned" } as const;

const navigationSubjects: readonly Subject[] = [
  {
    key: "navigation",
    title: "2D navigation",
    preset: "navigation-2d",
    options: {},
    learners: [
      {
        key: "maml",
        title: "MAML, trust region",
        options: {},
        published: steps(["-40.4 ± 4.1", "-11.7 ± 2.2", "-3.3 ± 0.6", "-3.2 ± 0.6"]),
        source: finn,
        baselines: true,
      },
      {
        ...pretrained,
        options: { learner: "joint", innerRate: 0.1, iterations: 100 },
        published: steps(["-40.8", "-19.7", "-11.7", "-8.5"]),
        source: finn,
      },
      {
        ...oracle,
        options: { ...oracle.options, iterations: 100 },
        columns: ["0"],
        published: { 0: "-2.29" },
        source: finn,
      },
    ],
  },
];

const navigationColumns = bySteps({ episodes: 40 });

const navigation: Table = {
  name: "policies-navigation",
  title: "2D navigation: a policy that adapts by a handful of episodes",
  about:
    "Undiscounted return of an episode, mean over 100 held-out goals, 40 episodes a step of adaptation and after the last; the inner rate 0.5 at the first step and half of it later (0.1 where a policy was trained on all tasks, which is best of 0.02, 0.05, 0.1, 0.2, 0.3 and 0.5 on 20 other tasks). A point starts at 0, goals are uniform in [-0.5, 0.5]^2, the reward is -|x - goal|, an episode ends within 0.01 of the goal in both coordinates or after 100 steps. Published figures are recomputed from the result files of MAML's authors: 40 held-out goals, one start, the checkpoint of the best return in training, a network of 100-100 relu where ours is 64-64 tanh; their random start has -82.7 before and -46.8 after 3 steps.",
  metric: "return",
  columns: navigationColumns,
  rows: rowsOf(navigationSubjects, navigationColumns),
  means: meansOf(navigationSubjects),
};

/** The same tasks, learner and updates: only how an update is made of the episodes is other. */
const comparedOptions = { validateSteps: 1, validateEvery: 10 } as const;

const comparedSubjects: readonly Subject[] = [
  {
    key: "navigation",
    title: "2D navigation",
    preset: "navigation-2d",
    options: comparedOptions,
    learners: [
      { key: "lvc", title: "TRPO, LVC", options: {}, baselines: true },
      {
        key: "likelihood",
        title: "TRPO, log pi A",
        options: { surrogate: "log-likelihood" },
      },
      { key: "dice", title: "TRPO, DiCE", options: { pastDecay: 1 } },
      { key: "promp", title: "ProMP, LVC", options: { outer: "proximal" } },
    ],
  },
];

const comparedColumns = bySteps({ episodes: 40 }).slice(0, 3);

const compared: Table = {
  name: "policies-compared",
  title: "2D navigation: outer updates and surrogates compared",
  about:
    "MAML with the settings of the table above, an outer update (trust region, or ProMP's clipped ratios) and the surrogate of the inner step in each row, with the same tasks and as many episodes: 20 tasks of 20 episodes before adaptation and 20 after it an update, 100 updates, the checkpoint of the best validation after one step. ProMP takes five steps of Adam at 0.001 on each batch, clips at 0.3 and begins with a KL coefficient of 0.0005. DiCE counts the log-probabilities of all earlier steps of an episode, which makes its second derivatives unbiased and their variance large.",
  metric: "return",
  columns: comparedColumns,
  rows: rowsOf(comparedSubjects, comparedColumns),
  curves: "updates, of 20 tasks with 40 episodes each",
  means: meansOf(comparedSubjects),
};

const trialColumns: readonly Column[] = [{ name: "trial", title: "reward of a trial", options: {} }];

const rl2 = "Duan et al. 2016";
const mishra = "Mishra et al. 2018";

const bandits = (pulls: number, learners: readonly Chosen[]): Subject => ({
  key: `bandits-${pulls}`,
  title: `bandits, ${pulls} pulls of 5 arms`,
  preset: "bandits",
  options: pulls === 10 ? {} : { pulls },
  learners,
});

const trialSubjects: readonly Subject[] = [
  bandits(10, [
    { key: "rl2", title: "RL^2", options: {}, published: { trial: "6.7" }, source: rl2, baselines: true },
    { key: "snail", title: "SNAIL", options: { learner: "snail" }, published: { trial: "6.6" }, source: mishra },
    {
      key: "maml",
      title: "MAML, trust region: 5 pulls, then 5",
      options: { learner: "maml" },
      published: { trial: "6.5" },
      source: mishra,
    },
  ]),
  bandits(100, [
    {
      key: "rl2",
      title: "RL^2",
      options: { critic: 0.5, metaBatch: 300, iterations: 600, entropy: 0.06, entropyUpdates: 900 },
      published: { trial: "78.7" },
      source: rl2,
      baselines: true,
      against: ["Thompson sampling"],
    },
  ]),
  {
    key: "mdp",
    title: "decision processes, ten episodes of 10",
    preset: "tabular-mdp",
    options: {},
    learners: [
      {
        key: "rl2",
        title: "RL^2",
        options: {},
        published: { trial: "156.2" },
        source: rl2,
        baselines: true,
        against: ["PSRL"],
      },
      { key: "maml", title: "MAML, trust region: 5 episodes, then 5", options: { learner: "maml" } },
    ],
  },
];

const trials: Table = {
  name: "policies-trials",
  title: "Bandits and decision processes: policies that learn within a trial",
  about:
    "Reward of a trial from its first step on, mean over 1,000 held-out tasks. Bandits pay 1 with probabilities uniform in [0, 1]. RL^2 and SNAIL remember the trial; MAML acts in half of it by its initialisation, adapts by one step, and acts in the other half. Of 100 pulls RL^2 has a critic beside the policy (weight 0.5). Random choice, UCB1, Thompson sampling, greedy Bayes, the finite-horizon Gittins index and PSRL are played in the same trials; the oracle is told the task.",
  metric: "reward of a trial",
  columns: trialColumns,
  rows: rowsOf(trialSubjects, trialColumns),
  means: meansOf(trialSubjects),
};

const cheetahSubjects: readonly Subject[] = [
  {
    key: "cheetah-direction",
    title: "half-cheetah, direction",
    preset: "half-cheetah-direction",
    options: {},
    learners: [
      {
        key: "maml",
        title: "MAML, trust region",
        options: {},
        published: steps(["-50.7 ± 5.8", "293.2 ± 17.2", "313.5 ± 16.0", "315.7 ± 14.0"]),
        source: finn,
        baselines: true,
      },
      {
        ...pretrained,
        options: { learner: "joint", iterations: 50 },
        published: steps(["-43.0", "-24.8", "-12.9", "19.6"]),
        source: finn,
      },
    ],
  },
  {
    key: "cheetah-velocity",
    title: "half-cheetah, velocity",
    preset: "half-cheetah-velocity",
    options: {},
    learners: [
      {
        key: "maml",
        title: "MAML, trust region",
        options: {},
        published: steps(["-129.5 ± 16.8", "-78.6 ± 10.0", "-66.6 ± 9.1", "-60.8 ± 8.7"]),
        source: finn,
        baselines: true,
      },
      {
        ...pretrained,
        options: { learner: "joint", iterations: 50 },
        published: steps(["-158.0", "-135.4", "-128.5", "-133.6"]),
        source: finn,
      },
    ],
  },
];

const cheetahColumns = bySteps({});

const locomotion: Table = {
  name: "policies-locomotion",
  title: "Half-cheetah: a body that finds out where to run",
  about:
    "Undiscounted return of an episode of 200 decisions, 0.01 s each, by the settings of MAML's experiments in today's MuJoCo; mean over 100 held-out tasks, 20 episodes a step; the inner rate 0.1 at the first step and half of it later. Directions are two tasks: intervals are over draws of them and their episodes; velocities are uniform in [0, 2], and each is rewarded by -|v - v*|, with 10 episodes a step in training. Published figures are recomputed from the result files of MAML's authors: 40 tasks, one start, 100-100 relu where ours is 64-64 tanh.",
  metric: "return",
  columns: cheetahColumns,
  rows: rowsOf(cheetahSubjects, cheetahColumns),
  means: meansOf(cheetahSubjects),
};

/** The tables of policies, in the order in which they are listed. */
export const reinforcementTables: readonly Table[] = [navigation, compared, trials, locomotion];
