/** Policies that learn within a trial by what they remember of it: RL^2. */
import {
  broadcastTo,
  concat,
  mapTree,
  reshape,
  sliceAxis,
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
import { actionDistribution } from "./distributions.js";
import { observationSize, type Space, wholeOption } from "./environment.js";
import { type PolicyTargets, policySurrogate } from "./policy-surrogate.js";

/** A learner whose policy remembers the trial that it acts in. */
export type MemoryPolicy = Learner<Tree, Tree, Tensor, PolicyTargets, Tensor> & { readonly memory: StepMemory };

/** Options that policies with a memory share. */
export interface MemoryPolicyOptions {
  readonly observation: Space;
  readonly action: Space;
  /** `policySurrogate(action)` by default. */
  readonly loss?: Loss<Tensor, PolicyTargets>;
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

/** @internal The learner of a network over the steps of a trial, with a linear head for the distribution of each action. */
export function memoryLearner(options: MemoryPolicyOptions, network: SequenceNetwork): MemoryPolicy {
  const { action, loss = policySurrogate(action), deviation = 1 } = options;
  const { outputs, hasDeviations } = actionDistribution(action);
  const means = hasDeviations ? outputs / 2 : outputs;
  const head = linear({ inputs: network.features, outputs: means, weightInit: smallUniform });
  type Parameters = {
    readonly network: Tree;
    readonly head: ReturnType<typeof head.init>;
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
    return reshape(output(at, rows), [...read.shape.slice(0, -1), outputs]);
  };
  return {
    name: network.name,
    description: network.description,
    loss,
    init: (key) => ({
      network: network.init(split(key, "network")),
      head: head.init(split(key, "head")),
      ...(hasDeviations ? { logStd: tensor(new Float32Array(means).fill(Math.log(deviation)), [means]) } : {}),
    }),
    adapt: (params) => params,
    predict,
    metaGradient: (params, { query }) => {
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const { loss: total, metrics } = measured(loss, predict(at, query.x), query);
        return [total, metrics] as const;
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
