/** Environments in which a policy acts, adapts by a few episodes, and acts better. */
import { type OptionGroup, type OptionSpec, type OptionValues, optionGroup } from "@innerloop/core/learners";
import {
  actionDistribution,
  discrete,
  type EnvironmentFamily,
  type PolicyTargets,
  policyCollector,
  policySurrogate,
  toldFamily,
  trialCollector,
} from "@innerloop/core/reinforcement";
import type { Tensor } from "@innerloop/graph";
import type { EnvironmentIo } from "../../environment-io.js";
import { shellWord } from "../../options/shell-word.js";
import { UsageError } from "../../options/usage-error.js";
import { flagOf } from "../../options/values.js";
import { count, counted } from "../../words.js";
import { type Baseline, domain, type NextStep, type Preset } from "../domain.js";
import { type EnvironmentEntry, environments } from "./environments.js";
import { policyNetworks } from "./network.js";
import { type PolicyValues, policyOptions } from "./options.js";
import { type OuterMethodEntry, outerMethods } from "./outer-methods.js";
import { policyPractice, policyReport } from "./practice.js";
import { environmentPresets } from "./presets.js";
import { type EnvironmentSpec, environmentSpec, parseEnvironmentSpec, spaceOf } from "./spec.js";

/** A choice among environments, with the values of its own options. */
type EnvironmentChoice = { readonly name: string } & Readonly<Record<string, unknown>>;
type Values = PolicyValues & { readonly environment: EnvironmentChoice };

/** Environments by name, and what the domain of them is called. */
export interface PolicyDomainParts {
  readonly name: string;
  readonly title: string;
  readonly environments: Readonly<Record<string, EnvironmentEntry>>;
  readonly presets: Readonly<Record<string, Preset>>;
}

/** The domain of environments: those that come along, or a user's own. */
export function policyDomain({ name, title, environments: table, presets }: PolicyDomainParts) {
  const entryOf = ({ environment }: Pick<Values, "environment">): EnvironmentEntry => {
    const entry = Object.hasOwn(table, environment.name) ? table[environment.name] : undefined;
    if (entry) return entry;
    throw new UsageError(`there is no environment ${environment.name}`, `There are ${Object.keys(table).join(", ")}`);
  };
  const environment: OptionSpec = {
    kind: "variant",
    variants: Object.fromEntries(Object.entries(table).map(([each, { options }]) => [each, options as OptionGroup])),
    default: Object.keys(table)[0]!,
    help: `what a policy acts in: ${Object.entries(table)
      .map(([each, { summary }]) => `${each} (${summary})`)
      .join(", ")}`,
  };
  const options = optionGroup({ environment, ...policyOptions }) as unknown as OptionGroup & typeof policyOptions;
  const familyOf = async (
    given: OptionValues<OptionGroup>,
    io: EnvironmentIo,
    isMemory: boolean,
  ): Promise<EnvironmentFamily> => {
    const values = of(given);
    const setting = { horizon: values.horizon, isMemory, io };
    const family = await entryOf(values).family(values.environment as never, setting);
    return values.told ? toldFamily(family) : family;
  };
  /** Does something with the family, and ends the workers that it may have. */
  const withFamily = async <R>(
    setting: {
      readonly options: OptionValues<OptionGroup>;
      readonly io: EnvironmentIo;
      readonly isMemory?: boolean;
    },
    work: (family: EnvironmentFamily) => R | Promise<R>,
  ): Promise<R> => {
    const { options: given, io, isMemory = false } = setting;
    const family = await familyOf(given, io, isMemory);
    try {
      return await work(family);
    } finally {
      if (!entryOf(of(given)).isShared) await (family as { close?(): Promise<void> }).close?.();
    }
  };
  return domain<OptionGroup, EnvironmentFamily, EnvironmentSpec, Tensor, PolicyTargets, Tensor>({
    name,
    title,
    kind: "policy",
    options,
    presets,
    networks: Object.keys(policyNetworks),
    ownNetworks: policyNetworks as never,
    dataOptions: ["environment"],
    claims: ({ environment: asked }) =>
      typeof asked === "string" && Object.hasOwn(table, asked) ? (table[asked]!.settingsOf ?? asked) : undefined,
    shownAs: (given) => `--environment ${of(given).environment.name}`,
    check: (given, { learner }) => {
      const values = of(given);
      const { summary, anyHorizon } = entryOf(values);
      if (values.horizon !== undefined && !anyHorizon)
        throw new UsageError(
          `${flagOf("horizon")} ${values.horizon} of ${values.environment.name} (${summary}), whose episodes are of one length`,
          "Leave it out",
        );
      if (values.told && learner.takesSteps && !learner.fineTunes)
        throw new UsageError(
          `${flagOf("told")} with a learner that adapts: what a policy is told it need not find out`,
          "Use --learner joint, the oracle of tables",
        );
    },
    load: async (given, io, _work, { training }) => {
      const family = await familyOf(given, io, training.kind === "trials");
      return { data: family, spec: environmentSpec(family) };
    },
    parseSpec: parseEnvironmentSpec,
    ofEpisodes: ["episodes", "laterShare", "baseline", "surrogate", "pastDecay", "exploration"],
    tasks: (family, given, { training }) => {
      const { episodes, discount, lambda, baseline } = of(given);
      const collector =
        training.kind === "trials"
          ? trialCollector({ family, advantages: { discount, lambda } })
          : policyCollector({ family, episodes, advantages: { discount, lambda, baseline } });
      return { train: collector, validation: collector, test: collector } as never;
    },
    shapes: (spec, given) => {
      const values = of(given);
      const { observation, action, horizon, trialEpisodes = 1 } = requireSpec(spec);
      return {
        inputShape: [observation.size],
        outputs: actionDistribution(spaceOf(action)).outputs,
        supportRows: values.episodes,
        trainClasses: 0,
        policy: {
          observation: spaceOf(observation),
          action: spaceOf(action),
          trialSteps: horizon * trialEpisodes,
        },
        gathered: { rowsPerStep: values.episodes, laterShare: values.laterShare },
      };
    },
    loss: (spec, given) => {
      const { surrogate } = of(given);
      // Its figures, which is all that is asked of it where nothing is known yet, are the same for all actions.
      const action = spec ? spaceOf(spec.action) : discrete(1);
      return policySurrogate(action, {
        ...(surrogate.name === "ratios" ? { pastDecay: surrogate.pastDecay } : { logLikelihood: true }),
        trials: spec ? spec.trialEpisodes !== undefined : entryOf(of(given)).trials === true,
      });
    },
    outer: (spec, given, setting) => {
      const { name: method, ...own } = of(given).outer;
      return (outerMethods[method] as OuterMethodEntry).method(spaceOf(requireSpec(spec).action), own, setting);
    },
    progressText: ({ before, trial, return: after, kl, step, entropy, environmentSteps }, seconds) =>
      [
        `${trial === undefined ? "return" : "reward"} ${before === undefined ? "" : `${short(before)} -> `}${short(after)}`,
        ...(kl === undefined ? [] : [`KL ${kl.toPrecision(2)}`]),
        ...(step === undefined ? [] : [`step ${step.toPrecision(2)}`]),
        ...(entropy === undefined ? [] : [`entropy ${short(entropy)}`]),
        ...(environmentSteps === undefined || !(seconds > 0)
          ? []
          : [`${count(Math.round(environmentSteps / seconds))} env steps/s`]),
      ].join("  "),
    baselines: ({ options: given }) => {
      const values = of(given);
      return (entryOf(values).known?.(values.environment as never) ?? []).map(
        ({ adapter, tasks, oracle }) =>
          ({ adapter, steps: [0], tasks: () => tasks, ...(oracle ? { oracle } : {}) }) as unknown as Baseline,
      );
    },
    describe: ({ options: given, data: family, needs }) => {
      const { episodes, environment: chosen } = of(given);
      const { description } = family;
      const facts = Object.entries(description).filter(([each]) => factsShown.has(each));
      return [
        ["environment", [chosen.name, ...facts.map(([each, value]) => `${each} ${value}`)].join("; ")],
        [
          "tasks",
          needs.training.kind === "trials"
            ? trialText(family)
            : `${counted(episodes, "episode")} of ${counted(family.horizon, "step")} before each adaptation step, and after the last`,
        ],
      ];
    },
    taskText: ({ family, episodes, horizon }) =>
      episodes === undefined
        ? `${family}, whole trials`
        : `${family}, ${episodes} episodes${horizon === undefined ? "" : ` of ${horizon} steps at most`} before each adaptation step and after the last`,
    taskSizes: ["episodes"],
    heldOut: ({ spec, options: given }) => ({
      environment: spec?.name,
      "description of the environment (sha256)": spec?.sha256.slice(0, 16),
      "--told": of(given).told,
    }),
    exported: ({ spec, options: given }) => {
      const { observation, action, horizon } = requireSpec(spec);
      const { episodes, discount, lambda, baseline } = of(given);
      const trial = spec.trialEpisodes !== undefined;
      return {
        inputs: { kind: "observations", horizon, observation },
        answers: { kind: "policy", action, episodes, discount, lambda, baseline, trial },
        ofStep: episodes,
        pipelineTag: "reinforcement-learning",
      };
    },
    practice: policyPractice(withFamily, of),
    report: policyReport(withFamily),
    // Episodes for each of them: a few are what is asked of a policy.
    moreSteps: [0, 1, 2, 3, 5],
    next: ({ config, options: given }): readonly NextStep[] => [
      ...(entryOf(of(given)).examples ?? []).map(
        (task): NextStep => ({
          command: "adapt",
          flags: {},
          more: `--task ${shellWord(JSON.stringify(task))} --output episodes.svg`,
          meaning: "what it does in one environment, before and after each step",
        }),
      ),
      { command: "eval", flags: { episodes: 2 * (config.domain.episodes as number) }, meaning: "twice the episodes" },
      { command: "again", flags: { seed: config.training.seed + 1 }, meaning: "the same from another start" },
    ],
  });
}

/** `trials of 10 episodes of 10 steps` */
const trialText = ({ trial, horizon }: EnvironmentFamily): string =>
  `trials of ${counted(trial?.episodes ?? 1, "episode")} of ${counted(horizon, "step")}, which a memory is kept over`;

/** Facts of an environment that are said before a training. */
const factsShown: ReadonlySet<string> = new Set(["protocol", "simulator", "reward", "arms", "states"]);

/** Values of the domain's options, whose environments are not known to types. */
const of = (values: OptionValues<OptionGroup>): Values => values as unknown as Values;

const short = (value: number | undefined): string => (value === undefined ? "?" : value.toPrecision(3));

/** @throws UsageError where a run has no record of its environment */
function requireSpec(spec: EnvironmentSpec | undefined): EnvironmentSpec {
  if (spec) return spec;
  throw new UsageError("nothing is known of the environment", "Restore config.json of the run, or train anew");
}

/** @internal The domain of the environments that come along. */
export const reinforcement = policyDomain({
  name: "reinforcement",
  title: "environments",
  environments,
  presets: environmentPresets,
});
