/** A classifier of the training domains, which does not adapt: what few shots of a new domain have to improve on. */
import { add, GraphError, gather, matmul, mul, reshape, sum, type Tensor, tensor } from "@innerloop/graph";
import { crossEntropy } from "../../losses/losses.js";
import { type Adapter, requireOneTensor } from "../learner.js";
import { fitLogistic, type LogisticFitProgress, type SparseRows } from "./logistic-fit.js";
import { type IdWeighting, requireRows, unitEntries } from "./text-centroids.js";

/** Training examples with labels that mean the same in all domains. */
export interface SourceExamples {
  /** Features float32 [n, ...], or ids int32 [n, length] with 0 = padding; row by row. */
  readonly x: Float32Array | Int32Array;
  /** Class indices, int32 [n]. */
  readonly y: Int32Array;
}

/** Options of `fitSource`. */
export interface SourceFitOptions {
  readonly classes: number;
  /** Of ids, what they weigh; features are taken as they are. */
  readonly ids?: IdWeighting;
  /** What features are, as results name them: "MiniLM features". */
  readonly of?: string;
  /** The penalty on squares of weights beside the mean loss, 1e-4 by default. */
  readonly penalty?: number;
  readonly onProgress?: ((progress: LogisticFitProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A classifier fitted to the training examples of all domains together. */
export interface FittedSource {
  /** float32 [inputs, classes], row by row */
  readonly weights: Float32Array;
  /** float32 [classes] */
  readonly bias: Float32Array;
  readonly classes: number;
  /** Numbers of a row, or ids. */
  readonly inputs: number;
  readonly ids?: IdWeighting;
  readonly of: string;
  readonly penalty: number;
  /** Examples that it was fitted to. */
  readonly examples: number;
  /** Steps that the fit took, and whether it came to its end. */
  readonly steps: number;
  readonly converged: boolean;
}

/**
 * Multinomial logistic regression on the examples of all training domains together, to its optimum (`fitLogistic`):
 *
 *   min over W, b of  mean_i -log softmax(t(x_i) W + b)[y_i] + penalty / 2 |W|^2
 *
 * t(x) is x for features, and for ids the tf-idf vector of length 1 that `textCentroid` has. Deterministic; seconds for
 * 25,000 examples of 384 features or of 160 ids.
 *
 * @throws IL102 where an option is out of range, a label no class or a value not finite; IL202 where the numbers of rows and
 * labels disagree; IL103 where ids come without weights or features with them
 * @example const fitted = await fitSource({ x: ids, y: labels }, { classes: 2, ids: { weights, of: "words", repeats: true } });
 */
export async function fitSource({ x, y }: SourceExamples, options: SourceFitOptions): Promise<FittedSource> {
  const { classes, ids, penalty = 1e-4, onProgress, signal } = options;
  const given = x instanceof Int32Array;
  if (given !== (ids !== undefined)) {
    const problem = given ? "inputs are ids without weights" : "inputs are features with weights of ids";
    throw new GraphError("IL103", "fitSource", problem, "Give `ids` with int32 ids, and only with these");
  }
  const width = y.length === 0 ? 0 : x.length / y.length;
  if (!Number.isInteger(width) || width < 1) {
    const problem = `${x.length} numbers for ${y.length} labels`;
    throw new GraphError("IL202", "fitSource", problem, "Give rows of one length, and a label for each");
  }
  const rows = given ? tfIdfRows(x as Int32Array, width, ids!) : { values: x as Float32Array, width };
  const fit = await fitLogistic(rows, y, classes, { penalty, onProgress, signal });
  const weights = new Float32Array(rows.width * classes);
  for (let k = 0; k < classes; k++)
    for (let j = 0; j < rows.width; j++) weights[j * classes + k] = fit.weights[k * rows.width + j]!;
  return {
    weights,
    bias: Float32Array.from(fit.bias),
    classes,
    inputs: rows.width,
    ...(ids ? { ids } : {}),
    of: ids?.of ?? options.of ?? "features",
    penalty,
    examples: y.length,
    steps: fit.steps,
    converged: fit.converged,
  };
}

/**
 * tf-idf vectors of length 1 of rows of ids, sparse: the numbers of `unitEntries`.
 *
 * @throws IL102 where an id has no weight
 */
export function tfIdfRows(ids: Int32Array, length: number, { weights }: Pick<IdWeighting, "weights">): SparseRows {
  const n = ids.length / length;
  const starts = new Int32Array(n + 1);
  const columns = new Int32Array(ids.length);
  const values = new Float32Array(ids.length);
  const times = new Map<number, number>();
  let count = 0;
  for (let row = 0; row < n; row++) {
    times.clear();
    for (let i = row * length; i < (row + 1) * length; i++) {
      const id = ids[i]!;
      if (id < 0 || id >= weights.length) {
        const problem = `row ${row} has the id ${id}`;
        throw new GraphError("IL102", "tfIdfRows", problem, `Give ids below the number of weights, ${weights.length}`);
      }
      if (id > 0) times.set(id, (times.get(id) ?? 0) + 1);
    }
    let squares = 0;
    const from = count;
    for (const [id, tf] of times) {
      const value = (1 + Math.log(tf)) * weights[id]!;
      columns[count] = id;
      values[count++] = value;
      squares += value * value;
    }
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let e = from; e < count; e++) values[e]! *= scale;
    starts[row + 1] = count;
  }
  return { starts, columns: columns.slice(0, count), values: values.slice(0, count), width: weights.length };
}

/** A classifier's parameters: weights [inputs, classes], bias [classes], and of ids what they weigh, [inputs]. */
export type SourceParameters = {
  readonly weights: Tensor;
  readonly bias: Tensor;
  readonly idWeights: Tensor;
};

/**
 * The source-only classifier as a baseline: whatever the support set, logits are t(x) W + b of the classifier that was
 * fitted to the training domains. It is the figure at 0 shots, for tasks whose labels mean the same everywhere; of tasks
 * that draw their classes it makes nothing.
 *
 * @throws IL202 where inputs are not rows as the classifier was fitted to
 * @example
 * const learner = sourceClassifier(await fitSource({ x: features, y: labels }, { classes: 2 }));
 * await evaluate({ learner, params: learner.init(key(0)), tasks });
 */
export function sourceClassifier(fitted: FittedSource): Adapter<SourceParameters, SourceParameters> {
  const { weights, bias, classes, inputs, ids, of, penalty, examples } = fitted;
  return {
    name: `source-only classifier of ${of}`,
    description: { method: "logistic regression", examples, penalty },
    loss: crossEntropy,
    classes,
    init: () => ({
      weights: tensor(weights, [inputs, classes]),
      bias: tensor(bias, [classes]),
      idWeights: ids ? tensor(ids.weights, [inputs]) : tensor([0]),
    }),
    adapt: (params) => params,
    predict: ({ weights: w, bias: b, idWeights }, given) => {
      const x = requireOneTensor("sourceClassifier", given);
      if (!ids) return add(matmul(reshape(x, [x.shape[0]!, -1]), w), b);
      const rows = requireRows("sourceClassifier", x);
      const entries = unitEntries(rows, idWeights, ids.repeats);
      return add(sum(mul(gather(w, rows), reshape(entries, [...rows.shape, 1])), 1), b);
    },
  };
}
