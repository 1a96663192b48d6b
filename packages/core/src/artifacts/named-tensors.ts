/** Trees as tensors by name, as files have them, and back. */
import { leaves, paths, sameShape, type Tensor, type Tree, unflatten } from "@innerloop/graph";
import { TrainingError } from "../training/training-error.js";

/** The names of a tree's leaves below a prefix, in the order of its leaves. */
const namesOf = (prefix: string, tree: Tree): string[] =>
  paths(tree).map((path) => (path === "" ? prefix : `${prefix}/${path}`));

/** The leaves of a tree by name. */
export function named(prefix: string, tree: Tree): Record<string, Tensor> {
  const names = namesOf(prefix, tree);
  return Object.fromEntries(leaves(tree).map((leaf, i) => [names[i]!, leaf]));
}

/** The question whether a name is that of a leaf below a prefix. */
export const isBelow = (prefix: string, name: string): boolean => name === prefix || name.startsWith(`${prefix}/`);

/**
 * A tree of the structure of another, out of tensors by name.
 *
 * @param said where they are from, and what to do where one is missing or of another shape or type than the other's leaf
 * @throws TrainingError ILR202
 */
export function filled<T extends Tree>(
  prefix: string,
  like: T,
  tensors: Readonly<Record<string, Tensor>>,
  { where, remedy }: { readonly where: string; readonly remedy: string },
): T {
  const names = namesOf(prefix, like);
  const found = leaves(like).map((leaf, i) => {
    const name = names[i]!;
    const value = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    if (value && value.dtype === leaf.dtype && sameShape(value.shape, leaf.shape)) return value;
    const problem = value ? `${name} is ${value}, the model has ${leaf}` : `${name} is missing`;
    throw new TrainingError("ILR202", where, problem, remedy);
  });
  return unflatten(like, found);
}
