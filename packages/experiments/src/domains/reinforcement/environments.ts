/** The environments that come along, by the names that options have for them. */
import { type OptionGroup, type OptionValues, optionGroup } from "@innerloop/core/learners";
import {
  banditOracle,
  bernoulliBandits,
  type EnvironmentFamily,
  type EnvironmentTask,
  gittinsIndex,
  greedyBayes,
  type KnownPolicyRow,
  knownPolicyRow,
  mdpOracle,
  navigation2d,
  posteriorSampling,
  randomPolicy,
  tabularMdps,
  thompsonSampling,
  ucb1,
} from "@innerloop/core/reinforcement";
import type { EnvironmentIo, LocomotionRequest } from "../../environment-io.js";

/** The purpose that a family is made for, beside its own options. */
export interface FamilySetting {
  /** Steps of an episode, where they were asked for. */
  readonly horizon?: number | undefined;
  /** Whether the learner keeps a memory over the episodes of a trial, and need not have whole episodes to adapt by. */
  readonly isMemory: boolean;
  readonly io: EnvironmentIo;
}

/** A kind of environment: a family of them, its options, and who else plays in it. */
export interface EnvironmentEntry<O extends OptionGroup = OptionGroup> {
  /** A few words. */
  readonly summary: string;
  readonly options: O;
  /** Whether a task is a trial of several episodes, whose reward counts from the first one on. */
  readonly trials?: true;
  /** The preset whose settings it has, where that is not the one of its name. */
  readonly settingsOf?: string;
  /** Whether episodes may be of another length. */
  readonly anyHorizon?: true;
  /** Whether `family` gives the same one each time, which others use too: nobody closes it. */
  readonly isShared?: true;
  /** Tasks to begin with, where these are short: those of its usual options. */
  readonly examples?: readonly EnvironmentTask[];
  family(options: OptionValues<O>, setting: FamilySetting): EnvironmentFamily | Promise<EnvironmentFamily>;
  /** Policies that nobody trains, in the same trials. */
  known?(options: OptionValues<O>): readonly KnownPolicyRow[];
}

const entry = <const O extends OptionGroup>(record: EnvironmentEntry<O>): EnvironmentEntry<O> => record;

/** A family by its record, whatever its tasks: they are plain records to all but the family itself. */
const anyTask = <T extends EnvironmentTask>(family: EnvironmentFamily<T>): EnvironmentFamily =>
  family as unknown as EnvironmentFamily;

const ofHorizon = ({ horizon }: FamilySetting): { readonly horizon?: number } =>
  horizon === undefined ? {} : { horizon };

const locomotionExamples = {
  direction: { direction: -1 },
  velocity: { velocity: 1.5 },
  "direction-2d": { direction: [0.6, 0.8] },
} as const satisfies Readonly<Record<LocomotionRequest["goal"], EnvironmentTask>>;

const locomotion = <const P extends readonly string[]>(
  summary: string,
  protocols: P,
  asked: Pick<LocomotionRequest, "body" | "goal">,
) =>
  entry({
    summary,
    anyHorizon: true,
    examples: [locomotionExamples[asked.goal]],
    options: optionGroup({
      protocol: {
        kind: "choice",
        choices: protocols,
        default: "maml",
        help: "of half-cheetah and ant, whose settings: those of MAML's experiments (a decision every 0.01 or 0.02 s), of ProMP's, learn2learn's, pytorch-maml-rl's, or Gymnasium's own",
      },
      physicsWorkers: {
        kind: "integer",
        absent: "one per core",
        least: 0,
        most: 256,
        help: "threads that simulate half-cheetahs and ants; results are the same for any number",
        inEvaluation: true,
        onResume: true,
        ofMachine: true,
      },
    }),
    family: ({ protocol, physicsWorkers }, setting) =>
      setting.io.locomotion({
        ...asked,
        protocol: protocol as string,
        ...ofHorizon(setting),
        ...(physicsWorkers === undefined ? {} : { workers: physicsWorkers }),
      }),
  });

const cheetahProtocols = ["maml", "promp", "learn2learn", "pytorch-maml-rl", "gymnasium"] as const;
const antProtocols = cheetahProtocols;

/** Environments by name. */
export const environments = {
  "navigation-2d": entry({
    summary: "a point that is to find its goal in the plane",
    anyHorizon: true,
    examples: [{ goal: [0.3, -0.1] }],
    options: optionGroup({}),
    family: (_, setting) => anyTask(navigation2d(ofHorizon(setting))),
  }),
  bandits: entry({
    summary: "arms of which each pays with a probability of its own",
    trials: true,
    options: optionGroup({
      arms: { kind: "integer", default: 5, least: 2, most: 1000, help: "arms of a bandit" },
      pulls: { kind: "integer", default: 10, least: 1, most: 500, help: "pulls of a trial" },
    }),
    // Who adapts by whole episodes has a pull in each.
    family: ({ arms, pulls }, { isMemory }) =>
      anyTask(bernoulliBandits({ arms, pulls, ...(isMemory ? {} : { episodes: pulls }) })),
    known: ({ arms, pulls }) =>
      [randomPolicy(), ucb1(), thompsonSampling(), greedyBayes(), gittinsIndex(), banditOracle()].map((policy) =>
        knownPolicyRow(bernoulliBandits({ arms, pulls }), policy as ReturnType<typeof ucb1>),
      ),
  }),
  "tabular-mdp": entry({
    summary: "random Markov decision processes of a few states",
    trials: true,
    anyHorizon: true,
    options: optionGroup({
      states: { kind: "integer", default: 10, least: 1, most: 1000, help: "states of a decision process" },
      actions: { kind: "integer", default: 5, least: 1, most: 1000, help: "actions of a decision process" },
      trialEpisodes: {
        kind: "integer",
        default: 10,
        least: 1,
        most: 1000,
        help: "episodes of a trial, over which learners with a memory keep it",
      },
    }),
    family: ({ states, actions, trialEpisodes }, setting) =>
      anyTask(tabularMdps({ states, actions, episodes: trialEpisodes, ...ofHorizon(setting) })),
    known: ({ states, actions, trialEpisodes }) =>
      [randomPolicy(), posteriorSampling(), mdpOracle()].map((policy) =>
        knownPolicyRow(
          tabularMdps({ states, actions, episodes: trialEpisodes }),
          policy as ReturnType<typeof posteriorSampling>,
        ),
      ),
  }),
  "half-cheetah-direction": locomotion("a runner that is to run forward or backward", cheetahProtocols, {
    body: "half-cheetah",
    goal: "direction",
  }),
  "half-cheetah-velocity": locomotion("a runner that is to run at a velocity", cheetahProtocols, {
    body: "half-cheetah",
    goal: "velocity",
  }),
  "ant-direction": locomotion("a body with four legs that is to walk forward or backward", antProtocols, {
    body: "ant",
    goal: "direction",
  }),
  "ant-velocity": {
    ...locomotion("the same at a velocity", antProtocols, { body: "ant", goal: "velocity" }),
    settingsOf: "ant-direction",
  },
  "ant-plane": {
    ...locomotion("the same in any direction of the plane", antProtocols, { body: "ant", goal: "direction-2d" }),
    settingsOf: "ant-direction",
  },
} as const satisfies Readonly<Record<string, EnvironmentEntry>>;
