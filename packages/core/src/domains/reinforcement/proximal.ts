/** Proximal policy optimisation of meta-parameters. */
import {
  abs,
  add,
  type CompiledFunction,
  cast,
  clip,
  compile,
  exp,
  greater,
  mapTree,
  mean,
  min,
  mul,
  neg,
  reshape,
  sliceAxis,
  sub,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
  vmap,
  where,
} from "@innerloop/graph";
import { mapWithPaths, traitsOf } from "../../layers/parameter-roles.js";
import { measured } from "../../learners/learner.js";
import { adam } from "../../optimizers/optimizers.js";
import { describeRate, type Schedule } from "../../optimizers/schedules.js";
import {
  type MetaPrograms,
  type MetaStepResult,
  type MetaStepSetting,
  type OuterMethod,
  sliceBatch,
} from "../../training/meta-step.js";
import { outerUpdate } from "../../training/outer-update.js";
import type { TaskBatch } from "../../training/task-batch.js";
import { TrainingError } from "../../training/training-error.js";
import type { Space } from "./environment.js";
import { type PolicyLearner, type PolicySet, type PolicyTask, policyDistribution } from "./policy-learner.js";
import { meanOfTaken, policySurrogate } from "./policy-surrogate.js";
import { below, chunksOf, meanOverChunks } from "./task-means.js";

/** Options of `proximal`. */
export interface ProximalOptions {
  /** Ratios of probabilities count up to so far from 1: 0.3 by default. */
  readonly clip?: number;
  /** Passes over a batch: 5 by default. */
  readonly epochs?: number;
  /** Parts of a batch of tasks, each of which is a step of its own; 1 by default. */
  readonly parts?: number;
  /** Of Adam, 1e-3 by default; a schedule goes by its steps, of which an update takes epochs x parts. */
  readonly learningRate?: number | Schedule;
  /** The first coefficient of the KL of the policies before each inner step, 5e-4 by default. */
  readonly kl?: number;
  /** The KL of these, in nats, that the coefficient is adapted to; 0.01 by default. */
  readonly klTarget?: number;
  /**
   * The coefficient of the entropy of the adapted policies, which is added to what is maximised: 0 by default. A schedule goes
   * by updates.
   */
  readonly entropy?: number | Schedule;
}

/**
 * Proximal meta-policy search (ProMP, Rothfuss et al. 2019): so many steps of Adam on one batch of collected episodes, each
 * through adaptation,
 *
 *   minimise - mean min(w A, clip(w, 1 - c, 1 + c) A) + eta mean_k KL(pi_old,k || pi_theta_k) - e H(pi_theta'),
 *   w = pi_theta' / pi_old,   theta' = theta_K,   theta_{k+1} = theta_k - alpha grad L(theta_k; tau_k)
 *
 * with w and the KL of the query set by the stored outputs of the policies that acted, c = `clip`. Inner steps of
 * `policySurrogate` are by ratios to these, too. eta is halved after an update whose KL is below klTarget / 1.5, and doubled
 * where it is above 1.5 klTarget; all inner steps share one.
 *
 * Of a learner that takes no inner steps it is proximal policy optimisation (PPO, Schulman et al. 2017), without the KL; one
 * with a critic has its loss beside.
 *
 * A step's metrics are those of the learner's loss before it, and from the last pass, before its step, the KL of the adapted
 * policies, the share of ratios that are cut and the KL before adaptation, with the eta that was used. What it keeps is Adam's
 * state and eta.
 *
 * @param action the space of actions
 * @throws TrainingError ILR101 for options out of range
 * @example train({ learner, tasks: policyCollector({ family }), optimizer: proximal(family.action), ... })
 */
export function proximal(action: Space, options: ProximalOptions = {}): OuterMethod {
  const given = { ...defaults, ...options };
  requireOptions(given);
  const { clip: most, epochs, parts, learningRate, kl, klTarget, entropy } = given;
  const optimizer = adam({ learningRate });
  return {
    description: `proximal policy optimisation, clip ${most}, ${epochs} epochs of ${parts} parts by ${optimizer.description}, inner KL ${kl} towards ${klTarget}, entropy ${describeRate(entropy)}`,
    init: (params): State => ({ adam: optimizer.init(params), klCoefficient: tensor(kl, [], "float32") }),
    programs: ((setting: PolicySetting) =>
      proximalPrograms(action, given, optimizer, setting)) as unknown as OuterMethod["programs"],
  };
}

const defaults = { clip: 0.3, epochs: 5, parts: 1, learningRate: 1e-3, kl: 5e-4, klTarget: 0.01, entropy: 0 };

type Settings = Required<ProximalOptions>;
type State = { readonly adam: Tree; readonly klCoefficient: Tensor };
type PolicySetting = Omit<MetaStepSetting<Tree, PolicySet>, "optimizer">;

/** What an objective's terms are weighted by. */
type Coefficients = { readonly klCoefficient: Tensor; readonly iteration: Tensor };

/** What is made of one task, or is the mean over some. */
type Judged = {
  /** To be minimised. */
  readonly objective: Tensor;
  readonly loss: Tensor;
  /** Of learners that take inner steps. */
  readonly innerKl?: Tensor;
  readonly kl: Tensor;
  readonly clipped: Tensor;
  readonly metrics: { readonly [name: string]: Tensor };
};

/**
 * The clipped objective of rows [n, H], a scalar to be maximised, and the share of steps whose ratio is cut:
 *
 *   mean min(w A, clip(w, 1 - c, 1 + c) A),    w = exp(logProb - old)
 *
 * over the steps that were taken. What padding holds counts for nothing.
 */
export function clippedObjective(
  inputs: {
    /** [n, H] */
    readonly logProb: Tensor;
    /** log pi_old, [n, H] */
    readonly old: Tensor;
    readonly advantage: Tensor;
    readonly taken: Tensor;
  },
  most: number,
): { readonly objective: Tensor; readonly clipped: Tensor } {
  const { logProb, old, advantage, taken } = inputs;
  const ratio = exp(where(greater(taken, 0.5), sub(logProb, old), 0));
  const [least, greatest] = [mul(ratio, advantage), mul(clip(ratio, 1 - most, 1 + most), advantage)];
  return {
    objective: meanOfTaken(min(least, greatest), { taken }),
    clipped: meanOfTaken(cast(greater(abs(sub(ratio, 1)), most), "float32"), { taken }),
  };
}

function proximalPrograms(
  action: Space,
  settings: Settings,
  optimizer: ReturnType<typeof adam>,
  setting: PolicySetting,
): MetaPrograms<Tree, PolicySet> {
  const { executor, metaBatchSize } = setting;
  const learner = setting.learner as unknown as PolicyLearner;
  const traits = traitsOf(learner);
  const steps = learner.steps ?? 0;
  const of = policyDistribution(action);
  const surrogate = policySurrogate(action);
  /** mean_k KL(pi_old,k || pi_theta_k) over the episodes that each inner step saw; rows go by episode, then by step. */
  const innerKlOf = (params: Tree, support: PolicySet): Tensor => {
    const each = Array.from({ length: steps }, (_, k) => {
      const part = mapTree((leaf: Tensor) => {
        const [rows, ...rest] = leaf.shape as readonly [number, ...number[]];
        const byStep = reshape(leaf, [rows / steps, steps, ...rest]);
        return reshape(sliceAxis(byStep, 1, k, k + 1), [rows / steps, ...rest]);
      }, support);
      const output = learner.predict(learner.adapt(params, support, { steps: k }), part.x);
      return meanOfTaken(of(part.y.acted).kl(of(output)), part.y);
    });
    return mul(
      each.reduce((total, one) => add(total, one)),
      1 / steps,
    );
  };
  const judged = (params: Tree, { klCoefficient, iteration }: Coefficients, task: PolicyTask): Judged => {
    const { support, query } = task;
    const { y } = query;
    const prediction = learner.predict(learner.adapt(params, support), query.x);
    const [now, before] = [of(prediction), of(y.acted)];
    const ratios = { logProb: now.logProb(y.action), old: before.logProb(y.action) };
    const { objective, clipped } = clippedObjective({ ...ratios, ...y }, settings.clip);
    const { metrics } = measured(learner.loss ?? surrogate, prediction, { y });
    const innerKl = steps > 0 ? { innerKl: innerKlOf(params, support) } : {};
    const penalised = innerKl.innerKl ? sub(objective, mul(klCoefficient, innerKl.innerKl)) : objective;
    const weight = typeof settings.entropy === "number" ? settings.entropy : settings.entropy(iteration);
    const bonus = weight === 0 ? undefined : mul(meanOfTaken(now.entropy(), y), weight);
    const maximised = bonus ? add(penalised, bonus) : penalised;
    const beside = [learner.exploration?.(params, task), learner.critic?.(prediction, y)];
    return {
      objective: beside.reduce((total: Tensor, term) => (term ? add(total, term) : total), neg(maximised)),
      loss: surrogate(prediction, y),
      ...innerKl,
      kl: meanOfTaken(before.kl(now), y),
      clipped,
      metrics,
    };
  };
  /** Means over tasks. Where none adapts by its support set, all are rows of one set: their gradient is one product. */
  const overTasks = (params: Tree, coefficients: Coefficients, tasks: PolicyTask): Judged => {
    if (learner.memory) {
      const joined = mapTree(
        (leaf: Tensor) => reshape(leaf, [leaf.shape[0]! * leaf.shape[1]!, ...leaf.shape.slice(2)]),
        tasks.query,
      );
      return judged(params, coefficients, { support: joined, query: joined });
    }
    const each = vmap((task: PolicyTask): Tree => judged(params, coefficients, task) as unknown as Tree)(tasks);
    return mapTree((leaf: Tensor) => mean(leaf, 0), each) as unknown as Judged;
  };
  const slope = compile(
    (params: Tree, coefficients: Coefficients, tasks: PolicyTask): Tree => {
      const { gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const { objective, ...rest } = overTasks(at, coefficients, tasks);
        return [objective, rest as unknown as Tree] as const;
      })(params);
      return { gradient, ...(auxiliary as { readonly [name: string]: Tree }) };
    },
    { executor },
  );
  const update = compile(
    (params: Tree, state: Tree, gradient: Tree): { readonly params: Tree; readonly state: Tree } =>
      outerUpdate(traits, optimizer, { params, state, gradient, statistics: {} }),
    { executor },
  );
  const step = async (
    params: Tree,
    { adam: state, klCoefficient }: State,
    batch: TaskBatch<PolicyTask>,
    chunkSize: number,
  ): Promise<MetaStepResult<Tree>> => {
    const parts = partsOf(metaBatchSize, settings.parts).map((part) => chunksOf(batch, part, chunkSize));
    const coefficients = { klCoefficient, iteration: batch.iteration };
    let at: { readonly params: Tree; readonly state: Tree } = { params, state };
    /** Of each pass, means over its parts. */
    const passes: Figures[] = [];
    for (let epoch = 0; epoch < settings.epochs; epoch++) {
      const figures: Figures[] = [];
      for (const chunks of parts) {
        const found = await meanOverChunks(chunks, ({ tasks }) => slope(at.params, coefficients, tasks));
        figures.push(scalarsOf(found));
        const gradient = mapWithPaths(
          (path, leaf) => tensor(Float32Array.from(found.get(`gradient/${path}`)!), leaf.shape),
          at.params,
        );
        at = await update(at.params, at.state, gradient);
      }
      passes.push(meanOfFigures(figures));
    }
    const [first, last] = [passes[0]!, passes.at(-1)!];
    const metrics = Object.fromEntries(below(first, "metrics/"));
    const innerKl = last.get("innerKl");
    const used = Number(klCoefficient.data![0]);
    const coefficient = innerKl === undefined ? used : used * change(innerKl, settings.klTarget);
    return {
      params: at.params,
      optimizer: { adam: at.state, klCoefficient: tensor(coefficient, [], "float32") },
      loss: first.get("loss")!,
      metrics: {
        ...metrics,
        kl: last.get("kl")!,
        clipped: last.get("clipped")!,
        ...(innerKl === undefined ? {} : { innerKl, klCoefficient: used }),
      },
    };
  };
  return {
    step: (chunkSize) => (params, state, batch) => step(params, state as State, batch, chunkSize),
    estimates: async (params, state, batch, chunkSize) => {
      const { tasks, iteration } = sliceBatch(batch, 0, Math.min(chunkSize, Math.ceil(metaBatchSize / settings.parts)));
      return [await slope.estimate(params, { klCoefficient: (state as State).klCoefficient, iteration }, tasks)];
    },
    release: async () => {
      await Promise.all(
        [slope, update].map((program: Pick<CompiledFunction<never, Tree>, "release">) => program.release()),
      );
    },
  };
}

/** Scalars by name. */
type Figures = ReadonlyMap<string, number>;

const scalarsOf = (found: ReadonlyMap<string, Float64Array>): Figures =>
  new Map(Array.from(found).flatMap(([name, values]) => (name.startsWith("gradient/") ? [] : [[name, values[0]!]])));

const meanOfFigures = (parts: readonly Figures[]): Figures =>
  new Map(
    Array.from(parts[0]!.keys(), (name) => [
      name,
      parts.reduce((total, part) => total + part.get(name)!, 0) / parts.length,
    ]),
  );

/** The factor of the coefficient of a KL that is to be near its target. */
const change = (kl: number, target: number): number => (kl < target / 1.5 ? 0.5 : kl > target * 1.5 ? 2 : 1);

/** Tasks of each part of a batch, as even as can be. */
const partsOf = (total: number, parts: number): (readonly [from: number, to: number])[] =>
  Array.from({ length: Math.min(parts, total) }, (_, i) => {
    const count = Math.min(parts, total);
    return [Math.round((i * total) / count), Math.round(((i + 1) * total) / count)] as const;
  });

function requireOptions({ clip: most, epochs, parts, learningRate, kl, klTarget, entropy }: Settings): void {
  const wrong = (name: string, value: number, needed: string): never => {
    throw new TrainingError("ILR101", "proximal", `${name} is ${value}`, `Use ${needed}`);
  };
  for (const [name, value] of Object.entries({ epochs, parts }))
    if (!(Number.isSafeInteger(value) && value >= 1)) wrong(name, value, "a whole number of at least 1");
  for (const [name, value] of Object.entries({ clip: most, learningRate, klTarget }))
    if (typeof value === "number" && !(value > 0 && Number.isFinite(value))) wrong(name, value, "a number above 0");
  for (const [name, value] of Object.entries({ kl, entropy }))
    if (typeof value === "number" && !(value >= 0 && Number.isFinite(value)))
      wrong(name, value, "a number of at least 0");
}
