import { allocate, isFloat, sameShape, type Tensor, tensor } from "@innerloop/graph";
import { random } from "../random.js";
import type { Task, TaskSource } from "../tasks/task.js";
import { TrainingError } from "./training-error.js";

/** Tasks stacked along a new first axis: every leaf is [tasks, ...]. */
export function stackTasks(tasks: readonly Task[]): Task {
  const part = (set: "support" | "query", leaf: "x" | "y"): Tensor =>
    stackValues(
      tasks.map((task) => task[set][leaf]),
      `${set}.${leaf}`,
    );
  return {
    support: { x: part("support", "x"), y: part("support", "y") },
    query: { x: part("query", "x"), y: part("query", "y") },
  };
}

function stackValues(parts: readonly Tensor[], name: string): Tensor {
  const first = parts[0]!;
  const out = allocate(first.dtype, parts.length * first.size);
  parts.forEach((x, i) => {
    if (!x.data || x.dtype !== first.dtype || !sameShape(x.shape, first.shape)) {
      const problem = `${name} of one task is ${first}, of another ${x}${x.data ? "" : " without values"}`;
      throw new TrainingError(
        "ILR101",
        "tasks",
        problem,
        "All tasks of one source must have values of the same shapes",
      );
    }
    (out as Float32Array).set(x.data as Float32Array, i * first.size);
  });
  return tensor(out, [parts.length, ...first.shape], first.dtype);
}

/**
 * Tasks `first` to `first + count` of a source, stacked.
 *
 * @throws TrainingError ILR101 where tasks differ in shapes, or a class index is not below the source's `classes`
 */
export function sampleTasks(source: TaskSource, seed: number, first: number, count: number): Task {
  const tasks = Array.from({ length: count }, (_, i) => source.sample(seed, first + i));
  if (source.classes !== undefined) {
    for (const { support, query } of tasks) {
      requireClassIndices(support.y, source.classes);
      requireClassIndices(query.y, source.classes);
    }
  }
  return stackTasks(tasks);
}

/** A class index out of range would be a row without a class, whose loss is 0 whatever is predicted. */
export function requireClassIndices(y: Tensor, classes: number): void {
  if (!y.data || isFloat(y.dtype)) return;
  for (const label of y.data as Int32Array) {
    if (label >= 0 && label < classes) continue;
    const problem = `class index ${label} in a task of ${classes} classes`;
    throw new TrainingError("ILR101", "tasks", problem, `Number the classes of a task from 0 to ${classes - 1}`);
  }
}

/** One dropout key for each task, a function of its address. */
export function taskKeys(seed: number, first: number, count: number): Tensor {
  return tensor(Int32Array.from({ length: count }, (_, i) => random(seed, first + i, 1).integer(2 ** 26)));
}

/** Tasks `start` to `stop` of a batch, without copying. */
export function sliceTasks(batch: Task, start: number, stop: number): Task {
  const part = (x: Tensor): Tensor => sliceRows(x, start, stop);
  return {
    support: { x: part(batch.support.x), y: part(batch.support.y) },
    query: { x: part(batch.query.x), y: part(batch.query.y) },
  };
}

/** Rows `start` to `stop` of the first axis, without copying. */
export function sliceRows(x: Tensor, start: number, stop: number): Tensor {
  const row = x.size / x.shape[0]!;
  return tensor(x.data!.subarray(start * row, stop * row), [stop - start, ...x.shape.slice(1)], x.dtype);
}
