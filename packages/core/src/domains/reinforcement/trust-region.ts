/** Trust-region policy optimisation of meta-parameters. */
import {
  add,
  compile,
  compileInStages,
  grad,
  hessianVectorProduct,
  leaves,
  mapTree,
  mean,
  mul,
  sliceAxis,
  stopGradient,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
  vjp,
  vmap,
  zerosLike,
} from "@innerloop/graph";
import { measured } from "../../learners/learner.js";
import { conjugateGradients } from "../../linear-algebra/conjugate-gradients.js";
import {
  type MetaPrograms,
  type MetaStepResult,
  type MetaStepSetting,
  type OuterMethod,
  sliceBatch,
} from "../../training/meta-step.js";
import type { TaskBatch } from "../../training/task-batch.js";
import { TrainingError } from "../../training/training-error.js";
import type { Space } from "./environment.js";
import { parameterVectors } from "./parameter-vectors.js";
import { type PolicyLearner, type PolicySet, type PolicyTask, policyDistribution } from "./policy-learner.js";
import { meanOfTaken, policySurrogate } from "./policy-surrogate.js";
import { below, chunksOf, type MeanByPath, meanOverChunks, scalarAt } from "./task-means.js";

/** Options of `trustRegion`. */
export interface TrustRegionOptions {
  /** The most mean KL(pi_old || pi) after adaptation, in nats: 0.01 by default. */
  readonly kl?: number;
  /** Products of conjugate gradients, at most: 10 by default. */
  readonly products?: number;
  /** What is added to the diagonal of the Fisher matrix: 1e-5 by default. */
  readonly damping?: number;
  /** Steps of the line search, at most, each so much shorter: 15 of 0.8 by default. */
  readonly backtracks?: number;
  readonly backtrack?: number;
  /**
   * The share of a task's episodes that Fisher products are of: a quarter by default. The line search judges a step by all
   * of them.
   */
  readonly fisherShare?: number;
  /** The share of the tasks that they are of, the first of a batch: all by default. What a product takes is in proportion to it. */
  readonly fisherTasks?: number;
}

/**
 * Trust-region policy optimisation (Schulman et al. 2015) of the policies that a learner adapts to, as MAML takes it (Finn et
 * al. 2017): of all steps with a mean KL of `kl` at most, the one along which the surrogate falls fastest,
 *
 *   minimise L(theta') = - mean (pi_theta' / pi_old) A   subject to   mean KL(pi_old || pi_theta') <= kl,   theta' = adapt(theta)
 *   A = J' F J + damping I,   s = A^-1 g,   theta <- theta - b^j sqrt(2 kl / s' A s) s
 *
 * with the least j whose step lowers L and keeps to the bound; none is taken where no j does. J' F J is the Hessian of the KL by
 * theta, exactly, since at theta the KL is least: F that of the adapted policy's outputs, J their derivative through adaptation.
 * So there are no third derivatives.
 *
 * A step's metrics are those of the learner's loss before it, with the KL and the share b^j of the step that was taken.
 *
 * @param action the space of actions
 * @throws TrainingError ILR101 for options out of range
 * @example train({ learner, tasks: policyCollector({ family }), optimizer: trustRegion(family.action), ... })
 */
export function trustRegion(action: Space, options: TrustRegionOptions = {}): OuterMethod {
  const given = { ...defaults, ...options };
  requireOptions(given);
  const { kl, products, damping, backtracks, backtrack, fisherShare, fisherTasks } = given;
  const ofTasks = fisherTasks === 1 ? "" : ` of ${fisherTasks} of the tasks`;
  return {
    description: `trust region of KL ${kl}, ${products} products with damping ${damping} on ${fisherShare} of the episodes${ofTasks}, ${backtracks} backtracks of ${backtrack}`,
    init: () => ({}),
    programs: ((setting: PolicySetting) =>
      policyPrograms(action, given, setting)) as unknown as OuterMethod["programs"],
  };
}

const defaults = {
  kl: 0.01,
  products: 10,
  damping: 1e-5,
  backtracks: 15,
  backtrack: 0.8,
  fisherShare: 0.25,
  fisherTasks: 1,
};

/**
 * Bytes that a product's run takes at most: those of one task or two. Its operations are short passes over activations, which
 * are half as slow again where these no longer fit the cache of a core.
 */
const productBytes = 12 * 2 ** 20;

type Settings = Required<TrustRegionOptions>;
type PolicySetting = Omit<MetaStepSetting<Tree, PolicySet>, "optimizer">;

/** The policy of a learner by meta-parameters: what it gives for the query observations of a task after adaptation. */
const adaptedOutput = (learner: PolicyLearner, params: Tree, { support, query }: PolicyTask): Tensor =>
  learner.predict(learner.adapt(params, support), query.x);

function policyPrograms(action: Space, settings: Settings, setting: PolicySetting): MetaPrograms<Tree, PolicySet> {
  const { executor, metaBatchSize } = setting;
  const learner = setting.learner as unknown as PolicyLearner;
  const of = policyDistribution(action);
  const surrogate = policySurrogate(action);
  const judged = (params: Tree, task: PolicyTask): Judged => {
    const prediction = adaptedOutput(learner, params, task);
    const { y } = task.query;
    const { metrics } = measured(learner.loss ?? surrogate, prediction, { y });
    const loss = surrogate(prediction, y);
    const beside = learner.exploration?.(params, task);
    return { loss: beside ? add(loss, beside) : loss, kl: meanOfTaken(of(y.acted).kl(of(prediction)), y), metrics };
  };
  const fisherOf = (params: Tree, vector: Tree, { support, query }: PolicyTask): Tree => {
    const episodes = Math.max(1, Math.round(settings.fisherShare * query.x.shape[0]!));
    const part = mapTree((leaf: Tensor) => sliceAxis(leaf, 0, 0, episodes), query);
    const output = (at: Tree): Tensor => adaptedOutput(learner, at, { support, query: part });
    const distance = (from: Tensor, to: Tensor): Tensor => meanOfTaken(of(from).kl(of(to)), part.y);
    return fisherProduct(output, distance, params, vector);
  };
  const judge = compile((params: Tree, tasks: PolicyTask): Judged => overTasks((task) => judged(params, task), tasks), {
    executor,
  });
  const slope = compile(
    (params: Tree, tasks: PolicyTask): Slope =>
      overTasks((task) => {
        const { gradient, auxiliary } = valueAndGrad((at: Tree) => {
          const found = judged(at, task);
          return [found.loss, found] as const;
        })(params);
        return { gradient, judged: auxiliary };
      }, tasks),
    { executor },
  );
  // Of all products of an update only the vector changes.
  const fisher = compileInStages(
    ({ params, tasks }: { readonly params: Tree; readonly tasks: PolicyTask }, vector: Tree): Tree =>
      overTasks((task) => fisherOf(params, vector, task), tasks),
    { executor },
  );
  const step = async (params: Tree, batch: TaskBatch<PolicyTask>, chunkSize: number): Promise<MetaStepResult<Tree>> => {
    const chunks = chunksOf(batch, [0, metaBatchSize], chunkSize);
    const vectorOf = parameterVectors(learner, params);
    const judgedAt = (at: Tree): Promise<MeanByPath> => meanOverChunks(chunks, ({ tasks }) => judge(at, tasks));
    const fisherCount = Math.max(1, Math.round(settings.fisherTasks * metaBatchSize));
    const fisherChunks = chunksOf(batch, [0, fisherCount], chunkSize).map(({ size, tasks }) => ({
      size,
      times: fisher({ params, tasks }),
    }));
    const product = async (vector: Float64Array): Promise<Float64Array> => {
      const along = vectorOf.tree(vector);
      const found = vectorOf.flat(await meanOverChunks(fisherChunks, ({ times }) => times(along)));
      return found.map((value, i) => value + settings.damping * vector[i]!);
    };
    const atFirst = await meanOverChunks(chunks, ({ tasks }) => slope(params, tasks));
    const before = below(atFirst, "judged/");
    const gradient = vectorOf.flat(below(atFirst, "gradient/"));
    const { x: direction, curvature } = await conjugateGradients(product, gradient, settings.products).finally(() => {
      for (const { times } of fisherChunks) times.release();
    });
    const longest = Math.sqrt((2 * settings.kl) / curvature);
    let [taken, share, reached] = [params, 0, before];
    for (let j = 0; j < settings.backtracks && Number.isFinite(longest); j++) {
      const length = settings.backtrack ** j;
      const next = vectorOf.moved(direction, -length * longest);
      const after = await judgedAt(next);
      if (!(scalarAt(after, "loss") < scalarAt(before, "loss") && scalarAt(after, "kl") <= settings.kl)) continue;
      [taken, share, reached] = [next, length, after];
      break;
    }
    const metrics = Object.fromEntries(Array.from(below(before, "metrics/"), ([name, [value]]) => [name, value!]));
    return {
      params: taken,
      optimizer: {},
      loss: scalarAt(before, "loss"),
      metrics: { ...metrics, kl: scalarAt(reached, "kl"), step: share },
    };
  };
  return {
    runBytes: productBytes,
    step: (chunkSize) => (params, _state, batch) => step(params, batch, chunkSize),
    estimates: async (params, _state, batch, chunkSize) => {
      const { tasks } = sliceBatch(batch, 0, chunkSize);
      // The largest of the three: its derivatives go furthest.
      return [await fisher.estimate({ params, tasks }, params)];
    },
    release: async () => {
      await Promise.all([judge, slope, fisher].map((program: { release(): Promise<void> }) => program.release()));
    },
  };
}

type Slope = { readonly gradient: Tree; readonly judged: Judged };
type Judged = { readonly loss: Tensor; readonly kl: Tensor; readonly metrics: { readonly [name: string]: Tensor } };

/** The mean over tasks of what f makes of each. */
const overTasks = <T extends Tree>(f: (task: PolicyTask) => T, tasks: PolicyTask): T =>
  mapTree((leaf: Tensor) => mean(leaf, 0), vmap((task: PolicyTask): Tree => f(task))(tasks) as T);

/**
 * The product (J' H J) v for outputs r(theta): H is the Hessian by r' of a distance d(r, r') that is least at r' = r, and J v the
 * gradient by w of <J' w, v>.
 */
export function fisherProduct(
  output: (params: Tree) => Tensor,
  distance: (from: Tensor, to: Tensor) => Tensor,
  params: Tree,
  vector: Tree,
): Tree {
  const { value, pullback } = vjp(output, params);
  const along = grad((w: Tensor) => innerProduct(pullback(w), vector))(zerosLike(value));
  const from = stopGradient(value);
  return pullback(hessianVectorProduct((to: Tensor) => distance(from, to), value, along));
}

const innerProduct = (a: Tree, b: Tree): Tensor => {
  const others = leaves(b);
  return leaves(a)
    .map((leaf, i) => sum(mul(leaf, others[i]!)))
    .reduce((total, term) => add(total, term));
};

function requireOptions(given: Settings): void {
  const { kl, products, damping, backtracks, backtrack, fisherShare, fisherTasks } = given;
  const wrong = (name: string, value: number, needed: string): never => {
    throw new TrainingError("ILR101", "trustRegion", `${name} is ${value}`, `Use ${needed}`);
  };
  if (!(kl > 0)) wrong("kl", kl, "a number above 0");
  if (!(damping >= 0)) wrong("damping", damping, "a number of at least 0");
  for (const [name, value] of Object.entries({ products, backtracks }))
    if (!(Number.isSafeInteger(value) && value >= 1)) wrong(name, value, "a whole number of at least 1");
  if (!(backtrack > 0 && backtrack < 1)) wrong("backtrack", backtrack, "a number between 0 and 1");
  for (const [name, value] of Object.entries({ fisherShare, fisherTasks }))
    if (!(value > 0 && value <= 1)) wrong(name, value, "a share above 0, 1 at most");
}
