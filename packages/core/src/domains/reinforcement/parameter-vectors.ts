/** Parameters as vectors. */
import { mapTree, namedLeaves, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { roleAt, traitsOf } from "../../layers/parameter-roles.js";
import type { TaskLearner } from "../../learners/learner.js";

/** A way between parameters and vectors of numbers, which solvers of linear systems take. */
export interface ParameterVectors {
  /** The vector of leaves by path. */
  flat(byPath: ReadonlyMap<string, Float64Array>): Float64Array;
  /** A vector as a tree of the parameters' structure. */
  tree(vector: Float64Array): Tree;
  /** params + scale vector */
  moved(vector: Float64Array, scale: number): Tree;
}

/** @internal Parameters as one vector and back: those that outer updates do not move are 0 in it. */
export function parameterVectors(learner: Pick<TaskLearner, "init">, params: Tree): ParameterVectors {
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
    flat: (byPath) => {
      const vector = new Float64Array(length);
      let from = 0;
      for (const [path, leaf] of named) {
        if (moves(path)) vector.set(byPath.get(path)!, from);
        from += leaf.size;
      }
      return vector;
    },
    tree: (vector) => madeOf((leaf, from) => Float32Array.from(vector.subarray(from, from + leaf.size))),
    moved: (vector, scale) =>
      madeOf((leaf, from) =>
        Float32Array.from({ length: leaf.size }, (_, i) => Number(leaf.data![i]) + scale * vector[from + i]!),
      ),
  };
}
