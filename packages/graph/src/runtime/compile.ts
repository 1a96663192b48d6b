import { formatShape, GraphError } from "../errors.js";
import type { Estimate } from "../lowering/estimate.js";
import { encode, lower } from "../lowering/lowering.js";
import { type Graph, hashGraph } from "../program/graph.js";
import { input, Tensor } from "../program/tensor.js";
import { sameShape } from "../program/tensor-type.js";
import { leaves, leavesLike, mapTree, namedLeaves, paths, type Tree, unflatten } from "../program/tree.js";
import { simplifyGraph, trace } from "../transforms/trace.js";
import { type CompiledModel, compileGraph } from "./compiled-model.js";
import type { Executor } from "./executor.js";
import { type KeptProgram, KeptPrograms } from "./kept-programs.js";
import { type ModelUse, Sessions } from "./sessions.js";

/** A function compiled for arguments of certain shapes. */
export interface Program<Arguments extends readonly Tree[], Result extends Tree> {
  /** What runs, simplified. */
  readonly graph: Graph;
  /** Names what the function computes, as it was traced; programs of equal hash share a session. */
  readonly hash: string;
  readonly estimate: Estimate;
  /** The ONNX model that runs. */
  readonly model: Uint8Array;
  /** What a run returns, without values: types and shapes. */
  readonly result: Result;
  run(...args: Arguments): Promise<Result>;
}

/** A function of arrays that runs on an executor; it is compiled for each set of shapes that it is given. */
export interface CompiledFunction<Arguments extends readonly Tree[], Result extends Tree> {
  /** Runs the function on arrays with values; the result's leaves have values too. */
  (...args: Arguments): Promise<Result>;
  /** Compiles for the shapes of these arguments and loads the model, without running it. */
  prepare(...args: Arguments): Promise<Program<Arguments, Result>>;
  /** The program for the shapes of these arguments, of which nothing is loaded yet. */
  program(...args: Arguments): Promise<Program<Arguments, Result>>;
  /** What one run on such arguments takes; compiles for their shapes, but loads nothing. */
  estimate(...args: Arguments): Promise<Estimate>;
  /** Gives back the memory that its programs and their loaded models hold. They are made again when it runs again. */
  release(): Promise<void>;
}

/** Options of `compile`. */
export interface CompileOptions {
  readonly executor: Executor;
  /** Its runs come one after the other, and nothing runs beside them: all cores may work on one. False by default. */
  readonly alone?: boolean;
  /**
   * The caller has work of its own while it runs, such as drawing the next tasks, and is to stay free for it, however small
   * the program. False by default.
   */
  readonly meanwhile?: boolean;
  /** What keeps its programs between calls, shared with other functions or not; 32 of its own by default. */
  readonly kept?: KeptPrograms;
}

/**
 * A function of tensors as a program: traced once for each combination of argument shapes, simplified, written as one
 * ONNX model and run by the executor. Where the executor keeps models (`Executor.models`), a later process traces only.
 * Of many combinations, the programs used last are kept.
 *
 * @throws IL402 where arguments have no values; IL403 where the executor cannot load or run the model
 * @example const square = compile((x: Tensor) => mul(x, x), { executor }); await square(tensor([1, 2, 3]))
 */
export function compile<Arguments extends readonly Tree[], Result extends Tree>(
  f: (...args: Arguments) => Result,
  options: CompileOptions,
): CompiledFunction<Arguments, Result> {
  const programs = new Map<string, Promise<BuiltProgram<Arguments, Result>>>();
  const kept = options.kept ?? new KeptPrograms();
  const programFor = async (args: Arguments, key: string): Promise<BuiltProgram<Arguments, Result>> => {
    let building = programs.get(key);
    if (!building) {
      const made = build(f, args, options, () => {
        // Another may have taken its place meanwhile.
        if (programs.get(key) === made) programs.delete(key);
      });
      building = made;
      programs.set(key, made);
      // A failure is not remembered: the next call may succeed (memory freed, executor restarted).
      made.catch(() => programs.delete(key));
    }
    const program = await building;
    // One that was forgotten meanwhile runs for those who have it.
    if (programs.get(key) === building) kept.use(program);
    return program;
  };
  const program = (...args: Arguments) => programFor(args, signature(args.map(namedLeaves)));
  const prepare = async (...args: Arguments): Promise<Program<Arguments, Result>> => {
    const built = await program(...args);
    await built.load();
    return built;
  };
  const estimate = async (...args: Arguments): Promise<Estimate> => (await program(...args)).estimate;
  const release = async (): Promise<void> => {
    const built = await Promise.allSettled(programs.values());
    await Promise.all(built.map((one) => (one.status === "fulfilled" ? kept.drop(one.value) : undefined)));
  };
  /** The structure of the arguments of the last call: most calls are of the same, and need no signature. */
  let last: { readonly structure: Tree; readonly key: string } | undefined;
  const call = async (...args: Arguments): Promise<Result> => {
    let feeds = last && leavesLike(args, last.structure);
    if (!last || !feeds) {
      const given = args.map(namedLeaves);
      feeds = given.flat().map(([, leaf]) => leaf);
      last = { structure: mapTree(({ shape, dtype }) => input(shape, dtype), args as Tree), key: signature(given) };
    }
    const built = await programFor(args, last.key);
    // Equal signatures have equal names in equal order: nothing is left to be matched.
    return built.runLeaves(feeds);
  };
  return Object.assign(call, { program, prepare, estimate, release });
}

async function build<Arguments extends readonly Tree[], Result extends Tree>(
  f: (...args: Arguments) => Result,
  args: Arguments,
  { executor, alone = false, meanwhile = false }: CompileOptions,
  forget: () => void,
): Promise<BuiltProgram<Arguments, Result>> {
  const { graph: traced, result } = trace(f, args, { simplify: false });
  const { inputs, outputs } = traced;
  const use: ModelUse = { inputs, outputs, alone, meanwhile };
  const hash = hashGraph(traced);
  let compiled = await compileGraph(traced, hash, executor);
  const sessions = sessionsOf(executor);
  const load = async (): Promise<void> => {
    compiled = await loadable(compiled, traced, use, hash, executor);
  };
  const names = args.map(paths);
  const runLeaves = async (feeds: readonly Tensor[]): Promise<Result> => {
    const arrays = feeds.map((x, i) => dataFor(x, inputs[i], i));
    await load();
    const results = await sessions.run(compiled, use, arrays);
    return unflatten(
      result,
      outputs.map((output, i) => new Tensor(output, { data: results[i]! })),
    );
  };
  const run = async (...given: Arguments): Promise<Result> =>
    runLeaves(names.flatMap((expected, i) => leavesByName(given[i], expected, i)));
  let simplified: Graph | undefined;
  return {
    get graph() {
      simplified ??= simplifyGraph(traced);
      return simplified;
    },
    hash,
    get estimate() {
      return compiled.estimate;
    },
    get model() {
      return compiled.bytes;
    },
    result,
    run,
    runLeaves,
    load,
    release: () => sessions.close(compiled, use),
    forget,
    get bytes() {
      return compiled.estimate.residentBytes;
    },
    get loaded() {
      return sessions.isOpen(compiled, use);
    },
  };
}

/** The graph's model, which the executor has loaded. */
async function loadable(
  compiled: CompiledModel,
  graph: Graph,
  use: ModelUse,
  hash: string,
  executor: Executor,
): Promise<CompiledModel> {
  const loaded = async (model: CompiledModel): Promise<CompiledModel> => {
    await sessionsOf(executor).load(model, use);
    return model;
  };
  try {
    return await loaded(compiled);
  } catch (error) {
    if (executor.writer?.insteadOnnx(error)) return loaded(await compileGraph(graph, hash, executor, { onnx: true }));
    if (!compiled.stored) throw error;
  }
  // Whole by its checksum, and yet no model that loads: made anew, it takes the place of the one that is stored.
  return loaded(await compileGraph(graph, hash, executor, { anew: true }));
}

interface BuiltProgram<Arguments extends readonly Tree[], Result extends Tree>
  extends Program<Arguments, Result>,
    KeptProgram {
  /** Runs on the leaves of all arguments, in the order in which it was compiled. */
  runLeaves(feeds: readonly Tensor[]): Promise<Result>;
  load(): Promise<void>;
}

const sessionsByExecutor = new WeakMap<Executor, Sessions>();

function sessionsOf(executor: Executor): Sessions {
  let known = sessionsByExecutor.get(executor);
  if (!known) {
    known = new Sessions(executor);
    sessionsByExecutor.set(executor, known);
  }
  return known;
}

/** Names, types and shapes of the leaves of all arguments. */
function signature(args: readonly (readonly (readonly [name: string, leaf: Tensor])[])[]): string {
  return args.map((list) => list.map(([name, leaf]) => `${name} ${leaf}`).join(", ")).join("; ");
}

/** The leaves of an argument in the order in which it was compiled: properties may come in any. */
function leavesByName(argument: Tree | undefined, expected: readonly string[], position: number): Tensor[] {
  const given = argument === undefined ? [] : leaves(argument);
  const names = argument === undefined ? [] : paths(argument);
  if (names.length === expected.length && names.every((name, i) => name === expected[i])) return given;
  const byName = new Map(names.map((name, i) => [name, given[i]!]));
  const missing = expected.find((name) => !byName.has(name));
  if (missing !== undefined || names.length !== expected.length) {
    const problem = `argument ${position} has the leaves ${names.join(", ") || "none"}, compiled for ${expected.join(", ") || "none"}`;
    throw new GraphError("IL402", "run", problem, "Give a tree of the structure it was compiled for");
  }
  return expected.map((name) => byName.get(name)!);
}

function dataFor(x: Tensor, expected: Tensor | undefined, i: number): NonNullable<Tensor["data"]> {
  if (!expected || x.dtype !== expected.dtype || !sameShape(x.shape, expected.shape)) {
    const wanted = expected ? `${expected.dtype}${formatShape(expected.shape)}` : "nothing";
    throw new GraphError(
      "IL402",
      "run",
      `input ${i} is ${x}, compiled for ${wanted}`,
      "Give arrays of the shapes it was compiled for",
    );
  }
  if (x.data) return x.data;
  throw new GraphError(
    "IL402",
    "run",
    `input ${i} (${x}) has no values`,
    "Pass constants made with tensor(...), or results of a run",
  );
}

/**
 * The standard .onnx model of a function for arguments of the given shapes. Inputs are `input0`, ..., outputs
 * `output0`, ...
 */
export function toOnnx<Arguments extends readonly Tree[], Result extends Tree>(
  f: (...args: Arguments) => Result,
  args: Arguments,
  profile: Executor["profile"],
): Uint8Array {
  return encode(lower(trace(f, args).graph, profile));
}
