/** The look of tasks, told before any is drawn: structure, shapes, types and meaning of their tensors. */
import { type DType, input, Tensor, type Tree, tagOf } from "@innerloop/graph";
import type { Examples, Task } from "./task.js";

/** One tensor of an example: its shape, its type and what its numbers mean. */
export interface TensorSpec {
  /** Of one example: [28, 28, 1] for an image, [] for a label. */
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Class indices: whole numbers from 0 to `count` - 1, the most that a task has; with names where all tasks share them. */
  readonly classes?: { readonly count: number; readonly names?: readonly string[] };
  /** Quantities in units of their own: one for each number of the last axis. */
  readonly columns?: readonly ColumnSpec[];
  /**
   * Bounds of all values, both included. Whole numbers (token ids, places) are held to them, as tasks and as a user's
   * examples; of other numbers they describe what tasks hold.
   */
  readonly range?: { readonly least: number; readonly most: number };
}

/** A column of quantities: its numbers are (value - mean) / deviation of the values in their own unit. */
export interface ColumnSpec {
  readonly name: string;
  readonly mean: number;
  readonly deviation: number;
  readonly unit?: string;
}

/** A support or query set. */
export interface SetSpec {
  /** Rows of the set, padding included: the same number in all tasks. */
  readonly rows: number;
  /** Sets come with a mask, `present`: some of their rows may be padding. */
  readonly present?: true;
  /** All of their rows may be: support sets of tasks of no shots, in which a learner has what it knows beforehand. */
  readonly mayBeEmpty?: true;
}

/**
 * The look of all tasks of a source. For x and y it has a tree of the same structure whose leaves are `TensorSpec`s; for
 * one tensor that is one of these.
 *
 * @example
 * // Sentences of at most 12 words, of 4 kinds, 5 of each to adapt to and 10 to be judged on:
 * const spec: TaskSpec<{ tokens: Tensor; mask: Tensor }> = {
 *   x: {
 *     tokens: { shape: [12], dtype: "int32", range: { least: 0, most: 4999 } },
 *     mask: { shape: [12], dtype: "float32" },
 *   },
 *   y: { shape: [], dtype: "int32", classes: { count: 4 } },
 *   support: { rows: 20 },
 *   query: { rows: 40 },
 * };
 */
export interface TaskSpec<X extends Tree = Tensor, Y extends Tree = Tensor> {
  readonly x: SpecOf<X>;
  readonly y: SpecOf<Y>;
  readonly support: SetSpec;
  readonly query: SetSpec;
  /** Support sets hold examples whose class is not told, under the label -1. */
  readonly unlabelled?: true;
  /** Query sets hold examples of classes that the support set has none of, under the label -1. */
  readonly openSet?: true;
}

/** Tensor specs in nested plain objects and arrays, as the tensors that they describe. */
export type SpecTree = TensorSpec | readonly SpecTree[] | { readonly [name: string]: SpecTree };

/** The specs of a tree of tensors: that of a tensor is one `TensorSpec`. */
export type SpecOf<T> = T extends Tensor
  ? TensorSpec
  : { readonly [K in keyof T]: Tree extends T[K] ? SpecTree : SpecOf<T[K]> };

/** Tells a tensor's description from a branch of them. */
export const isTensorSpec = (tree: SpecTree): tree is TensorSpec =>
  typeof (tree as Partial<TensorSpec>).dtype === "string";

/** The name of a part of a tree: `x.tokens`, `x[1]`. */
export const partName = (of: string, part: string, inList: boolean): string =>
  inList ? `${of}[${part}]` : of === "" ? part : `${of}.${part}`;

/** The tensors of a tree with their names, as messages show them: `x`, `x.tokens`, `x[1]`. */
export function namedTensors(tree: Tree, name: string): (readonly [name: string, tensor: Tensor])[] {
  if (tree instanceof Tensor) return [[name, tree]];
  return Object.entries(tree).flatMap(([part, child]) =>
    namedTensors(child as Tree, partName(name, part, Array.isArray(tree))),
  );
}

/** A tree of the same structure with a tensor for each spec. */
function mapSpecs(tree: SpecTree, f: (spec: TensorSpec) => Tensor): Tree {
  if (isTensorSpec(tree)) return f(tree);
  if (Array.isArray(tree)) return tree.map((child: SpecTree) => mapSpecs(child, f));
  return Object.fromEntries(
    Object.entries(tree as { readonly [name: string]: SpecTree }).map(([name, child]) => [name, mapSpecs(child, f)]),
  );
}

/** The specs of rows, by their shapes and types alone. */
export function specsOfRows(rows: Tree): SpecTree {
  if (rows instanceof Tensor) return { shape: rows.shape.slice(1), dtype: rows.dtype };
  if (Array.isArray(rows)) return rows.map((child: Tree) => specsOfRows(child));
  return Object.fromEntries(Object.entries(rows).map(([name, child]) => [name, specsOfRows(child as Tree)]));
}

/** A task of the described shapes and types, without values: for what is traced and not run. */
export function symbolicTask<X extends Tree, Y extends Tree>(spec: TaskSpec<X, Y>): Task<X, Y> {
  const set = ({ rows, present }: SetSpec): Examples<X, Y> => {
    const part = (tree: SpecTree): Tree => mapSpecs(tree, ({ shape, dtype }) => input([rows, ...shape], dtype));
    const { x, y } = spec as unknown as TaskSpec<Tree, Tree>;
    return { x: part(x) as X, y: part(y) as Y, ...(present ? { present: input([rows]) } : {}) };
  };
  return { support: set(spec.support), query: set(spec.query) };
}

/** Classes of a task, the most where tasks differ; undefined where targets are not class indices of a known number. */
export const classesIn = ({ y }: TaskSpec<Tree, Tree>): number | undefined =>
  isTensorSpec(y) ? y.classes?.count : undefined;

/** Columns of targets in units of their own; undefined where targets are something else. */
export const targetColumns = ({ y }: TaskSpec<Tree, Tree>): readonly ColumnSpec[] | undefined =>
  isTensorSpec(y) ? y.columns : undefined;

/** The look of one task, from its tensors: of the meaning of their numbers they tell nothing. */
export function specByTask({ support, query }: Task<Tree, Tree>): TaskSpec<Tree, Tree> {
  const described = (tree: Tree): SpecTree => {
    if (tree instanceof Tensor) return { shape: tree.shape.slice(1), dtype: tree.dtype };
    if (Array.isArray(tree)) return tree.map(described);
    return Object.fromEntries(Object.entries(tree).map(([name, child]) => [name, described(child as Tree)]));
  };
  const set = ({ x, present }: Examples<Tree, Tree>): SetSpec => ({
    rows: rowsOf(x),
    ...(present ? { present: true } : {}),
  });
  return { x: described(support.x), y: described(support.y), support: set(support), query: set(query) };
}

/** Rows of examples: the size of the first axis, which all tensors of a tree share. */
export function rowsOf(tree: Tree): number {
  if (tree instanceof Tensor) return tree.shape[0] ?? 0;
  const [first] = Object.values(tree) as Tree[];
  return first === undefined ? 0 : rowsOf(first);
}

/** Deeper trees are taken for ones that hold themselves. */
export const deepestTree = 16;

/** Tells branches of a tree, plain objects and lists, from all else. */
export const isBranch = (value: unknown): value is object =>
  Array.isArray(value) || (!(value instanceof Tensor) && tagOf(value) === "Object");
