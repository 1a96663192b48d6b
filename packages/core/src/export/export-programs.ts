/** Adaptation as files that run anywhere: what a trained learner does with a task, as standard ONNX models. */
import {
  abs,
  add,
  cast,
  concat,
  GraphError,
  greater,
  input,
  leaves,
  lessEqual,
  logicalNot,
  mapTree,
  max,
  mul,
  namedLeaves,
  notEqual,
  ones,
  type PortableFunction,
  type PortableModel,
  type PortableSlot,
  paths,
  portableModel,
  type Repetition,
  reshape,
  sum,
  type Tensor,
  type TensorsByName,
  type Tree,
  unflatten,
} from "@innerloop/graph";
import { paramsDigest } from "../artifacts/adapted-bytes.js";
import type { OpenSetRule } from "../evaluation/open-set-rule.js";
import type { AnyAdapter } from "../learners/learner.js";
import type { Examples } from "../tasks/task.js";
import type { SpecTree, TaskSpec } from "../tasks/task-spec.js";
import { TrainingError, wholeOption } from "../training/training-error.js";
import { type ImageInput, type InputForm, inputForm } from "./input-form.js";
import { predictionOutputs } from "./prediction-outputs.js";
import { statusBits } from "./status-bits.js";
import { type TargetForm, targetForm } from "./target-form.js";

/** The format of exported programs, as their `metadata_props` have it. */
export const exportFormat = "innerloop export 1";

/** Options of `exportPrograms`. */
export interface ExportOptions<Params extends Tree = Tree> {
  readonly learner: AnyAdapter<Params>;
  /** Its parameters, with values. */
  readonly params: Params;
  /** The look of the tasks that it adapts to. */
  readonly spec: TaskSpec<Tree, Tree>;
  /** Rows of a support set at most, those of the spec by default. */
  readonly support?: number;
  /**
   * Smaller support sets are padded up to `support` rows, which `support_mask` tells; where not, programs take as many rows
   * as there are. By default that is so of learners whose programs can, and where `queries` fixes no other size.
   */
  readonly padded?: boolean;
  /** Inputs that are predicted for together, where they are so many and no other; any number by default. */
  readonly queries?: number;
  /** Steps that are written one after the other, so many and no other, for runtimes without loops; an input by default. */
  readonly unrolled?: number;
  /**
   * Support sets come with `support_mask`, and may be of fewer than `support` rows; true by default. Without it they are
   * all of that size: for losses that take no mask, as those of policies.
   */
  readonly masked?: boolean;
  /** Images come as bytes. By default they come as the numbers that the learner was trained on. */
  readonly imageInput?: ImageInput;
  /** By which an input is of none of the classes: predictions have `rejected` with it. */
  readonly openSet?: OpenSetRule | undefined;
  /** The look of one input that is predicted for, where it is another than that of examples: of a policy an observation, not an episode. */
  readonly asked?: SpecTree;
  /** Further notes for `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The programs of a learner, as ONNX models of the standard's operators alone. */
export interface ExportedPrograms {
  readonly models: {
    /** `support_inputs`, `support_labels` or `support_targets`, `support_mask`, `steps` -> `state.*`, `status`. */
    readonly adapt: PortableModel;
    /** `state.*`, `query_inputs` -> predictions. */
    readonly predict: PortableModel;
    /** Both in one: the inputs of adapt and `query_inputs` -> predictions, `status`. */
    readonly few_shot: PortableModel;
  };
  /** The same as functions, with the parameters as their constants: for other ways to write them. */
  readonly functions: Readonly<Record<ProgramName, () => PortableFunction>>;
  /** Rows of a support set at most. */
  readonly support: number;
  /** Whether each support set has to have so many; where not, any number from 1 on. */
  readonly padded: boolean;
  /** Classes of a task; undefined where targets are none. */
  readonly ways: number | undefined;
  readonly steps: {
    /** Steps in training; undefined of learners that take none, which ignore the input. */
    readonly usual: number | undefined;
    /** Steps that the models are written for; undefined where the input says how many. */
    readonly fixed: number | undefined;
  };
  /** Parameters by path, for a file of their own: `parameters.0.weight`. */
  readonly parameters: TensorsByName;
  /** The digest of the parameters that is in every model's metadata. */
  readonly parametersDigest: string;
}

/**
 * A trained learner's programs as ONNX models that need nothing of this library: operator set 21, IR version 10, no domain
 * but the standard's.
 *
 * | model | inputs | outputs |
 * |---|---|---|
 * | adapt | `support_inputs` [S, ...], `support_labels` int64 [S] (of numbers `support_targets` [S, d]), `support_mask` float32 [S], `steps` int64 [] | `state.*`, `status` int64 [] |
 * | predict | `state.*`, `query_inputs` [queries, ...] | `logits`, `probabilities` [queries, ways], with `openSet` bool `rejected` [queries]; of numbers `mean`, `deviation` [queries, d] |
 * | few_shot | those of adapt, `query_inputs` | those of predict, `status` |
 *
 * Of inputs, targets and predictions that are trees each tensor has a name with its path behind a dot; predictions go by
 * their paths alone, and one tensor that is neither of classes nor of numbers is `prediction`. The mask is 1 for rows that
 * are there; what others hold is of no account, if it is finite. `state` holds what adaptation has changed, and nothing
 * that the parameters tell. Any number of queries is one model, and so is any number of steps: these are a Loop. Any number
 * S of support rows is, too, where the learner's programs are the same for each; others are written for the most.
 *
 * @throws TrainingError ILR101 for options out of range, ILR301 for a learner that has no such programs; GraphError IL405
 *   where the form of predictions depends on how many queries there are, or with `padded: false` on the rows of support
 * @example
 * const { models } = exportPrograms({ learner: run.learner, params: run.params, spec });
 * await writeFile("few_shot.onnx", models.few_shot.bytes);
 */
export function exportPrograms<Params extends Tree>(options: ExportOptions<Params>): ExportedPrograms {
  const { learner, parts, programs, written, parametersDigest } = writing(options);
  const traced = (name: ProgramName) => (): PortableFunction => ({
    ...programs[name](),
    constants: programs.parameters,
  });
  return {
    models: { adapt: written("adapt"), predict: written("predict"), few_shot: written("few_shot") },
    functions: { adapt: traced("adapt"), predict: traced("predict"), few_shot: traced("few_shot") },
    support: parts.support,
    padded: parts.padded,
    ways: parts.targets.classes,
    steps: { usual: learner.steps, fixed: parts.fixed },
    parameters: programs.parameters,
    parametersDigest,
  };
}

/** Names of exported programs. */
export type ProgramName = "adapt" | "predict" | "few_shot";

/**
 * One of the programs alone.
 *
 * @throws as `exportPrograms`
 * @example exportProgram("adapt", { learner, params, spec, unrolled: 5 }).bytes
 */
export const exportProgram = <Params extends Tree>(name: ProgramName, options: ExportOptions<Params>): PortableModel =>
  writing(options).written(name);

/** What models are written of, and how. */
function writing<Params extends Tree>(options: ExportOptions<Params>) {
  const { params, spec, queries, imageInput, unrolled, asked, masked = true, padded, openSet } = options;
  const learner = options.learner as AnyAdapter;
  const support = wholeOption("support", options.support ?? spec.support.rows, 1);
  if (queries !== undefined) wholeOption("queries", queries, 1);
  requirePrograms(learner, queries);
  const common = {
    learner,
    params,
    masked,
    inputs: inputForm(spec.x, imageInput),
    asked: inputForm(asked ?? spec.x, imageInput),
    targets: targetForm(learner, spec),
    support,
    queries: queries ?? "queries",
    fixed: fixedSteps(learner, unrolled),
    // Where sets may be empty, answering without examples is what the learner was trained to do.
    mayBeEmpty: spec.support.mayBeEmpty === true,
    openSet,
  } as const;
  const parametersDigest = paramsDigest(params);
  const notes = {
    ...options.metadata,
    format: exportFormat,
    learner: learner.name,
    options: JSON.stringify(learner.description),
    parameters: parametersDigest,
  };
  const of = (parts: ProgramParts) => {
    const programs = withMasks(parts, () => new Programs(parts));
    const models = new Map<ProgramName, PortableModel>();
    const written = (name: ProgramName): PortableModel => {
      const known = models.get(name);
      if (known) return known;
      const made = withMasks(parts, () =>
        portableModel({ ...programs[name](), constants: programs.parameters, metadata: { ...notes, model: name } }),
      );
      models.set(name, made);
      return made;
    };
    return { learner, parts, programs, written, parametersDigest };
  };
  // Without a mask all sets are of one size, and where queries are of a fixed size so is all else.
  const isStatic = !masked || queries !== undefined;
  if (padded ?? isStatic) return of({ ...common, padded: true });
  if (padded === false) return of({ ...common, padded: false });
  try {
    const open = of({ ...common, padded: false });
    // The other two are parts of it.
    open.written("few_shot");
    return open;
  } catch (error) {
    if (!(error instanceof GraphError || error instanceof TrainingError)) throw error;
    return of({ ...common, padded: true });
  }
}

/** What is traced of a learner. @throws TrainingError ILR301 where sets are to have a mask, and its loss takes none */
function withMasks<Result>(
  { learner, masked }: Pick<ProgramParts, "learner" | "masked">,
  traced: () => Result,
): Result {
  try {
    return traced();
  } catch (error) {
    if (!(error instanceof TrainingError) || error.code !== "ILR107" || !masked) throw error;
    const remedy = "Export it with `masked: false`, for support sets of one size, or give its loss a mask to take";
    throw new TrainingError("ILR301", learner.name, "its loss takes no mask", remedy, { cause: error });
  }
}

/** @throws TrainingError ILR301 where a learner has no programs of these forms */
function requirePrograms(
  learner: Pick<AnyAdapter, "name" | "memory" | "description">,
  queries: number | undefined,
): void {
  if (learner.memory) {
    const problem = "it adapts by what it remembers of the episode that it acts in, and reads no support set";
    throw new TrainingError("ILR301", learner.name, problem, "Export a learner that adapts to a support set");
  }
  // A prediction would depend on the other queries, and so would the form of the model.
  if (learner.description.batchNorm === "transductive" && queries === undefined) {
    const problem = "its batch normalisation is transductive: a prediction depends on the other queries";
    const remedy = 'Fix the number of queries, or train with batchNorm "support" or "running"';
    throw new TrainingError("ILR301", learner.name, problem, remedy);
  }
}

/** The steps that models are written for, where their number is no input. */
function fixedSteps(learner: AnyAdapter, unrolled: number | undefined): number | undefined {
  if (unrolled !== undefined) wholeOption("unrolled", unrolled, 0);
  if (learner.steps === undefined) return undefined;
  return unrolled ?? (learner.stepped ? undefined : learner.steps);
}

/** A program with its inputs. */
interface Program {
  readonly inputs: readonly PortableSlot[];
  readonly compute: (inputs: TensorsByName, parameters: TensorsByName) => TensorsByName | Repetition;
}

interface ProgramParts {
  readonly learner: AnyAdapter;
  readonly params: Tree;
  readonly inputs: InputForm;
  readonly asked: InputForm;
  readonly targets: TargetForm;
  readonly support: number;
  readonly padded: boolean;
  readonly queries: number | string;
  readonly fixed: number | undefined;
  readonly mayBeEmpty: boolean;
  readonly masked: boolean;
  readonly openSet: OpenSetRule | undefined;
}

/** The largest float32: what is not at most as large is infinite or no number. */
const largest = 3.4028234663852886e38;

class Programs {
  /** Values of the parameters by the names that files have for them. */
  readonly parameters: TensorsByName;
  private readonly taskInputs: readonly PortableSlot[];
  private readonly queryInputs: readonly PortableSlot[];
  /** What adaptation makes, leaf by leaf: the name of what it changes, undefined of what the parameters tell. */
  private readonly state: readonly (PortableSlot | undefined)[];

  constructor(readonly parts: ProgramParts) {
    const { params, inputs, asked, targets, support, padded, queries, masked } = parts;
    this.parameters = Object.fromEntries(namedLeaves(params).map(([path, leaf]) => [dotted("parameters", path), leaf]));
    const rows = padded ? support : rowsOfSupport;
    this.taskInputs = [
      ...inputs.slots("support_inputs", rows),
      ...targets.slots(rows),
      ...(masked ? [{ name: "support_mask", dtype: "float32", shape: [rows] } as const] : []),
      { name: "steps", dtype: "int64", shape: [] },
    ];
    this.queryInputs = asked.slots("query_inputs", queries);
    const own = symbols(Object.entries(this.parameters).map(([name, { dtype, shape }]) => ({ name, dtype, shape })));
    const adapted = this.adaptedSomehow(own, support);
    const known = new Set(Object.values(own));
    const names = paths(adapted);
    const ofMore = padded ? leaves(adapted) : leaves(this.adaptedSomehow(own, support + 1));
    this.state = leaves(adapted).map((leaf, i) => {
      if (followsFrom(leaf, known)) return undefined;
      const name = dotted("state", names[i]!);
      return { name, dtype: leaf.dtype, shape: this.stateShape(name, leaf.shape, ofMore[i]?.shape) };
    });
  }

  /** The shape of what is kept of a task, by those for `support` rows and for one more. */
  private stateShape(
    name: string,
    shape: readonly number[],
    ofMore: readonly number[] | undefined,
  ): PortableSlot["shape"] {
    const { support } = this.parts;
    return shape.map((size, axis) => {
      const larger = ofMore?.[axis];
      if (larger === size) return size;
      if (size === support && larger === support + 1) return rowsOfSupport;
      const problem = `${name} is of ${size} or ${larger} for ${support} or ${support + 1} rows of support`;
      throw new GraphError("IL405", "exportPrograms", problem, "Pad support sets to one size");
    });
  }

  adapt(): Program {
    return {
      inputs: this.taskInputs,
      compute: (inputs, parameters) =>
        this.adapting(inputs, parameters, (adapted) => {
          const changed = this.changed(adapted);
          return { ...changed, status: this.status(inputs, Object.values(changed)) };
        }),
    };
  }

  predict(): Program {
    return {
      inputs: [...this.state.flatMap((slot) => slot ?? []), ...this.queryInputs],
      compute: (inputs, parameters) => {
        const told = this.adaptedSomehow(parameters, this.rowsOfState(inputs));
        const adapted = unflatten(
          told,
          leaves(told).map((leaf, i) => {
            const slot = this.state[i];
            return slot ? inputs[slot.name]! : leaf;
          }),
        );
        return this.predictions(adapted, inputs);
      },
    };
  }

  /** The rows of support behind a state: those of the trace, where it depends on them. */
  private rowsOfState(inputs: TensorsByName): number {
    for (const slot of this.state) {
      const axis = slot?.shape.indexOf(rowsOfSupport) ?? -1;
      if (axis >= 0) return inputs[slot!.name]!.shape[axis]!;
    }
    return this.parts.support;
  }

  few_shot(): Program {
    return {
      inputs: [...this.taskInputs, ...this.queryInputs],
      compute: (inputs, parameters) =>
        this.adapting(inputs, parameters, (adapted) => {
          const predictions = this.predictions(adapted, inputs);
          const results = [...Object.values(this.changed(adapted)), ...Object.values(predictions)];
          return { ...predictions, status: this.status(inputs, results) };
        }),
    };
  }

  /** Adaptation to the support set among the inputs, and what is made of it. */
  private adapting(
    inputs: TensorsByName,
    parameters: TensorsByName,
    made: (adapted: Tree) => TensorsByName,
  ): TensorsByName | Repetition {
    const { learner, fixed } = this.parts;
    const [params, support] = [this.paramsOf(parameters), this.supportOf(inputs)];
    const { stepped } = learner;
    if (!stepped || fixed !== undefined)
      return made(learner.adapt(params, support, fixed === undefined ? {} : { steps: fixed }));
    const count = max(inputs.steps!, 0);
    return {
      count,
      start: stepped.start(params, support),
      step: (state, iteration) => stepped.step(params, support, state, cast(iteration, "int32")),
      finish: (state) => made(stepped.adapted(params, support, state, cast(count, "int32"))),
    };
  }

  /**
   * The structure of what adaptation to so many rows makes, with what of it the parameters tell; the rest is of a task
   * without values.
   */
  private adaptedSomehow(parameters: TensorsByName, rows: number): Tree {
    const inputs = symbols(this.taskInputs, rows);
    const { learner, fixed } = this.parts;
    const [params, support] = [this.paramsOf(parameters), this.supportOf(inputs)];
    if (!learner.stepped || fixed !== undefined) {
      // One step changes what more of them do.
      const steps = fixed === undefined ? {} : { steps: Math.min(fixed, 1) };
      return learner.adapt(params, support, steps);
    }
    const begun = learner.stepped.start(params, support);
    // What steps carry is of the task, even where it begins as the parameters are.
    const state = mapTree((leaf) => input(leaf.shape, leaf.dtype), begun);
    return learner.stepped.adapted(params, support, state, cast(inputs.steps!, "int32"));
  }

  private changed(adapted: Tree): TensorsByName {
    const all = leaves(adapted);
    return Object.fromEntries(this.state.flatMap((slot, i) => (slot ? [[slot.name, all[i]!]] : [])));
  }

  private predictions(adapted: Tree, inputs: TensorsByName): TensorsByName {
    const { learner, asked, targets, openSet } = this.parts;
    const x = asked.tree("query_inputs", inputs);
    return predictionOutputs(learner.predict(adapted, x), { loss: learner.loss, targets, x, openSet });
  }

  private paramsOf(parameters: TensorsByName): Tree {
    const { params } = this.parts;
    return unflatten(
      params,
      paths(params).map((path) => parameters[dotted("parameters", path)]!),
    );
  }

  private supportOf(inputs: TensorsByName): Examples<Tree, Tree> {
    const { inputs: form, targets } = this.parts;
    const { support_mask: present } = inputs;
    return { x: form.tree("support_inputs", inputs), y: targets.tree(inputs), ...(present ? { present } : {}) };
  }

  /** `statusBits` of what was given and what came of it: int64 []. */
  private status(inputs: TensorsByName, results: readonly Tensor[]): Tensor {
    const { targets, fixed, mayBeEmpty, support } = this.parts;
    const { support_mask: mask = ones([support]), steps } = inputs as TensorsByName & { readonly steps: Tensor };
    const wrong = targets.outOfRange(inputs, mask);
    // All at once: models of many parameters would have more nodes for this than for a step.
    const numbers = results.flatMap((x) => (x.dtype === "float32" ? [reshape(x, [x.size])] : []));
    const endless =
      numbers.length > 0 ? sum(cast(logicalNot(lessEqual(abs(concat(numbers)), largest)), "float32")) : undefined;
    const bits: readonly (readonly [bit: number, holds: Tensor | undefined])[] = [
      [statusBits.labelOutOfRange, wrong && greater(wrong, 0)],
      [statusBits.noExample, mayBeEmpty ? undefined : lessEqual(sum(mask), 0)],
      [statusBits.notFinite, endless && greater(endless, 0)],
      [statusBits.negativeSteps, greater(0, cast(steps, "float32"))],
      [statusBits.otherSteps, fixed === undefined ? undefined : notEqual(cast(steps, "float32"), fixed)],
    ];
    return bits.flatMap(([bit, holds]) => (holds ? [mul(cast(holds, "int64"), bit)] : [])).reduce((a, b) => add(a, b));
  }
}

/** The size of the support axis in shapes, where it may be any. */
const rowsOfSupport = "support";

/** Inputs without values, those of support of so many rows. */
const symbols = (slots: readonly PortableSlot[], rows = 0): TensorsByName =>
  Object.fromEntries(
    slots.map(({ name, dtype, shape }) => [
      name,
      input(
        shape.map((size) => (typeof size === "string" ? rows : size)),
        dtype === "uint8" ? "float32" : dtype,
      ),
    ]),
  );

/** Whether a tensor depends on none but the given inputs. */
function followsFrom(made: Tensor, known: ReadonlySet<Tensor>): boolean {
  const seen = new Set<Tensor>();
  const waiting = [made];
  for (let x = waiting.pop(); x; x = waiting.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if (!x.primitive && !x.data && !known.has(x)) return false;
    waiting.push(...x.inputs);
  }
  return true;
}

/** A path as names of files' values have it: `state.params.0.weight`. */
export const dotted = (of: string, path: string): string => (path === "" ? of : `${of}.${path.replaceAll("/", ".")}`);
