/** Trust-region policy optimisation of meta-parameters. */
import {
  add,
  type CompiledFunction,
  compile,
  grad,
  hessianVectorProduct,
  leaves,
  mapTree,
  mean,
  mul,
  namedLeaves,
  sliceAxis,
  stopGradient,
  sum,
  type Tensor,
  type Tree,
  tensor,
  vjp,
  vmap,
  zerosLike,
} from "@innerloop/graph";
import { roleAt, traitsOf } from "../../layers/parameter-roles.js";
import { measured, type TaskLearner } from "../../learners/learner.js";
import { conjugateGradients } from "../../linear-algebra/conjugate-gradients.js";
import type { Loss } from "../../losses/losses.js";
import type { Examples } from "../../tasks/task.js";
import {
  chunkSizes,
  type MetaPrograms,
  type MetaStepResult,
  type MetaStepSetting,
  type OuterMethod,
  sliceBatch,
} from "../../training/meta-step.js";
import type { TaskBatch } from "../../training/task-batch.js";
import { TrainingError } from "../../training/training-error.js";
import { actionDistribution } from "./distributions.js";
import type { Space } from "./environment.js";
import { meanOfTaken, type PolicyTargets, policySurrogate } from "./policy-surrogate.js";
import { meanOverChunks } from "./task-means.js";

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
  const { kl, products, damping, backtracks, backtrack, fisherShare } = given;
  return {
    description: `trust region of KL ${kl}, ${products} products with damping ${damping} on ${fisherShare} of the episodes, ${backtracks} backtracks of ${backtrack}`,
    init: () => ({}),
    programs: ((setting: PolicySetting) =>
      policyPrograms(action, given, setting)) as unknown as OuterMethod["programs"],
  };
}

const defaults = { kl: 0.01, products: 10, damping: 1e-5, backtracks: 15, backtrack: 0.8, fisherShare: 0.25 };

type Settings = Required<TrustRegionOptions>;
type PolicySet = Examples<Tensor, PolicyTargets>;
type PolicyTask = { readonly support: PolicySet; readonly query: PolicySet };
type PolicyLearner = TaskLearner<Tree, Tree, PolicySet, Tensor, Tensor> & {
  readonly loss?: Loss<Tensor, PolicyTargets>;
};
type PolicySetting = Omit<MetaStepSetting<Tree, PolicySet>, "optimizer">;

/** The policy of a learner by meta-parameters: what it gives for the query observations of a task after adaptation. */
const adaptedOutput = (learner: PolicyLearner, params: Tree, { support, query }: PolicyTask): Tensor =>
  learner.predict(learner.adapt(params, support), query.x);

function policyPrograms(action: Space, settings: Settings, setting: PolicySetting): MetaPrograms<Tree, PolicySet> {
  const { executor, metaBatchSize } = setting;
  const learner = setting.learner as unknown as PolicyLearner;
  const { of } = actionDistribution(action);
  const surrogate = policySurrogate(action);
  const judged = (params: Tree, task: PolicyTask): Judged => {
    const prediction = adaptedOutput(learner, params, task);
    const { y } = task.query;
    const { metrics } = measured(learner.loss ?? surrogate, prediction, { y });
    return { loss: surrogate(prediction, y), kl: meanOfTaken(of(y.acted).kl(of(prediction)), y), metrics };
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
    (params: Tree, tasks: PolicyTask): Tree =>
      overTasks((task) => grad((at: Tree) => judged(at, task).loss)(params), tasks),
    { executor },
  );
  const fisher = compile(
    (params: Tree, vector: Tree, tasks: PolicyTask): Tree => overTasks((task) => fisherOf(params, vector, task), tasks),
    { executor },
  );
  const step = async (params: Tree, batch: TaskBatch<PolicyTask>, chunkSize: number): Promise<MetaStepResult<Tree>> => {
    const chunks = chunkSizes(metaBatchSize, chunkSize).map((size, i) => ({
      size,
      tasks: sliceBatch(batch, i * chunkSize, i * chunkSize + size).tasks,
    }));
    const meanOf = (run: (tasks: PolicyTask) => Promise<Tree>): Promise<ReadonlyMap<string, Float64Array>> =>
      meanOverChunks(chunks, run);
    const vectorOf = flattening(learner, params);
    const judgedAt = async (at: Tree): Promise<ReadonlyMap<string, number>> =>
      new Map(Array.from(await meanOf((tasks) => judge(at, tasks)), ([name, [value]]) => [name, value!]));
    const product = async (vector: Float64Array): Promise<Float64Array> => {
      const along = vectorOf.flat(await meanOf((tasks) => fisher(params, vectorOf.tree(vector), tasks)));
      return along.map((value, i) => value + settings.damping * vector[i]!);
    };
    const [before, gradient] = await Promise.all([
      judgedAt(params),
      meanOf((tasks) => slope(params, tasks)).then(vectorOf.flat),
    ]);
    const { x: direction, curvature } = await conjugateGradients(product, gradient, settings.products);
    const longest = Math.sqrt((2 * settings.kl) / curvature);
    let [taken, share, reached] = [params, 0, before];
    for (let j = 0; j < settings.backtracks && Number.isFinite(longest); j++) {
      const length = settings.backtrack ** j;
      const next = vectorOf.moved(direction, -length * longest);
      const after = await judgedAt(next);
      if (!(after.get("loss")! < before.get("loss")! && after.get("kl")! <= settings.kl)) continue;
      [taken, share, reached] = [next, length, after];
      break;
    }
    const metrics = Object.fromEntries(
      Array.from(before).flatMap(([name, value]) => (name.startsWith("metrics/") ? [[name.slice(8), value]] : [])),
    );
    return {
      params: taken,
      optimizer: {},
      loss: before.get("loss")!,
      metrics: { ...metrics, kl: reached.get("kl")!, step: share },
    };
  };
  return {
    step: (chunkSize) => (params, _state, batch) => step(params, batch, chunkSize),
    estimates: async (params, _state, batch, chunkSize) => {
      const { tasks } = sliceBatch(batch, 0, chunkSize);
      // The largest of the three: its derivatives go furthest.
      return [await fisher.estimate(params, params, tasks)];
    },
    release: async () => {
      await Promise.all(
        [judge, slope, fisher].map((program: Pick<CompiledFunction<never, Tree>, "release">) => program.release()),
      );
    },
  };
}

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

/** Parameters as one vector and back: those that outer updates do not move are 0 in it. */
function flattening(learner: Pick<TaskLearner, "init">, params: Tree) {
  const traits = traitsOf(learner);
  const moves = (path: string): boolean => ["trained", "shared"].includes(roleAt(traits, path));
  const named = namedLeaves(params);
  const length = named.reduce((total, [, leaf]) => total + leaf.size, 0);
  /** A tree of the parameters' structure with values made of each leaf and its place in a vector. */
  const madeOf = (of: (leaf: Tensor, from: number) => Float32Array): Tree => {
    let from = 0;
    return mapTree((leaf: Tensor) => {
      const made = tensor(of(leaf, from), leaf.shape);
      from += leaf.size;
      return made;
    }, params);
  };
  return {
    flat(byPath: ReadonlyMap<string, Float64Array>): Float64Array {
      const vector = new Float64Array(length);
      let from = 0;
      for (const [path, leaf] of named) {
        if (moves(path)) vector.set(byPath.get(path)!, from);
        from += leaf.size;
      }
      return vector;
    },
    tree: (vector: Float64Array): Tree =>
      madeOf((leaf, from) => Float32Array.from(vector.subarray(from, from + leaf.size))),
    /** params + scale vector */
    moved: (vector: Float64Array, scale: number): Tree =>
      madeOf((leaf, from) =>
        Float32Array.from({ length: leaf.size }, (_, i) => Number(leaf.data![i]) + scale * vector[from + i]!),
      ),
  };
}

function requireOptions({ kl, products, damping, backtracks, backtrack, fisherShare }: Settings): void {
  const wrong = (name: string, value: number, needed: string): never => {
    throw new TrainingError("ILR101", "trustRegion", `${name} is ${value}`, `Use ${needed}`);
  };
  if (!(kl > 0)) wrong("kl", kl, "a number above 0");
  if (!(damping >= 0)) wrong("damping", damping, "a number of at least 0");
  for (const [name, value] of Object.entries({ products, backtracks }))
    if (!(Number.isSafeInteger(value) && value >= 1)) wrong(name, value, "a whole number of at least 1");
  if (!(backtrack > 0 && backtrack < 1)) wrong("backtrack", backtrack, "a number between 0 and 1");
  if (!(fisherShare > 0 && fisherShare <= 1)) wrong("fisherShare", fisherShare, "a share above 0, 1 at most");
}
