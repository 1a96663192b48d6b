/**
 * Support and query sets of many sizes as a few programs: a set is padded to one of a few numbers of rows, under the mask
 * by which learners leave padding out (`Examples.present`).
 */
import {
  allocate,
  compile,
  type Executor,
  leaves,
  mapTree,
  sizeOf,
  type Tensor,
  type Tree,
  tensor,
  toNumbers,
} from "@innerloop/graph";
import type { AnyAdapter } from "../learners/learner.js";
import type { Examples } from "../tasks/task.js";
import { rowsOf } from "../tasks/task-spec.js";
import { sliceRows } from "../training/task-batch.js";
import { TrainingError } from "../training/training-error.js";

/**
 * The rows that a set of so many is padded to: 1, 2, 3, 4, 6, 8, 12, 16, 24, ..., so that less than a third is padding.
 *
 * @param usual rows of the tasks that a learner was trained on: these sets stay as they are, and a smaller one is not
 * padded beyond them, since a learner may take no more
 * @example paddedRows(5) // 6
 */
export function paddedRows(rows: number, usual?: number): number {
  let power = 1;
  while (power < rows) power *= 2;
  const size = power >= 4 && rows <= 0.75 * power ? 0.75 * power : power;
  return usual !== undefined && rows <= usual && usual < size ? usual : size;
}

/** Values [n, ...] followed by zeros, [rows, ...]. */
function padRows(x: Tensor, rows: number): Tensor {
  const values = allocate(x.dtype, sizeOf(x.shape.slice(1)) * rows);
  (values as Float32Array).set(x.data as Float32Array);
  return tensor(values, [rows, ...x.shape.slice(1)], x.dtype);
}

const presence = (there: number, rows: number): Tensor => tensor(new Float32Array(rows).fill(1, 0, there), [rows]);

/** Inputs [n, ...] padded to `rows`, with the mask of those that are there. */
export function padInputs<X extends Tree>(x: X, rows: number): { readonly x: X; readonly present: Tensor } {
  return { x: mapTree((leaf) => padRows(leaf, rows), x), present: presence(rowsOf(x), rows) };
}

/** Examples padded to `rows`. The targets of padding are 0. */
export function padExamples<X extends Tree, Y extends Tree>(
  { x, y }: Omit<Examples<X, Y>, "present">,
  rows: number,
): Examples<X, Y> {
  return { ...padInputs(x, rows), y: mapTree((leaf) => padRows(leaf, rows), y) };
}

/** By learner: what it does with padding does not depend on its parameters. */
const known = new WeakMap<object, Promise<boolean>>();
/** The same where the sets that were there tell too little of larger ones: a single row may be like padding itself. */
const knownOfFewRows = new WeakMap<object, Promise<boolean>>();
const tellingRows = 3;

/**
 * Whether a learner's predictions are the same for a padded support set as for the set by itself. Ours are; one with a
 * model, loss or learner of the user's own that looks at rows without asking whether they are there is not, and a loss
 * that takes no mask is not given padding at all. It is tried out, on rows of a set, once for each learner; what was found
 * with one or two rows holds for sets of so few alone.
 */
export function leavesPaddingOut(setting: {
  readonly learner: AnyAdapter;
  readonly params: Tree;
  /** Without padding. */
  readonly support: Examples<Tree, Tree>;
  readonly executor: Executor;
}): Promise<boolean> {
  const { learner, support } = setting;
  const answers = rowsOf(support.x) < tellingRows ? knownOfFewRows : known;
  let answer = known.get(learner) ?? answers.get(learner);
  if (!answer) {
    answer = tryPadding(setting);
    answers.set(learner, answer);
    // A failure is not remembered: it may be the executor's.
    answer.catch(() => answers.delete(learner));
  }
  return answer;
}

/** Rows that padding is tried out on: enough of them for every class or cluster of a common task to have some. */
const triedSupport = 12;
const triedQueries = 5;

/** Padding that is not left out shifts what adapting does by a share of the rows; this is far below that. */
const tolerance = 1e-3;
/** Rounding of predictions, as a share of the largest. */
const rounding = 3e-6;

async function tryPadding({
  learner,
  params,
  support,
  executor,
}: Parameters<typeof leavesPaddingOut>[0]): Promise<boolean> {
  const first = <T extends Tree>(tree: T, most: number): T =>
    mapTree((leaf) => sliceRows(leaf, 0, Math.min(most, leaf.shape[0]!)), tree);
  const plain = { x: first(support.x, triedSupport), y: first(support.y, triedSupport) };
  const x = first(support.x, triedQueries);
  const padded = padExamples(plain, paddedRows(rowsOf(plain.x) + 1, rowsOf(support.x)));
  const asked = padInputs(x, paddedRows(rowsOf(x) + 1));
  const options = learner.steps === undefined ? {} : { steps: Math.min(2, learner.steps) };
  const none = learner.steps === undefined ? {} : { steps: 0 };
  type Set = Examples<Tree, Tree>;
  const program = compile(
    (theta: Tree, a: Set, b: Set, input: Tree, inputs: { x: Tree; present: Tensor }): readonly Tree[] => [
      learner.predict(learner.adapt(theta, a, options), input),
      learner.predict(learner.adapt(theta, b, options), inputs.x, inputs.present),
      learner.predict(learner.adapt(theta, a, none), input),
    ],
    { executor },
  );
  const results = await program(params, plain, padded, x, asked).catch((error: unknown) => {
    // A loss that takes no mask says so: such a learner cannot be given padding at all.
    if (error instanceof TrainingError && error.code === "ILR107") return undefined;
    throw error;
  });
  await program.release();
  if (!results) return false;
  const [expected, found, before] = results.map(leaves) as [Tensor[], Tensor[], Tensor[]];
  const rows = rowsOf(asked.x);
  if (found.some(({ shape }) => shape[0] !== rows)) return false;
  return expected.every((leaf, i) => agrees(leaf, found[i]!, before[i]!, learner.steps === undefined));
}

/** Whether the first rows of a padded prediction are those of the prediction by itself. */
function agrees(expected: Tensor, found: Tensor, before: Tensor, stepless: boolean): boolean {
  const [values, others, unadapted] = [expected, found, before].map(toNumbers) as [number[], number[], number[]];
  const largest = (list: readonly number[]): number => list.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // A small inner learning rate does little in two steps, and what padding does to that is less still.
  const moved = stepless ? values : values.map((value, i) => value - unadapted[i]!);
  const most = Math.min(1e-4 * largest(values), tolerance * largest(moved) + rounding * largest(values));
  return values.every((value, i) => Math.abs(value - others[i]!) <= most);
}
