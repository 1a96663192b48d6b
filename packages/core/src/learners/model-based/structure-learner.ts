import {
  add,
  GraphError,
  mean,
  mul,
  relu,
  sigmoid,
  sub,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import { type Layer, within } from "../../layers/layer.js";
import { linear } from "../../layers/layers.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import { split } from "../../random/random.js";
import {
  type AdaptedModel,
  type InnerLoop,
  innerLoop,
  innerSteps,
  requireSharedNorm,
  steppedBy,
} from "../gradient/gradient-adaptation.js";
import { supervised } from "../gradient/objective.js";
import type { Learner } from "../learner.js";
import {
  flatFeatures,
  type ModelBasedOptions,
  requireTargets,
  requireWhole,
  type TaskForm,
  taskFormOf,
} from "./model-based-learner.js";

/** Options of `structureLearner`. */
export interface StructureLearnerOptions extends ModelBasedOptions {
  /** Units of each hidden layer between the embedding and the head. [64, 64] by default. */
  readonly hidden?: readonly number[];
  /** What of the structure adapts: a gate for each hidden unit, or how many of the units of a layer are in use. */
  readonly structure?: "gates" | "widths";
  /** The inner optimizer, e.g. sgd({ learningRate: 1 }): structure takes larger rates than weights do. */
  readonly inner: Optimizer;
  /** Inner steps in training, 5 by default. */
  readonly steps?: number;
  /** 2 differentiates through the inner gradients, 1 holds them constant. 2 by default. */
  readonly order?: 1 | 2;
  /** Whether the head adapts with the structure. False by default. */
  readonly headAdapts?: boolean;
  /** Weight of the mean opening of all units in the task's objective and in the outer one. 0 by default. */
  readonly penalty?: number;
  /** Of "widths": over how many units a layer fades out, as a share of them. 0.1 by default. */
  readonly fade?: number;
}

/**
 * A network whose structure is what adapts: features from a model that all tasks share, a part phi of the structure
 * that each task optimises, and an outer optimisation of both.
 *
 *   h_0 = f(x),  h_l = m_l(phi_l) relu(W_l h_{l-1} + b_l),  prediction = head(h_L)
 *   phi^{k+1} = phi^k - alpha grad_phi [L(support) + penalty mean(m)],  k < K
 *   meta-gradient = grad_{theta, phi^0} [L(query) + penalty mean(m(phi^K))],  theta = (f, W, b, head)
 *
 * structure "gates": m = sigmoid(phi), a gate for each unit, 0.88 open at first. "widths": a number phi for each layer,
 * the share of its units in use, all at first; unit u of U has m_u = sigmoid((phi - (u + 1/2) / U) / fade), so that the
 * units are in an order and a task uses the first ones. Both are soft: m goes to 0 or 1 as phi goes far, and phi
 * takes gradients all the way. The outer loss that is reported is that of the query set alone, and the mean of m is
 * reported as `openShare`.
 *
 * In its form this is ANIL (Raghu et al. 2020) with structure in the head's place; units in an order of which the first
 * are used are those of slimmable networks (Yu et al. 2019).
 * With gates alone a classifier must tell by them which class has which label: `headAdapts` makes that easy.
 *
 * @throws IL102 where an option is out of range, or the model's batch normalisation tells steps apart
 * @example structureLearner({ features: 1, outputs: 1, inner: sgd({ learningRate: 1 }), structure: "gates" })
 */
export function structureLearner(options: StructureLearnerOptions): Learner<Tree, AdaptedModel> {
  const { hidden = [64, 64], structure = "gates", inner, steps = 5, order = 2, headAdapts = false } = options;
  const { penalty = 0, fade = 0.1 } = options;
  const form = taskFormOf("structureLearner", options);
  requireSharedNorm("structureLearner", form.model);
  requireWhole("structureLearner", "steps", steps, 0);
  requireWhole("structureLearner", "the number of hidden layers", hidden.length);
  for (const units of hidden) requireWhole("structureLearner", "units of a hidden layer", units);
  if (!(penalty >= 0)) throw new GraphError("IL102", "structureLearner", `penalty ${penalty}`, "Use 0 or more");
  if (!(fade > 0)) throw new GraphError("IL102", "structureLearner", `fade ${fade}`, "Use a share above 0");
  const { loss, model } = form;
  const opening: Opening = structure === "gates" ? gates : widths(fade);
  const network = structuredNetwork(form, hidden, opening);
  const problem = supervised(network, loss);
  /** The loss plus the penalty, where there is one. */
  const penalised = (of: Tensor, params: Tree): Tensor =>
    penalty > 0 ? add(of, mul(openShare(structureOf(params), hidden, opening), penalty)) : of;
  const parts = headAdapts ? ["structure", "head"] : ["structure"];
  const loop: InnerLoop = {
    objective: (params, examples, context) => {
      const found = problem.inner(params, examples, context);
      return { ...found, loss: penalised(found.loss, params) };
    },
    traits: problem.traits,
    inner,
    order,
    adapts: (path) => parts.includes(path.split("/")[0]!),
  };
  return {
    name: structure,
    description: {
      structure,
      hidden: hidden.join(", "),
      adapts: parts.join(" and "),
      order,
      steps,
      inner: inner.description,
      penalty,
      ...(structure === "widths" ? { fade } : {}),
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    loss,
    ...(form.kind === "classification" ? { classes: form.targets } : {}),
    steps,
    recomputes: true,
    init: network.init,
    metaGradient: (params, { support, query }, key, { recompute = 0 } = {}) => {
      requireTargets("structureLearner", form, support);
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const { gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const arrived = innerLoop({ ...loop, recompute }, at, support, steps, context);
        const after = { ...context, step: steps };
        const task = problem.adapted(arrived, support, after);
        const { loss: queryLoss, metrics, statistics = {} } = problem.outer(task, query, { ...after, support });
        const openNow = openShare(structureOf(arrived), hidden, opening);
        const reported = { loss: queryLoss, metrics: { ...metrics, openShare: openNow }, statistics };
        return [penalised(queryLoss, arrived), reported] as const;
      })(params);
      return { ...auxiliary, gradient };
    },
    adapt: (params, support, { steps: count = steps } = {}) => {
      requireTargets("structureLearner", form, support);
      const arrived = innerLoop(loop, params, support, count, { phase: "predict" });
      return problem.adapted(arrived, support, { phase: "predict", step: count });
    },
    stepped: steppedBy(
      (params, support) => {
        requireTargets("structureLearner", form, support);
        return innerSteps(loop, params, support, { phase: "predict" });
      },
      (arrived, support, step) => problem.adapted(arrived, support, { phase: "predict", step }),
    ),
    predict: problem.predict,
  };
}

/** How far each unit of a layer is open, 0 to 1, by the layer's structure parameters. */
interface Opening {
  first(units: number): Tensor;
  /** [units], or a shape that broadcasts to it. */
  of(phi: Tensor, units: number): Tensor;
}

const gates: Opening = {
  first: (units) => tensor(new Float32Array(units).fill(2)),
  of: (phi) => sigmoid(phi),
};

const widths = (fade: number): Opening => ({
  // Half a fade beyond the last unit and more: that one is then open too.
  first: () => tensor(Float32Array.of(1 + 2 * fade)),
  of: (phi, units) => {
    const places = tensor(Float32Array.from({ length: units }, (_, u) => (u + 0.5) / units));
    return sigmoid(mul(sub(phi, places), 1 / fade));
  },
});

/** Structure parameters by layer. */
type Structure = readonly Tensor[];
type Parameters = {
  readonly model: Tree;
  readonly layers: readonly Tree[];
  readonly structure: Structure;
  readonly head: Tree;
};

const structureOf = (params: Tree): Structure => (params as Parameters).structure;

/** The mean opening of all units. */
function openShare(structure: Structure, hidden: readonly number[], opening: Opening): Tensor {
  const total = hidden.reduce((sum, units) => sum + units, 0);
  return structure
    .map((phi, i) => mul(mean(opening.of(phi, hidden[i]!)), hidden[i]! / total))
    .reduce((a, b) => add(a, b));
}

/** Embedding, hidden layers whose units open by the structure, head. */
function structuredNetwork(form: TaskForm, hidden: readonly number[], opening: Opening): Layer {
  const { model, features, targets } = form;
  const layers = hidden.map((outputs, i) => linear({ inputs: hidden[i - 1] ?? features, outputs }));
  const head = linear({ inputs: hidden.at(-1)!, outputs: targets });
  return {
    head: "head",
    ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    init: (key): Parameters => ({
      model: model.init(split(key, "model")),
      layers: layers.map((layer, i) => layer.init(split(split(key, "layers"), String(i)))),
      structure: hidden.map((units) => opening.first(units)),
      head: head.init(split(key, "head")),
    }),
    apply: (params, x, context) => {
      const at = params as Parameters;
      const start = flatFeatures("structureLearner", form, model.apply(at.model, x, within(context, "model")));
      const last = layers.reduce((rows, layer, i) => {
        const units = relu(layer.apply(at.layers[i] as ReturnType<typeof layer.init>, rows));
        return mul(units, opening.of(at.structure[i]!, hidden[i]!));
      }, start);
      return head.apply(at.head as ReturnType<typeof head.init>, last);
    },
  };
}
