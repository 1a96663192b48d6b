/** Policies: a few episodes in, what to do at an observation out. */
import { policyAdvantages } from "@innerloop/core/reinforcement";
import type { TypedArray } from "@innerloop/graph";
import { type PolicyValues, policyOptions } from "../domains/reinforcement/options.js";
import { parseSpaceSize, type SpaceSize } from "../domains/reinforcement/spec.js";
import { quoted } from "../options/outside-text.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import type { ExportedKind, Gathering, KindSetting, SaidRow } from "./exported-kind.js";
import { areFinite, finiteRow, isWhole } from "./kind-values.js";
import type { ObservationInputs } from "./observation-inputs.js";
import { type RowSlot, type RowValues, rowSize, zerosOf } from "./row-arrays.js";

/** Answers that are actions, and how what they brought is weighed. */
export interface PolicyAnswers {
  readonly kind: "policy";
  readonly action: SpaceSize;
  /** Episodes that each adaptation step sees. */
  readonly episodes: number;
  /** gamma and lambda of advantages, and their baseline: see `policyAdvantages`. */
  readonly discount: number;
  readonly lambda: number;
  readonly baseline: PolicyValues["baseline"];
  /** Whether targets have the reward of a trial, which no answer depends on. */
  readonly trial: boolean;
}

/** An action at an observation, and the distribution that it is the likeliest of. */
export interface PolicyAnswer {
  /** Without chance: the mean, or the most probable one's number. */
  readonly action: readonly number[] | number;
  /** Of actions that are numbers. */
  readonly mean?: readonly number[];
  readonly deviation?: readonly number[];
  /** Of actions that are chosen among some. */
  readonly probabilities?: readonly number[];
}

/** An episode but for what was observed: padded to the horizon. */
interface SaidEpisode {
  readonly actions: Float32Array | Int32Array;
  readonly rewards: Float32Array;
  readonly length: number;
  /** What the policy that acted gave, and what came of it: known once that policy is. */
  readonly acted?: Float32Array;
  readonly advantages?: Float32Array;
}

type Setting = KindSetting<PolicyAnswers>;

const horizonOf = ({ inputs }: Setting): number => (inputs as ObservationInputs).horizon;
/** Numbers that a policy gives for an observation: means and logarithms of deviations, or logits. */
const outputsOf = ({ kind, size }: SpaceSize): number => (kind === "box" ? 2 * size : size);
const widthOf = ({ kind, size }: SpaceSize): number => (kind === "box" ? size : 1);
/** Steps that programs have episodes for. */
const stagesOf = ({ support, answers: { episodes } }: Setting): number => support / episodes;

const isBaseline = (value: unknown): value is PolicyValues["baseline"] =>
  (policyOptions.baseline.choices as readonly unknown[]).includes(value);
const isFraction = (value: unknown): value is number => typeof value === "number" && value >= 0 && value <= 1;
const prefix = "support_targets";

/** @internal */
export const policyKind: ExportedKind<PolicyAnswers, SaidEpisode, SaidEpisode, Float32Array, PolicyAnswer> = {
  inputs: ["observations"],
  parse: ({ action, episodes, discount, lambda, baseline, trial }, { outputs }) => {
    const space = parseSpaceSize(action);
    const fits =
      space &&
      isWhole(episodes, 1, 2 ** 20) &&
      isFraction(discount) &&
      isFraction(lambda) &&
      isBaseline(baseline) &&
      typeof trial === "boolean" &&
      outputs.join() === "prediction";
    return fits ? { kind: "policy", action: space, episodes, discount, lambda, baseline, trial } : undefined;
  },
  tasks: "policies",
  // The others adapt by what they remember, and read no episodes.
  learners: ({ kinds, takesSteps }) => kinds.includes("policy") && takesSteps,
  architecture: "FewShotPolicy",
  output: "prediction",
  masked: false,
  targets: (setting) => {
    const { action, trial } = setting.answers;
    const horizon = horizonOf(setting);
    const done: RowSlot =
      action.kind === "box"
        ? { name: `${prefix}.action`, dtype: "float32", shape: [horizon, action.size] }
        : { name: `${prefix}.action`, dtype: "int32", shape: [horizon] };
    const flat = ["advantage", "reward", "taken"].map(
      (name): RowSlot => ({ name: `${prefix}.${name}`, dtype: "float32", shape: [horizon] }),
    );
    return [
      done,
      ...flat,
      { name: `${prefix}.acted`, dtype: "float32", shape: [horizon, outputsOf(action)] },
      ...(trial ? [{ name: `${prefix}.trial`, dtype: "float32", shape: [] } as const] : []),
    ];
  },
  predictions: ({ answers: { action } }) => [{ name: "prediction", dtype: "float32", shape: [outputsOf(action)] }],

  example: "{ observations, actions, rewards }",
  inputOf: (example) => (example.observations === undefined ? undefined : example),
  given: (example, where, setting) => {
    const horizon = horizonOf(setting);
    const { action } = setting.answers;
    const refuse = (problem: string, remedy: string): never => {
      throw new ExportError("ILE206", where, problem, remedy);
    };
    const { observations } = example;
    const [actions, rewards] = [example.actions, example.rewards].map((list) =>
      Array.isArray(list) || (ArrayBuffer.isView(list) && !(list instanceof DataView))
        ? Array.from(list as ArrayLike<unknown>)
        : undefined,
    );
    const length = Array.isArray(observations) ? observations.length : 0;
    if (length < 1 || length > horizon || actions?.length !== length || rewards?.length !== length)
      return refuse(
        `it has ${counted(length, "observation")}, ${counted(actions?.length ?? 0, "action")} and ${counted(rewards?.length ?? 0, "reward")}`,
        `Give as many of each, ${horizon} steps at most`,
      );
    const width = widthOf(action);
    const done = action.kind === "box" ? new Float32Array(horizon * width) : new Int32Array(horizon);
    actions.forEach((each, t) => {
      const numbers = typeof each === "number" ? [each] : each;
      const isList = Array.isArray(numbers) || ArrayBuffer.isView(numbers);
      const row = isList ? Array.from(numbers as ArrayLike<unknown>) : [];
      const fits =
        row.length === width &&
        row.every((n) => (action.kind === "box" ? Number.isFinite(n) : isWhole(n, 0, action.size - 1)));
      if (!fits)
        refuse(
          `its action ${t + 1} is ${quoted(each)}`,
          action.kind === "box" ? `Give ${counted(width, "number")}` : `Give one of 0 to ${action.size - 1}`,
        );
      done.set(row as number[], t * width);
    });
    const wrong = rewards.findIndex((reward) => typeof reward !== "number" || !Number.isFinite(reward));
    if (wrong >= 0) refuse(`its reward ${wrong + 1} is ${quoted(rewards[wrong])}`, "Give finite numbers");
    const all = new Float32Array(horizon);
    all.set(rewards as number[]);
    return { actions: done, rewards: all, length };
  },
  said: (episode) => [episode],
  classes: () => [],
  rowOf: ({ actions, rewards, length, acted, advantages }, _, setting) => {
    const horizon = horizonOf(setting);
    const { action, trial } = setting.answers;
    return [
      actions,
      advantages ?? new Float32Array(horizon),
      rewards,
      new Float32Array(horizon).fill(1, 0, length),
      acted ?? new Float32Array(horizon * outputsOf(action)),
      ...(trial ? [new Float32Array(1)] : []),
    ];
  },
  gathered,
  kept: (said, _, setting) => {
    const horizon = horizonOf(setting);
    const { kind, size } = setting.answers.action;
    const isBox = kind === "box";
    const actions = isBox ? new Float32Array(said.length * horizon * size) : new Int32Array(said.length * horizon);
    const rewards = new Float32Array(said.length * horizon);
    said.forEach((episode, row) => {
      actions.set(episode.actions, row * episode.actions.length);
      rewards.set(episode.rewards, row * horizon);
    });
    return {
      actions: {
        dtype: isBox ? "float32" : "int32",
        shape: isBox ? [said.length, horizon, size] : [said.length, horizon],
        data: actions,
      },
      rewards: { dtype: "float32", shape: [said.length, horizon], data: rewards },
      lengths: { dtype: "int32", shape: [said.length], data: Int32Array.from(said, ({ length }) => length) },
    };
  },
  restored: ({ actions, rewards, lengths, ...others }, rows, classes, setting) => {
    const horizon = horizonOf(setting);
    const { kind, size } = setting.answers.action;
    const isBox = kind === "box";
    const fits =
      Object.keys(others).length === 0 &&
      classes.length === 0 &&
      actions?.dtype === (isBox ? "float32" : "int32") &&
      actions.shape.join() === (isBox ? [rows, horizon, size] : [rows, horizon]).join() &&
      (isBox ? areFinite(actions) : actions.data.every((each) => isWhole(each, 0, size - 1))) &&
      rewards?.dtype === "float32" &&
      rewards.shape.join() === [rows, horizon].join() &&
      areFinite(rewards) &&
      lengths?.dtype === "int32" &&
      lengths.shape.join() === `${rows}` &&
      lengths.data.every((length) => isWhole(length, 1, horizon));
    if (!fits) return undefined;
    const each = horizon * widthOf(setting.answers.action);
    return Array.from({ length: rows }, (_, row) => ({
      actions: actions.data.slice(row * each, (row + 1) * each) as Float32Array,
      rewards: rewards.data.slice(row * horizon, (row + 1) * horizon) as Float32Array,
      length: Number(lengths.data[row]),
    }));
  },
  areClasses: (classes) => classes.length === 0,
  sameAs: ({ action }) => action,

  answers: ({ outputs, read, starts, setting, where }) =>
    read.map((_, i) => answerOf(finiteRow(outputs, "prediction", starts[i]!, { where }), setting.answers.action)),
  words: (setting) => {
    const { action, episodes } = setting.answers;
    const [horizon, stages] = [horizonOf(setting), stagesOf(setting)];
    const known = setting.steps.usual === 0;
    const form =
      action.kind === "box"
        ? `the means of ${counted(action.size, "number")} of an action, and the logarithms of their deviations`
        : `the logits of ${counted(action.size, "action")}`;
    return {
      title: "a policy that adapts by a few episodes",
      does: `acts in an environment, and learns what is asked of it there`,
      most: known ? "" : `${counted(stages, "step")} of ${counted(episodes, "episode")}`,
      given: "episodes",
      takes: [
        `\`prediction\` is ${form}.`,
        "Of an episode `action` is what was done, `taken` 1 for steps that were made, `acted` the prediction of the policy that acted, `advantage` what `policyAdvantages` of @innerloop/core/reinforcement makes of rewards; `reward` itself counts for nothing.",
        ...(stages > 1 ? [`Episode j of step k is row j x ${stages} + k.`] : []),
        "With 0 steps, which `innerloop` takes where there are no examples, it is the policy before it adapts.",
      ],
      limits: [
        ...(known ? ["It was trained to act without adapting."] : []),
        "It learns from episodes of its own: those of another policy than itself teach it little, or harm.",
      ],
      pythonRows: (support) => support,
      pythonTargets: (rows) => ({ [`${prefix}.taken`]: `np.ones((${rows}, ${horizon}), np.float32)` }),
      pythonAnswers: ['print(answers["prediction"])'],
      javascript: (input) => ({
        examples: [],
        ask: [
          `const { action, ${action.kind === "box" ? "mean, deviation" : "probabilities"} } = await task.predict(${input}); // before it adapts`,
          ...(known
            ? []
            : [
                `const adapted = await learner.adapt(episodes); // ${episodes} of its own, [{ observations, actions, rewards }, ...]`,
              ]),
        ],
      }),
    };
  },
};

/** Episodes with what the policies that acted gave, step by step: those of step k are by what the steps before have made. */
async function gathered(
  said: readonly SaidRow<SaidEpisode>[],
  { setting, adapted, predicted, refuse }: Gathering<PolicyAnswers>,
): Promise<{ readonly rows: readonly RowValues[]; readonly steps: number }> {
  const { answers, inputs, steps: written } = setting;
  const { episodes, action, discount, lambda, baseline } = answers;
  const { horizon, observation } = inputs as ObservationInputs;
  const stages = stagesOf(setting);
  const steps = Math.ceil(said.length / episodes);
  if (written.usual === 0 && steps > 0)
    refuse("examples", "it does not adapt: it was trained to act as it is", "Give none");
  if (written.fixed !== undefined && written.fixed !== steps)
    refuse(
      "examples",
      `they are ${counted(said.length, "episode")}, for ${counted(steps, "step")}, and the programs are written for ${written.fixed}`,
      `Give ${episodes * written.fixed}, or export the run without --fixed`,
    );
  const nothing: RowValues = [
    zerosOf("float32", horizon * observation.size),
    ...policyKind.targets(setting).map((slot) => zerosOf(slot.dtype, rowSize(slot))),
  ];
  const rows: RowValues[] = Array.from({ length: episodes * stages }, () => nothing);
  for (let stage = 0; stage < steps; stage++) {
    const own = said.slice(stage * episodes, (stage + 1) * episodes);
    const state = await adapted(rows, stage);
    const seen = own.flatMap(({ values: [all], said: { length } }) =>
      Array.from({ length }, (_, t): RowValues => [partOf(all!, t, observation.size)]),
    );
    const { prediction } = await predicted(seen, state);
    const observations = new Float32Array(own.length * horizon * observation.size);
    const [rewards, present] = [new Float32Array(own.length * horizon), new Float32Array(own.length * horizon)];
    own.forEach(({ values: [all], said: episode }, j) => {
      observations.set(all as Float32Array, j * all!.length);
      rewards.set(episode.rewards, j * horizon);
      present.fill(1, j * horizon, j * horizon + episode.length);
    });
    const advantages = policyAdvantages(
      { episodes: own.length, horizon, observations, rewards, present },
      { discount, lambda, baseline },
    );
    let from = 0;
    const width = outputsOf(action);
    own.forEach(({ values, said: episode }, j) => {
      const acted = new Float32Array(horizon * width);
      acted.set((prediction!.data as Float32Array).subarray(from * width, (from + episode.length) * width));
      from += episode.length;
      const told = { ...episode, acted, advantages: advantages.slice(j * horizon, (j + 1) * horizon) };
      rows[j * stages + stage] = [...values, ...policyKind.rowOf(told, [], setting)];
    });
  }
  return { rows, steps };
}

const partOf = (values: TypedArray, place: number, size: number): TypedArray =>
  values.slice(place * size, (place + 1) * size) as TypedArray;

function answerOf(row: readonly number[], { kind, size }: SpaceSize): PolicyAnswer {
  if (kind === "box") {
    const mean = row.slice(0, size);
    return { action: mean, mean, deviation: row.slice(size).map(Math.exp) };
  }
  const largest = Math.max(...row);
  const shares = row.map((value) => Math.exp(value - largest));
  const sum = shares.reduce((a, b) => a + b, 0);
  return { action: row.indexOf(largest), probabilities: shares.map((share) => share / sum) };
}
