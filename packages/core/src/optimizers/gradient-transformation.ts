/**
 * Gradient transformations: what optimizers are made of, outside and inside, learned or not. They are written in graph
 * operations: outside they are compiled, inside a learner's inner loop they are differentiated through.
 */
import {
  add,
  GraphError,
  mapTree,
  namedLeaves,
  primitives,
  sub,
  type Tensor,
  type Tree,
  zerosLike,
} from "@innerloop/graph";
import type { Key } from "../random/random.js";

/**
 * A step from a gradient towards an update: init and update as in optax. What the last of a chain returns is added to
 * the parameters by `applyUpdates`, so somewhere in it the sign is turned: `descend` and `scale(-0.01)` do that.
 */
export interface GradientTransformation {
  /** For reports, and to tell the checkpoints of one setting from another's: what it does, and its options. */
  readonly description: string;
  /**
   * First values of parameters of its own, which meta-training learns beside the model's: a tree for the adapting
   * parameters of a model, by path. Transformations without it have none. Those with it are for inner loops, which
   * hand the parameters to `init` and `update` as `own`.
   */
  initMeta?(key: Key, params: Tree): Tree;
  /** True where it holds the gradients constant that it gets: an inner loop through it is then of first order. */
  readonly firstOrder?: boolean;
  /** Set where it keeps nothing from update to update: a chain then has no place for its state. */
  readonly stateless?: true;
  /** Of a chain: what it is a chain of. */
  readonly parts?: readonly GradientTransformation[];
  /** First state for parameters; its leaves have values, or follow from `own`. */
  init(params: Tree, own?: Tree): Tree;
  /** Updates in place of the gradient, and the next state. */
  update<P extends Tree>(
    gradient: P,
    state: Tree,
    params: P,
    own?: Tree,
  ): { readonly updates: P; readonly state: Tree };
}

/** A transformation without parameters of its own: what training takes, and inner loops that learn nothing. */
export interface Optimizer extends GradientTransformation {
  readonly initMeta?: never;
}

/** A transformation with parameters of its own, which meta-training learns: for inner loops. */
export interface LearnedOptimizer extends GradientTransformation {
  initMeta(key: Key, params: Tree): Tree;
}

/** Tells transformations that have parameters of their own. */
export const isLearned = (transformation: GradientTransformation): transformation is LearnedOptimizer =>
  transformation.initMeta !== undefined;

/**
 * The parameters of a learned transformation's own.
 *
 * @throws IL102 where it is used without, as training would use it
 */
export function ownParameters<Own extends Tree>(transformation: string, own: Tree | undefined): Own {
  if (own !== undefined) return own as Own;
  const remedy = "Give it to a learner that learns them: maml({ inner: ... })";
  throw new GraphError("IL102", transformation, "used without the parameters of its own", remedy);
}

/** params + updates, leaf by leaf. */
export const applyUpdates = <P extends Tree>(params: P, updates: P): P =>
  mapTree(
    // What is subtracted is written as that while it is known to be: w - rate g is one product and one difference.
    (w, update) => (update!.primitive === primitives.neg ? sub(w, update!.inputs[0]!) : add(w, update!)),
    params,
    updates,
  );

/** A transformation that keeps nothing: a function of gradient and parameters. */
export function stateless(
  description: string,
  f: <P extends Tree>(gradient: P, params: P) => P,
): Optimizer & { readonly stateless: true } {
  return {
    description,
    stateless: true,
    init: () => ({}),
    update: (gradient, _state, params) => ({ updates: f(gradient, params), state: {} }),
  };
}

/**
 * Transformations one after another: each gets what the one before it returns. Chains within it are taken apart, so
 * that chain(chain(a, b), c), chain(a, chain(b, c)) and chain(a, b, c) are the same, states included.
 *
 * Its state is that of the one part that has one, or a list of those of the parts that have; parameters of the parts'
 * own, where they are learned, are kept likewise.
 *
 * @throws IL102 for a chain of nothing
 * @example chain(clipByGlobalNorm(1), momentum(0.9), weightDecay(1e-4), scale(-0.01))
 */
export function chain(...transformations: readonly Optimizer[]): Optimizer;
export function chain(...transformations: readonly GradientTransformation[]): GradientTransformation;
export function chain(...transformations: readonly GradientTransformation[]): GradientTransformation {
  const parts = transformations.flatMap((part) => part.parts ?? [part]);
  const [first] = parts;
  if (!first) throw new GraphError("IL102", "chain", "no transformation", "Give one at least: chain(descend(0.01))");
  const states = placesOf(parts.map((part) => part.stateless !== true));
  const own = placesOf(parts.map(isLearned));
  const learned = parts.some(isLearned);
  return {
    description: parts.map(({ description }) => description).join(", "),
    parts,
    ...(parts.every((part) => part.stateless) ? { stateless: true } : {}),
    ...(parts.some(({ firstOrder }) => firstOrder) ? { firstOrder: true } : {}),
    ...(learned
      ? { initMeta: (key, params) => own.joined(parts.map((part) => part.initMeta?.(key, params) ?? {})) }
      : {}),
    init: (params, given) => states.joined(parts.map((part, i) => part.init(params, own.of(given, i)))),
    update: (gradient, state, params, given) => {
      let updates = gradient;
      const next = parts.map((part, i): Tree => {
        const found = part.update(updates, states.of(state, i) ?? {}, params, own.of(given, i));
        updates = found.updates;
        return found.state;
      });
      return { updates, state: states.joined(next) };
    },
  };
}

/** Trees of those parts that have one as a single tree: that of the only one, or a list. */
function placesOf(has: readonly boolean[]): {
  readonly joined: (trees: readonly Tree[]) => Tree;
  readonly of: (joined: Tree | undefined, part: number) => Tree | undefined;
} {
  const count = has.filter(Boolean).length;
  return {
    joined: (trees) => {
      const those = trees.filter((_, part) => has[part]);
      return count === 0 ? {} : count === 1 ? those[0]! : those;
    },
    of: (joined, part) => {
      if (!has[part] || joined === undefined) return undefined;
      return count === 1 ? joined : (joined as readonly Tree[])[has.slice(0, part).filter(Boolean).length]!;
    },
  };
}

/**
 * A transformation of the parameters at some paths alone: it does not see the others, keeps nothing for them, and their
 * updates are 0.
 *
 * @param moves says of a path whether its parameter is among them
 * @example masked(adam({ learningRate: 1e-3 }), (path) => !path.startsWith("embedding/"))
 */
export function masked<T extends GradientTransformation>(transformation: T, moves: (path: string) => boolean): T {
  // By path and not nested: the paths of what it keeps are the same.
  const part = (tree: Tree): { readonly [path: string]: Tensor } =>
    Object.fromEntries(namedLeaves(tree).filter(([path]) => moves(path)));
  // Without its parts: a chain around it would take them out of the mask.
  const { parts: _, ...rest } = transformation;
  return {
    ...rest,
    init: (params: Tree, own?: Tree) => transformation.init(part(params), own),
    update: <P extends Tree>(gradient: P, state: Tree, params: P, own?: Tree) => {
      const found = transformation.update(part(gradient), state, part(params), own);
      const names = namedLeaves(params).map(([path]) => path);
      let at = 0;
      return {
        updates: mapTree((leaf) => found.updates[names[at++]!] ?? zerosLike(leaf), params),
        state: found.state,
      };
    },
  } as unknown as T;
}
