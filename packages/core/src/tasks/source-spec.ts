/** The look of the tasks of a source: as it says, or as its first task has it. */
import { bytesPerElement, formatShape, isFloat, Tensor, type Tree } from "@innerloop/graph";
import { type Collector, isCollector, type Task, TaskError, type TaskSource } from "./task.js";
import {
  deepestTree,
  isTensorSpec,
  partName,
  type SpecTree,
  specByTask,
  type TaskSpec,
  type TensorSpec,
} from "./task-spec.js";
import { requireTask, type TaskRules } from "./value-gate.js";

/**
 * The look of the tasks of a source: as it says itself, or as its first task has it, which is then looked at once.
 *
 * @param from whose first task that is, and who asks, for errors
 * @throws TaskError ILT202 where its spec describes no tasks; TrainingError ILR105 where it has none and its first task is
 * not whole
 */
export function specOf<X extends Tree, Y extends Tree>(
  source: TaskSource<X, Y> | Pick<Collector<Tree, X, Y>, "name" | "spec">,
  from: { readonly operation?: string; readonly seed?: number; readonly overClasses?: boolean } = {},
): TaskSpec<X, Y> {
  const { operation = "tasks", seed = 0, overClasses = false } = from;
  const given = source as unknown as TaskSource<Tree, Tree>;
  let spec = declaredSpec(given) ?? derivedSpecs.get(source);
  if (!spec) {
    if (isCollector(source)) {
      const remedy = "Give it: what it collects is known with the parameters alone, and programs are made before";
      throw new TaskError("ILT202", source.name, "a collector has no spec", remedy);
    }
    spec = specByTask(checkedTask(given, seed, 0, { operation, overClasses }));
    derivedSpecs.set(source, spec);
  }
  return spec as unknown as TaskSpec<X, Y>;
}

const derivedSpecs = new WeakMap<object, TaskSpec<Tree, Tree>>();

/** The task of an address, checked. */
export const checkedTask = <X extends Tree, Y extends Tree>(
  source: TaskSource<X, Y>,
  seed: number,
  index: number,
  rules: TaskRules,
): Task<X, Y> =>
  requireTask(source.sample(seed, index), () => `task ${index} of ${source.name ?? "the source"}`, rules);

/** Fields of a source of tasks that its spec says now. */
const formerFields = {
  classes: "y: { ..., classes: { count } }",
  targets: "y: { ..., columns }",
  openSet: "openSet: true",
  unlabelled: "unlabelled: true",
} as const;

/**
 * Passes on the spec that a source declares, if it is one; undefined where it declares none.
 *
 * @throws TaskError ILT202 where it describes no tasks
 */
function declaredSpec(source: {
  readonly name?: string;
  readonly spec?: TaskSpec<Tree, Tree>;
}): TaskSpec<Tree, Tree> | undefined {
  const { name = "the source", spec } = source;
  const refuse = (problem: string, remedy: string): never => {
    throw new TaskError("ILT202", name, problem, remedy);
  };
  const former = Object.keys(formerFields).find((field) => (source as Record<string, unknown>)[field] !== undefined);
  if (former !== undefined) {
    const where = formerFields[former as keyof typeof formerFields];
    refuse(`it declares \`${former}\` beside its spec`, `Give it in the spec: { ${where} }`);
  }
  if (spec === undefined) return undefined;
  const whole = (value: unknown, least: number): boolean => Number.isSafeInteger(value) && Number(value) >= least;
  for (const set of ["support", "query"] as const) {
    const rows: unknown = (spec as Partial<TaskSpec> | null)?.[set]?.rows;
    if (!whole(rows, 1))
      refuse(`spec.${set}.rows is ${String(rows)}`, "Give the rows of all sets, { rows: 25 }, padding included");
  }
  const walk = (tree: unknown, at: string, depth: number): void => {
    const form = 'Give { shape, dtype } of one example, such as { shape: [2], dtype: "float32" }, or a tree of these';
    if (typeof tree !== "object" || tree === null || tree instanceof Tensor || depth > deepestTree)
      refuse(`${at} is no description of a tensor`, form);
    if (!isTensorSpec(tree as SpecTree)) {
      const parts = Object.entries(tree as object);
      if (parts.length === 0) refuse(`${at} has no parts`, form);
      for (const [part, child] of parts) walk(child, partName(at, part, Array.isArray(tree)), depth + 1);
      return;
    }
    const { shape, dtype, classes, columns, range } = tree as TensorSpec;
    if (!Object.hasOwn(bytesPerElement, dtype))
      refuse(`${at}.dtype is "${dtype}"`, 'Use "float32", "int32", "bool" ...');
    if (!Array.isArray(shape) || !shape.every((size) => whole(size, 1)))
      refuse(`${at}.shape is ${JSON.stringify(shape)}`, "Give the sizes of one example: [] for a number");
    if (classes && (!whole(classes.count, 1) || isFloat(dtype)))
      refuse(`${at} has ${classes.count} classes in ${dtype}`, 'Give a whole number of at least 1, and dtype "int32"');
    if (classes?.names && classes.names.length !== classes.count)
      refuse(`${at} has ${classes.names.length} names of ${classes.count} classes`, "Name all of them, or none");
    if (columns && columns.length !== shape.at(-1))
      refuse(
        `${at} has ${columns.length} columns in the shape ${formatShape(shape)}`,
        "Give one for each number of the last axis",
      );
    if (range && !(range.least <= range.most))
      refuse(`${at}.range is ${range.least} to ${range.most}`, "Give two numbers, the lower first");
  };
  walk(spec.x, "spec.x", 0);
  walk(spec.y, "spec.y", 0);
  return spec;
}
