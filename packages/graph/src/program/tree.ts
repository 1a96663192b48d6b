import { GraphError } from "../errors.js";
import { Tensor } from "./tensor.js";
import { sameShape } from "./tensor-type.js";

/** Tensors in nested plain objects and arrays, as parameters and tasks come. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree };

/** A tree of the same structure with other leaves. */
export type MapTree<T, Leaf> = T extends Tensor ? Leaf : { [K in keyof T]: MapTree<T[K], Leaf> };

type Named = { readonly [name: string]: Tree };
type Branch = readonly Tree[] | Named;

const isLeaf = (tree: unknown): tree is Tensor => tree instanceof Tensor;

/** The tensors of a tree with their names, as `layer/0/weight`: properties in their own order. */
export function namedLeaves(tree: Tree): [name: string, leaf: Tensor][] {
  const found: [string, Tensor][] = [];
  visit(tree, "", (leaf, path) => found.push([path, leaf]));
  return found;
}

/** The names of the leaves, in the order of `leaves`. */
export function paths(tree: Tree): string[] {
  return namedLeaves(tree).map(([name]) => name);
}

/** The tensors of a tree: properties in their own order. */
export function leaves(tree: Tree): Tensor[] {
  return namedLeaves(tree).map(([, leaf]) => leaf);
}

function visit(tree: Tree, path: string, leaf: (x: Tensor, path: string) => void): void {
  if (isLeaf(tree)) {
    leaf(tree, path);
    return;
  }
  if (typeof tree !== "object" || tree === null || ArrayBuffer.isView(tree)) {
    throw new GraphError(
      "IL303",
      "tree",
      `${path || "the root"} is ${describe(tree)}`,
      "Leaves are tensors: use tensor(...) for numbers",
    );
  }
  for (const [name, child] of Object.entries(tree as Branch))
    visit(child, path === "" ? name : `${path}/${name}`, leaf);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object"
    ? `a ${value.constructor?.name ?? "object"}`
    : `the ${typeof value} ${String(value)}`;
}

/**
 * The tree with each leaf replaced: `f` gets the leaves at the same place (by path) in all trees.
 *
 * @throws IL303 where the trees have different paths
 */
export function mapTree<T extends Tree>(f: (leaf: Tensor, ...others: Tensor[]) => Tensor, tree: T, ...others: T[]): T {
  const parts = others.map((other) => matchingLeaves(tree, other));
  let at = 0;
  return rebuild(tree, (leaf) => {
    const index = at++;
    return f(leaf, ...parts.map((list) => list[index]!));
  }) as T;
}

/** The tree with its leaves replaced by a list in the order of `leaves`. */
export function unflatten<T extends Tree>(tree: T, list: readonly Tensor[]): T {
  let at = 0;
  const made = rebuild(tree, () => list[at++]!) as T;
  if (list.length === at) return made;
  const problem = `${list.length} tensors for ${at} places`;
  throw new GraphError("IL303", "unflatten", problem, "Give one tensor per leaf");
}

function rebuild(tree: Tree, leaf: (x: Tensor) => Tree): Tree {
  if (isLeaf(tree)) return leaf(tree);
  if (Array.isArray(tree)) return (tree as readonly Tree[]).map((child) => rebuild(child, leaf));
  const made: Record<string, Tree> = {};
  for (const name of Object.keys(tree)) {
    const value = rebuild((tree as Named)[name]!, leaf);
    // By assignment, which is the fastest way, wherever that makes a property.
    if (name !== "__proto__") made[name] = value;
    else Object.defineProperty(made, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return made;
}

/**
 * @internal The leaves of a tree that has the names, types and shapes of another one, in the same order; undefined of any other
 * tree.
 */
export function leavesLike(tree: Tree, expected: Tree): Tensor[] | undefined {
  const found: Tensor[] = [];
  return collectLike(tree, expected, found) ? found : undefined;
}

function collectLike(tree: Tree, expected: Tree, found: Tensor[]): boolean {
  if (isLeaf(expected)) {
    if (!isLeaf(tree) || tree.dtype !== expected.dtype || !sameShape(tree.shape, expected.shape)) return false;
    found.push(tree);
    return true;
  }
  if (isLeaf(tree) || typeof tree !== "object" || tree === null || Array.isArray(tree) !== Array.isArray(expected))
    return false;
  const [names, wanted] = [Object.keys(tree), Object.keys(expected)];
  if (names.length !== wanted.length) return false;
  return wanted.every(
    (name, i) => names[i] === name && collectLike((tree as Named)[name]!, (expected as Named)[name]!, found),
  );
}

/** The leaves of `other` in the order of `tree`, matched by path. */
function matchingLeaves(tree: Tree, other: Tree): Tensor[] {
  const names = paths(other);
  const values = new Map(leaves(other).map((leaf, i) => [names[i]!, leaf]));
  const wanted = paths(tree);
  const missing = wanted.find((path) => !values.has(path));
  if (missing !== undefined || wanted.length !== names.length) {
    const problem =
      missing === undefined ? `${wanted.length} leaves and ${names.length}` : `no leaf ${missing || "at the root"}`;
    throw new GraphError("IL303", "tree", `structures differ: ${problem}`, "Give trees with the same names");
  }
  return wanted.map((path) => values.get(path)!);
}
