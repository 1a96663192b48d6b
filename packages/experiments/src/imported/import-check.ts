/** Imported weights held to inputs and outputs that they had where they were trained. */
import type { Examples, Learner } from "@innerloop/core";
import type { Networks } from "@innerloop/core/learners";
import { classesIn, type TaskSpec } from "@innerloop/core/tasks";
import type { WrittenArray } from "@innerloop/core/training";
import { compile, type Executor, sizeOf, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { differenceOf, tolerance } from "../exported/agreement.js";
import { quoted } from "../options/outside-text.js";
import { trainedEmbedding } from "../trained-embedding.js";
import { ImportError } from "./import-error.js";
import type { ImportCheck } from "./import-map.js";
import { channelsLast } from "./parameter-layouts.js";

/** The learner that was imported, and what it is held to. */
export interface CheckedImport {
  readonly learner: Learner;
  readonly params: Tree;
  /** The run's network, which is held to outputs where there are no support examples. */
  readonly networks: Networks;
  /** The look of the run's tasks. */
  readonly spec: TaskSpec;
  readonly check: ImportCheck;
  readonly arrays: ReadonlyMap<string, WrittenArray>;
  /** How messages call the file of these. */
  readonly where: string;
  readonly executor: Executor;
}

/** The rows that a check may have: each size is compiled for. */
const mostRows = 4096;

/**
 * The largest difference between the outputs of imported weights and those that were given, as a share of the largest given
 * one.
 *
 * @throws ImportError ILI04 where it is above the tolerance, or there is nothing to compare
 */
export async function checkImport(imported: CheckedImport): Promise<number> {
  const { check, params, where, executor } = imported;
  const fail = (problem: string, remedy: string): never => {
    throw new ImportError("ILI04", where, problem, remedy);
  };
  const x = inputsIn(imported, check.inputs);
  const expected = arrayNamed(imported, check.outputs);
  const support = supportIn(imported);
  const found = await computed(
    support ? adaptedOutputs(imported, support) : networkOutputs(imported),
    params,
    x,
    executor,
  );
  if (found.size !== sizeOf(expected.shape))
    fail(
      `the outputs are [${expected.shape.join(", ")}], and those of the imported weights ${found}`,
      "Give outputs of the same network, or change the network's options",
    );
  const arrayOf = (data: Float32Array) => ({ y: { dtype: "float32" as const, shape: [data.length], data } });
  const given = Float32Array.from(expected.data as Float32Array, Number);
  if (!given.every(Number.isFinite)) fail(`${quoted(check.outputs)} has numbers that are not finite`, "Give others");
  if (given.length > 1 && given.every((value) => value === given[0]))
    fail(
      `all outputs in ${quoted(check.outputs)} are ${given[0]}, which any weights may give`,
      "Give inputs with outputs that differ",
    );
  const difference = differenceOf(arrayOf(found.data as Float32Array), arrayOf(given));
  if (difference <= tolerance) return difference;
  return fail(
    `the outputs of the imported weights differ from the given ones by ${shareText(difference)} of the largest, more than ${tolerance}: nothing is written`,
    support
      ? "Without support the network alone is checked. Look at inner rate, steps, distance and batch norm, and at the order of classes"
      : "Look at layouts (the first linear layer behind convolutions may need flatten), activations, the mode of batch norm, and at how the inputs enter",
  );
}

const shareText = (share: number): string => (Number.isFinite(share) ? share.toExponential(1) : "more than any number");

async function computed(
  f: (params: Tree, x: Tensor) => Tensor,
  params: Tree,
  x: Tensor,
  executor: Executor,
): Promise<Tensor> {
  const program = compile(f, { executor });
  try {
    return await program(params, x);
  } finally {
    await program.release();
  }
}

/** The learner's predictions after adapting to the given examples. */
function adaptedOutputs({ learner, check }: CheckedImport, support: Examples): (params: Tree, x: Tensor) => Tensor {
  const { steps } = check;
  return (params, x) => learner.predict(learner.adapt(params, support, steps === undefined ? {} : { steps }), x);
}

/** The outputs of the network that the learner has: the whole of it, or its embedding. */
function networkOutputs({ networks, params, check, where }: CheckedImport): (params: Tree, x: Tensor) => Tensor {
  const fail = (problem: string, remedy: string): never => {
    throw new ImportError("ILI04", where, problem, remedy);
  };
  const found = [networks.model(), networks.embedding()].find((layer) => trainedEmbedding(layer, params));
  if (!found)
    return fail(
      "the network of this learner has no outputs of its own",
      'Give outputs after adapting to examples: "support": { "inputs": NAME, "targets": NAME }',
    );
  const { batchNorm } = found;
  const { mode } = check;
  if (batchNorm && !mode)
    return fail(
      "its batch normalisation has two kinds of outputs",
      'Say which they are: "mode": "train" or "eval", as PyTorch calls it',
    );
  if (batchNorm && mode !== "train" && batchNorm !== "running")
    return fail(
      `outputs of mode eval are by running statistics, and the network's batch norm is ${batchNorm}`,
      'Give outputs of mode train; or say "network": { "batchNorm": "running" }, with the statistics in the map',
    );
  const phase = mode === "train" ? "train" : "predict";
  return (all, x) => found.apply(trainedEmbedding(found, all)!, x, { phase });
}

function arrayNamed({ arrays, where }: CheckedImport, name: string): WrittenArray {
  const found = arrays.get(name);
  if (found && sizeOf(found.shape) > 0) return found;
  const names = [...arrays.keys()].slice(0, 20).map(quoted).join(", ");
  throw new ImportError("ILI04", where, `there are no numbers ${quoted(name)} in it`, `There is ${names || "nothing"}`);
}

/** Inputs [n, ...] as the learner takes them; images may have their channels first, as PyTorch has them. */
function inputsIn(imported: CheckedImport, name: string): Tensor {
  const { spec, where } = imported;
  const { shape: inputShape, dtype } = spec.x;
  const { shape, data } = arrayNamed(imported, name);
  const values = Float32Array.from(data as Float32Array, Number);
  const [rows = 0, ...each] = shape;
  const fail = (problem: string, remedy: string): never => {
    throw new ImportError("ILI04", `${where} > ${quoted(name)}`, problem, remedy);
  };
  if (rows > mostRows) return fail(`it has ${rows} inputs, and at most ${mostRows} are taken`, "Give a few");
  if (!values.every(Number.isFinite)) return fail("it has numbers that are not finite", "Give others");
  const whole = [rows, ...inputShape];
  const [height, width, channels] = inputShape;
  // Channels first wins where sizes do not tell: the weights are of who has them so.
  if (inputShape.length === 3 && each.length === 3 && each.join() === [channels, height, width].join())
    return tensor(channelsLast(values, shape), whole, dtype);
  const isSame = each.join() === inputShape.join();
  const isFlat = each.length <= 1 && sizeOf(each) === sizeOf(inputShape) && (inputShape.length < 3 || channels === 1);
  if (isSame || isFlat) return tensor(values, whole, dtype);
  return fail(
    `its inputs are [${each.join(", ")}], and those of the run [${inputShape.join(", ")}]`,
    "Give inputs as the network takes them; images with their channels first or last",
  );
}

function supportIn(imported: CheckedImport): Examples | undefined {
  const { check, spec, where } = imported;
  const ofClasses = classesIn(spec) !== undefined;
  if (!check.support) return undefined;
  const x = inputsIn(imported, check.support.inputs);
  const targets = arrayNamed(imported, check.support.targets);
  const rows = x.shape[0]!;
  const fail = (problem: string): never => {
    const remedy = ofClasses ? "Give a whole number for each, the first class 0" : "Give numbers for each";
    throw new ImportError("ILI04", `${where} > ${quoted(check.support!.targets)}`, problem, remedy);
  };
  if (targets.shape[0] !== rows) return fail(`it has ${targets.shape[0] ?? 1} targets for ${rows} examples`);
  const values = Array.from(targets.data as Float32Array, Number);
  if (!ofClasses)
    return { x, y: tensor(Float32Array.from(values), targets.shape.length === 1 ? [rows, 1] : targets.shape) };
  const most = imported.learner.classes ?? rows;
  if (targets.shape.length !== 1 || !values.every((value) => Number.isInteger(value) && value >= 0 && value < most))
    return fail("it has other values than classes of the task");
  return { x, y: tensor(Int32Array.from(values), [rows]) };
}
