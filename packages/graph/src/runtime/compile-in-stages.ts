import type { Estimate } from "../lowering/estimate.js";
import { topologicalOrder } from "../program/graph.js";
import { Tensor } from "../program/tensor.js";
import { leaves, namedLeaves, type Tree, unflatten } from "../program/tree.js";
import { rewrite } from "../transforms/rewriting.js";
import { lastingValues } from "../transforms/staging.js";
import { trace } from "../transforms/trace.js";
import { type CompiledFunction, type CompileOptions, compile } from "./compile.js";
import type { Executor } from "./executor.js";

/** A function of an argument that stays and one that changes from run to run. */
export interface StagedFunction<Lasting extends Tree, Changing extends Tree, Result extends Tree> {
  /** The function of the argument that changes; what follows from the other alone is computed in its first run. */
  (lasting: Lasting): SecondStage<Changing, Result>;
  /** What one run for an argument that changes takes; compiles for shapes, but loads nothing. */
  estimate(lasting: Lasting, changing: Changing): Promise<Estimate>;
  /** As `CompiledFunction.release`. */
  release(): Promise<void>;
}

/** A function whose other argument is given, and what follows from that kept where it runs. */
export interface SecondStage<Changing extends Tree, Result extends Tree> {
  (changing: Changing): Promise<Result>;
  /** Gives back what is kept. It is computed again when the function runs again. */
  release(): void;
}

/**
 * Values beyond this are computed again in each run: to move one there takes as long as what usually makes it, a matrix product
 * or an elementwise operation.
 */
const mostMovedBytes = 2 ** 18;

/**
 * A function of two arguments as two programs: what follows from the first alone, run once for each value of it, and the rest,
 * run for each value of the second. The values are those of `compile`.
 *
 * @example
 * const product = compileInStages(({ params, data }, v) => hessianVectorProduct((p) => loss(p, data), params, v), { executor });
 * const at = product({ params, data }); await at(v); await at(w); at.release()
 */
export function compileInStages<Lasting extends Tree, Changing extends Tree, Result extends Tree>(
  f: (lasting: Lasting, changing: Changing) => Result,
  options: CompileOptions,
): StagedFunction<Lasting, Changing, Result> {
  const known = new Map<string, Stages<Result>>();
  const stagesFor = (lasting: Lasting, changing: Changing): Stages<Result> => {
    const key = [lasting, changing].map((tree) => namedLeaves(tree).join(", ")).join("; ");
    const stages = known.get(key) ?? split(f, lasting, changing, options);
    known.set(key, stages);
    return stages;
  };
  const begin = (lasting: Lasting): SecondStage<Changing, Result> => {
    const given = leaves(lasting);
    let first: Promise<FirstStage> | undefined;
    const run = async (changing: Changing): Promise<Result> => {
      const stages = stagesFor(lasting, changing);
      first ??= computed(stages, given, options.executor);
      // A failure is not remembered: the next run may succeed.
      first.catch(() => {
        first = undefined;
      });
      const { used, found } = await first;
      return stages.second(used, found, leaves(changing));
    };
    const release = (): void => {
      // One that failed keeps nothing.
      first?.then(({ giveBack }) => giveBack()).catch(() => undefined);
      first = undefined;
    };
    return Object.assign(run, { release });
  };
  return Object.assign(begin, {
    estimate: async (lasting: Lasting, changing: Changing): Promise<Estimate> => {
      const { second, used, kept } = stagesFor(lasting, changing);
      const given = leaves(lasting);
      return second.estimate(
        used.map((at) => given[at]!),
        kept,
        leaves(changing),
      );
    },
    release: async (): Promise<void> => {
      await Promise.all([...known.values()].flatMap(({ first, second }) => [first.release(), second.release()]));
    },
  });
}

interface Stages<Result extends Tree> {
  readonly first: CompiledFunction<readonly [readonly Tensor[]], readonly Tensor[]>;
  readonly second: CompiledFunction<readonly [readonly Tensor[], readonly Tensor[], readonly Tensor[]], Result>;
  /** The places of the leaves of the argument that stays which the second stage needs itself. */
  readonly used: readonly number[];
  /** Results of the first stage, without values. */
  readonly kept: readonly Tensor[];
}

/** What the second stage takes of the first, and a way to give it back. */
interface FirstStage {
  readonly used: readonly Tensor[];
  readonly found: readonly Tensor[];
  giveBack(): void;
}

async function computed(
  { first, used, kept }: Pick<Stages<Tree>, "first" | "used" | "kept">,
  given: readonly Tensor[],
  { lasting }: Executor,
): Promise<FirstStage> {
  const found = kept.length > 0 ? await first(given) : [];
  const own = used.map((at) => given[at]!);
  const giveBack = lasting?.([...own, ...found].flatMap(({ data }) => data ?? [])) ?? (() => undefined);
  return { used: own, found, giveBack };
}

function split<Lasting extends Tree, Changing extends Tree, Result extends Tree>(
  f: (lasting: Lasting, changing: Changing) => Result,
  lasting: Lasting,
  changing: Changing,
  options: CompileOptions,
): Stages<Result> {
  const { graph, result } = trace(f, [lasting, changing] as const);
  const staying = graph.inputs.slice(0, leaves(lasting).length);
  const others = graph.inputs.slice(staying.length);
  const kept = lastingValues(graph, new Set(others), mostMovedBytes);
  const reached = new Set(topologicalOrder(graph.outputs, new Set(kept)));
  const used = staying.flatMap((x, at) => (reached.has(x) ? [at] : []));
  return {
    first: compile((given: readonly Tensor[]) => withInputs(kept, staying, given), options),
    second: compile(
      (given: readonly Tensor[], found: readonly Tensor[], values: readonly Tensor[]) =>
        unflatten(
          result,
          withInputs(
            graph.outputs,
            [...used.map((at) => staying[at]!), ...kept, ...others],
            [...given, ...found, ...values],
          ),
        ),
      options,
    ),
    used,
    kept,
  };
}

/** Outputs of a graph with other tensors in place of some. */
const withInputs = (outputs: readonly Tensor[], replaced: readonly Tensor[], by: readonly Tensor[]): Tensor[] =>
  rewrite(outputs, new Map(replaced.map((x, i) => [x, by[i]!])), ({ primitive, attributes }, inputs) =>
    Tensor.apply(primitive!, inputs, attributes),
  );
