/** Roles of parameters in training: said by the leaf that `init` returns, and found by its path from then on. */
import { GraphError, mapTree, namedLeaves, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { type Key, structureKey } from "../random/random.js";
import type { Statistics } from "./layer.js";

/**
 * The part of a parameter in training.
 *
 * - "trained": outer updates move it, and so do inner loops, where they adapt it. All that say nothing are.
 * - "shared": outer updates move it, inner loops leave it alone: all tasks share it, as in warped layers.
 * - "averaged": a running average of a statistic that its layer reports; no gradient moves it.
 * - "fixed": nothing moves it: no inner loop, no outer update, no weight decay, no average.
 */
export type ParameterRole = "trained" | "shared" | "averaged" | "fixed";

/** All that a parameter says of itself beside its values. */
export interface ParameterTraits {
  readonly role: ParameterRole;
  /** The statistic that an "averaged" one is the average of, as reported for the path of the record that holds it. */
  readonly statistic?: keyof Statistics;
  /** Set on scale and shift of a normalisation: MAML++ does not adapt them. */
  readonly ofNormalisation?: true;
  /** For a parameter that there is of each inner step: which one it is, the same for all steps, and its step, from 0. */
  readonly ofStep?: { readonly parameter: symbol; readonly step: number };
  /** For a weight whose axes PyTorch has in another order: axis i here is axis `torchAxes[i]` there. */
  readonly torchAxes?: readonly number[];
  /** For the gates of a recurrent layer, parts of the last axis: part i here is part `torchGates[i]` of the first axis there. */
  readonly torchGates?: readonly number[];
  /**
   * For a bias that PyTorch has as two, one beside the inputs and one beside the state, which are added: the parts here, as
   * in `torchGates`, in which the second one is not added, and has to be 0.
   */
  readonly torchSum?: { readonly apart: readonly number[] };
}

/** Traits by the path of a parameter; those that are not in it are trained and nothing else. */
export type TraitsByPath = ReadonlyMap<string, ParameterTraits>;

/** Kept beside the tensors, which are the compiler's: what is computed from one, or read from a file, says nothing. */
const told = new WeakMap<Tensor, ParameterTraits>();

/**
 * The same values as a leaf that says more of itself; `init` of a layer returns it in its parameters. A layer around
 * that one, of one's own too, passes it on by handing on what `init` of the inner layer returns.
 *
 * @throws IL102 where the leaf has no values, or is averaged without the statistic that it averages
 * @example init: (key) => ({ weight: glorotUniform(...), offset: withTraits(tensor([1, 2]), { role: "fixed" }) })
 */
export function withTraits(leaf: Tensor, traits: Partial<ParameterTraits>): Tensor {
  if (!leaf.data) {
    throw new GraphError("IL102", "withTraits", `${leaf} has no values`, "Give a first value that `tensor` has made");
  }
  const all: ParameterTraits = { role: "trained", ...told.get(leaf), ...traits };
  if (all.role === "averaged" && all.statistic === undefined) {
    throw new GraphError("IL102", "withTraits", "averaged, but not of what", 'Say statistic: "mean" or "variance"');
  }
  // A tensor of its own: the one that was given may be the first value of another parameter too.
  const own = tensor(leaf.data, leaf.shape, leaf.dtype);
  told.set(own, all);
  return own;
}

/** Parameters that nothing moves: `withTraits(leaf, { role: "fixed" })` of each. */
export const fixed = <P extends Tree>(params: P): P => mapTree((leaf) => withTraits(leaf, { role: "fixed" }), params);

/** Traits of first parameters, as `init` has returned them, by path: what leaves say that say something. */
export function traitsIn(first: Tree): TraitsByPath {
  return new Map(
    namedLeaves(first).flatMap(([path, leaf]) => {
      const traits = told.get(leaf);
      return traits ? [[path, traits] as const] : [];
    }),
  );
}

const known = new WeakMap<object, TraitsByPath>();

/** Traits of the parameters of a layer or learner, wherever their values came from: its `init` is asked for them. */
export function traitsOf(made: { init(key: Key): Tree }): TraitsByPath {
  let traits = known.get(made);
  if (!traits) {
    traits = traitsIn(made.init(structureKey));
    known.set(made, traits);
  }
  return traits;
}

/** The role of the parameter at a path. */
export const roleAt = (traits: TraitsByPath, path: string): ParameterRole => traits.get(path)?.role ?? "trained";

/** A tree with each leaf replaced by what `f` makes of it, its path and the leaves at the same place in others. */
export function mapWithPaths<T extends Tree>(
  f: (path: string, leaf: Tensor, ...others: Tensor[]) => Tensor,
  tree: T,
  ...others: T[]
): T {
  const names = namedLeaves(tree).map(([path]) => path);
  let at = 0;
  return mapTree((leaf, ...rest) => f(names[at++]!, leaf, ...rest), tree, ...others);
}
