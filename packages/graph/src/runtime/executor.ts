import { formatShape, GraphError } from "../errors.js";
import type { Estimate } from "../lowering/estimate.js";
import type { LoweringProfile } from "../program/emitter.js";
import type { Graph } from "../program/graph.js";
import { type DType, sizeOf, type TensorType, type TypedArray, tagOf } from "../program/tensor-type.js";

/** A model that is loaded and can run. */
export interface ExecutorSession {
  /**
   * Values of the outputs in order, given those of the inputs in order. The results belong to the caller: no later run
   * writes to them, unless they are given back to `Executor.recycle`. The feeds are only read, and must not be changed
   * until the promise settles.
   *
   * @throws IL402 where the feeds do not fit the model's inputs; IL403 where the run fails or the session is closed
   */
  run(feeds: readonly TypedArray[]): Promise<readonly TypedArray[]>;
  /** Frees the session once its runs are done. */
  close(): Promise<void>;
}

/**
 * Keeps models for later processes. A store never fails: one that cannot read has nothing, and one that cannot write
 * does not.
 */
export interface ModelStore {
  /** What was written under the key, whole and unchanged, or undefined. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Keeps an entry, in the background. The bytes must not be changed any more. */
  write(key: string, entry: Uint8Array): void;
}

/**
 * Knowledge of a model's use that an executor may have beforehand. Where it runs may follow from it, and how fast; no
 * result does.
 */
export interface LoadHints {
  /** What a run takes: small models may run elsewhere than large ones. */
  readonly estimate?: Estimate;
  /** Nothing else runs beside it, so that all cores may work on one run. */
  readonly alone?: boolean;
  /** The caller has other work while it runs: a thread of its own is to compute it, even where that takes no longer than to wake one. */
  readonly meanwhile?: boolean;
}

/** A model that is still to be loaded. */
export type PlannedModel = LoadHints & { readonly estimate: Estimate };

/** The memory that programs take of a machine, in bytes of the process. */
export interface ExecutorMemory {
  /** What the process has now. */
  used(): number;
  /** What it could get beside that. */
  available(): number;
  /** What tracing and lowering models of these estimates leaves behind. */
  compiling(models: readonly PlannedModel[]): number;
  /** What they add, from the start of the executor on, when all are loaded and have run. */
  needed(models: readonly PlannedModel[]): number;
}

/** The writer of graphs for an executor that runs something other than ONNX. */
export interface GraphWriter {
  /** Names all that what it writes depends on, beside the graph. */
  readonly key: string;
  /** What compiles what it writes, with its version, for records. */
  readonly compiler?: string;
  /** What the executor loads for a simplified graph. */
  write(graph: Graph): { readonly bytes: Uint8Array; readonly estimate: Estimate };
  /**
   * Whether a graph is to be written as ONNX after all, since what was written does not load: the executor then runs that
   * instead, and says so. False: that it does not load is an error.
   */
  insteadOnnx(failure: unknown): boolean;
}

/** A place where compiled models run. */
export interface Executor {
  readonly name: string;
  readonly profile: LoweringProfile;
  /** ONNX by the profile unless given. */
  readonly writer?: GraphWriter | undefined;
  /** How many runs go side by side. */
  readonly parallelism: number;
  /** Bytes of arrays that one run had best take at most, where that is not a matter of a processor's caches. */
  readonly runBytes?: number | undefined;
  /** Where models compiled for this executor are kept, if anywhere. */
  readonly models?: ModelStore | undefined;
  /** Where it is known: the processor's memory, not a GPU's. */
  readonly memory?: ExecutorMemory | undefined;
  /**
   * Loads a model whose inputs are named `input0`, `input1`, ... and outputs `output0`, `output1`, ...
   *
   * @param hints how it will be used, where that is known
   * @throws IL403 where the model cannot be loaded
   */
  load(
    model: Uint8Array,
    inputs: readonly TensorType[],
    outputs: readonly TensorType[],
    hints?: LoadHints,
  ): Promise<ExecutorSession>;
  /**
   * Says that arrays will be fed to many runs and not be changed meanwhile: they are kept where those run, instead of being
   * copied there for each. Executors that copy nothing have no use for it.
   *
   * @returns gives them back
   */
  readonly lasting?: ((arrays: readonly TypedArray[]) => () => void) | undefined;
  /**
   * Takes back results that nobody reads any more: later runs write theirs there, and the garbage collector, whose threads
   * would take cores from what runs, has less to do. Arrays that are not results of this executor are left alone.
   */
  readonly recycle?: ((results: readonly TypedArray[]) => void) | undefined;
  /** Frees all sessions and ends all workers. */
  close(): Promise<void>;
}

const arrayNames: Readonly<Record<DType, string>> = {
  float32: "Float32Array",
  float64: "Float64Array",
  int32: "Int32Array",
  int64: "BigInt64Array",
  bool: "Uint8Array",
};

/** For executors: makes sure that there is one array for each input, of its type and size. Throws IL402. */
export function checkFeeds(feeds: readonly TypedArray[], inputs: readonly TensorType[]): void {
  if (feeds.length !== inputs.length) {
    const problem = `${feeds.length} arrays for a model of ${inputs.length} inputs`;
    throw new GraphError("IL402", "run", problem, "Give one array for each input, in order");
  }
  inputs.forEach(({ dtype, shape }, i) => {
    const feed = feeds[i];
    const wanted = arrayNames[dtype];
    const given = tagOf(feed);
    if (given === wanted && feed?.length === sizeOf(shape)) return;
    const problem = `input ${i} is ${given} of ${feed?.length}, the model takes ${dtype}${formatShape(shape)}`;
    throw new GraphError("IL402", "run", problem, `Give a ${wanted} of ${sizeOf(shape)}`);
  });
}

/** For executors: what they throw where they, or a session of theirs, are asked for something after `close`. */
export function closedError(operation: "load" | "run"): GraphError {
  return new GraphError(
    "IL403",
    operation,
    "the executor or session is closed",
    "Load the model again with an open executor",
  );
}
