/** Policies that learn within a trial by what they remember of it: RL^2. */
import {
  add,
  broadcastTo,
  concat,
  mapTree,
  mul,
  reshape,
  sliceAxis,
  sub,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import { gruCell } from "../../layers/gru.js";
import { glorotUniform, type Initializer } from "../../layers/initialization.js";
import { linear } from "../../layers/layers.js";
import { type Learner, measured } from "../../learners/learner.js";
import type { Loss } from "../../losses/losses.js";
import { type Key, split } from "../../random/random.js";
import type { StepMemory } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import { actionDistribution } from "./distributions.js";
import { EnvironmentError, observationSize, type Space, wholeOption } from "./environment.js";
import type { PolicyLearner } from "./policy-learner.js";
import { meanOfTaken, type PolicyTargets, policySurrogate } from "./policy-surrogate.js";

/** A learner whose policy remembers the trial that it acts in. */
export type MemoryPolicy = Learner<Tree, Tree, Tensor, PolicyTargets, Tensor> & { readonly memory: StepMemory } & Pick<
    PolicyLearner,
    "critic"
  >;

/** Options that policies with a memory share. */
export interface MemoryPolicyOptions {
  readonly observation: Space;
  readonly action: Space;
  /** `policySurrogate(action)` by default. */
  readonly loss?: Loss<Tensor, PolicyTargets>;
  /**
   * Weight of the loss of a critic, 0 by default: there is none. It is a linear read-out of what the policy remembers, of how
   * much the rest of the trial will bring, by which the memory comes to hold what is worth knowing.
   */
  readonly critic?: number;
  /** The first standard deviation of each number of an action of a box: 1 by default. */
  readonly deviation?: number;
}

/** Options of `recurrentPolicy`. */
export interface RecurrentPolicyOptions extends MemoryPolicyOptions {
  /** Units of the memory: 48 by default; the paper has 256. */
  readonly units?: number;
}

/**
 * RL^2 (Duan et al. 2016; Wang et al. 2016): a policy that learns within a trial because it remembers it. A gated recurrent
 * unit reads what `trialInputs` says of each step,
 *
 *   h_t = GRU(h_{t-1}, [o_t, a_{t-1}, r_{t-1}, d_{t-1}]),  pi(a_t | h_t),  h_{-1} = 0
 *
 * with d 1 where an episode of the trial has just ended. h is kept over all episodes of a trial and begins anew with the next
 * one. Nothing adapts by gradients: training by `proximal` is that of the whole trial's return.
 *
 * Inputs are trials [n, steps, inputs], outputs rows [n, steps, outputs] of `actionDistribution`. Steps are unrolled.
 *
 * @throws EnvironmentError ILE101 where `units` is not a whole number of 1 or more
 * @example train({ learner: recurrentPolicy(family), tasks: trialCollector({ family }), optimizer: proximal(family.action), ... })
 */
export function recurrentPolicy(options: RecurrentPolicyOptions): MemoryPolicy {
  const units = wholeOption("recurrentPolicy", "units", options.units ?? 48);
  const inputs = trialInputs(options);
  const cell = gruCell({ inputs, hidden: units });
  type Parameters = ReturnType<typeof cell.init>;
  return memoryLearner(options, {
    name: "RL^2",
    description: { units },
    features: units,
    init: cell.init,
    read: (params, x) => {
      const [n, steps] = x.shape as readonly [number, number, number];
      let state = cell.start(n, x.dtype);
      // Inputs have no gradient, so that each step may take its own part of them: a part of a product would give back one
      // array of all steps for each step.
      const states = Array.from({ length: steps }, (_, t) => {
        state = cell.step(params as Parameters, reshape(sliceAxis(x, 1, t, t + 1), [n, inputs]), state);
        return reshape(state, [n, 1, units]);
      });
      return concat(states, 1);
    },
    start: (rows) => ({ state: cell.start(rows) }),
    advance: (params, memory, x) => {
      const state = cell.step(params as Parameters, x, (memory as { readonly state: Tensor }).state);
      return { features: state, memory: { state } };
    },
  });
}

/**
 * Numbers that a policy with a memory is told before each step: the observation, the last action (one-hot of a discrete
 * space), the last reward, and 1 where an episode of the trial has just ended. They are 0 before the first step of a trial.
 */
export const trialInputs = ({ observation, action }: { readonly observation: Space; readonly action: Space }): number =>
  observationSize(observation) + observationSize(action) + 2;

/** @internal A network over sequences: of all steps at once, and step by step. */
export interface SequenceNetwork {
  readonly name: string;
  readonly description: Readonly<Record<string, string | number>>;
  /** Numbers that it gives for a step. */
  readonly features: number;
  init(key: Key): Tree;
  /** [n, steps, inputs] -> [n, steps, features] */
  read(params: Tree, x: Tensor): Tensor;
  start(rows: number): Tree;
  /** [n, inputs] -> [n, features] */
  advance(params: Tree, memory: Tree, x: Tensor): { readonly features: Tensor; readonly memory: Tree };
}

/** First weights of what gives distributions: a tenth of Glorot's, by which all actions are about as likely. */
const smallUniform: Initializer = (shape, fan, key) =>
  mapTree(
    (leaf: Tensor) =>
      tensor(
        (leaf.data as Float32Array).map((value) => value / 10),
        leaf.shape,
      ),
    glorotUniform(shape, fan, key),
  );

/**
 * @internal The learner of a network over the steps of a trial, with a linear head for the distribution of each action. With a
 * critic another head gives a value v, one number more in a row of predictions, and what is minimised has
 *
 *   critic x mean_t (v_t - value_t)^2 / 2
 *
 * beside, as in actor-critic methods that share a network (Mnih et al. 2016). Advantages are by a baseline that is linear in
 * what the memory holds (`trialAdvantages`), so that they are the better by it.
 */
export function memoryLearner(options: MemoryPolicyOptions, network: SequenceNetwork): MemoryPolicy {
  const { action, loss = policySurrogate(action), deviation = 1, critic: weight = 0 } = options;
  criticWeight(weight);
  const { outputs, hasDeviations } = actionDistribution(action);
  const means = hasDeviations ? outputs / 2 : outputs;
  const head = linear({ inputs: network.features, outputs: means, weightInit: smallUniform });
  const valueHead = weight > 0 ? linear({ inputs: network.features, outputs: 1, weightInit: smallUniform }) : undefined;
  type Parameters = {
    readonly network: Tree;
    readonly head: ReturnType<typeof head.init>;
    readonly value?: ReturnType<typeof head.init>;
    readonly logStd?: Tensor;
  };
  const output = (params: Parameters, features: Tensor): Tensor => {
    const found = head.apply(params.head, features);
    return params.logStd ? concat([found, broadcastTo(params.logStd, found.shape)], -1) : found;
  };
  const predict = (params: Tree, x: Tensor): Tensor => {
    const at = params as Parameters;
    const read = network.read(at.network, x);
    const rows = reshape(read, [read.size / network.features, network.features]);
    const given = output(at, rows);
    const row = valueHead ? concat([given, valueHead.apply(at.value!, rows)], -1) : given;
    return reshape(row, [...read.shape.slice(0, -1), row.shape[1]!]);
  };
  const critic = (prediction: Tensor, y: PolicyTargets): Tensor => {
    const [n, steps] = y.taken.shape as readonly [number, number];
    const missed = sub(reshape(sliceAxis(prediction, 2, outputs, outputs + 1), [n, steps]), y.value!);
    return mul(meanOfTaken(mul(missed, missed), y), weight / 2);
  };
  return {
    name: network.name,
    description: { ...network.description, ...(valueHead ? { critic: weight } : {}) },
    loss,
    ...(valueHead ? { critic } : {}),
    init: (key) => ({
      network: network.init(split(key, "network")),
      head: head.init(split(key, "head")),
      ...(valueHead ? { value: valueHead.init(split(key, "value")) } : {}),
      ...(hasDeviations ? { logStd: tensor(new Float32Array(means).fill(Math.log(deviation)), [means]) } : {}),
    }),
    adapt: (params) => params,
    predict,
    metaGradient: (params, { query }) => {
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const prediction = predict(at, query.x);
        const { loss: total, metrics } = measured(loss, prediction, query);
        return [valueHead ? add(total, critic(prediction, query.y)) : total, metrics] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary };
    },
    memory: {
      start: (_params, rows) => network.start(rows),
      advance: (params, memory, x) => {
        const at = params as Parameters;
        const next = network.advance(at.network, memory, x);
        return { ...next, output: output(at, next.features) };
      },
    },
  };
}

function criticWeight(weight: number): void {
  if (weight >= 0 && Number.isFinite(weight)) return;
  const problem = `critic is ${shownValue(weight)}`;
  throw new EnvironmentError("ILE101", { environment: "memory policy" }, problem, "Give a number of 0 or more");
}
