/** The targets of support examples as inputs of a portable model. */
import {
  add,
  cast,
  type DType,
  greater,
  less,
  mul,
  type PortableSlot,
  reshape,
  sum,
  type Tensor,
  type TensorsByName,
  type Tree,
  zeros,
} from "@innerloop/graph";
import type { AnyAdapter } from "../learners/learner.js";
import { classesIn, isTensorSpec, type TaskSpec, type TensorSpec } from "../tasks/task-spec.js";
import { TrainingError } from "../training/training-error.js";
import { treeOf, treeSlots } from "./input-form.js";

/** How targets are given to a model. */
export interface TargetForm {
  /** Classes of a task; undefined where targets are no class indices. */
  readonly classes: number | undefined;
  /** The shape of one row's target; undefined where it is a tree. */
  readonly shape: readonly number[] | undefined;
  /** Targets of so many rows, all of them 0: for what reads no more than their shapes. */
  blank(rows: number): Tree;
  slots(rows: number | string): readonly PortableSlot[];
  /** The targets that a program was given. */
  tree(inputs: TensorsByName): Tree;
  /** How many labels of rows that are there are none of the classes: a float32 scalar; undefined where targets are no labels. */
  outOfRange(inputs: TensorsByName, mask: Tensor): Tensor | undefined;
}

/**
 * Class indices come as int64 `support_labels`, as most languages have whole numbers at hand; all else as
 * `support_targets`, of the types that the learner takes.
 *
 * @throws TrainingError ILR301 where targets are class indices, and neither the learner nor the spec says of how many
 */
export function targetForm(learner: AnyAdapter, spec: TaskSpec<Tree, Tree>): TargetForm {
  const { y } = spec;
  const labels = isTensorSpec(y) && (y.classes !== undefined || learner.loss.overClasses === true) ? y : undefined;
  if (labels) return labelForm(labels, classesOf(learner, spec), learner.unlabelled === true);
  return {
    classes: undefined,
    shape: isTensorSpec(y) ? y.shape : undefined,
    blank: (rows) =>
      treeOf("y", y, Object.fromEntries(treeSlots("y", y, rows).map((slot) => [slot.name, zerosOf(slot)]))),
    slots: (rows) => treeSlots("support_targets", y, rows),
    tree: (inputs) => treeOf("support_targets", y, inputs),
    outOfRange: () => undefined,
  };
}

const zerosOf = ({ shape, dtype }: PortableSlot): Tensor => zeros(shape as readonly number[], dtype as DType);

function classesOf(learner: AnyAdapter, spec: TaskSpec<Tree, Tree>): number {
  const classes = classesIn(spec) ?? learner.classes;
  if (classes !== undefined) return classes;
  const remedy = 'Give them in the spec: y: { shape: [], dtype: "int32", classes: { count } }';
  throw new TrainingError("ILR301", learner.name, "targets are class indices of an unknown number of classes", remedy);
}

function labelForm(spec: TensorSpec, classes: number, ofNone: boolean): TargetForm {
  const name = "support_labels";
  return {
    classes,
    shape: spec.shape,
    blank: (rows) => zeros([rows, ...spec.shape], spec.dtype),
    slots: (rows) => [{ name, dtype: "int64", shape: [rows, ...spec.shape] }],
    tree: (inputs) => cast(inputs[name]!, spec.dtype),
    outOfRange: (inputs, mask) => {
      const labels = cast(inputs[name]!, "float32");
      const there = reshape(mask, [mask.size, ...spec.shape.map(() => 1)]);
      const below = cast(less(labels, ofNone ? -1 : 0), "float32");
      return sum(mul(add(below, cast(greater(labels, classes - 1), "float32")), there));
    },
  };
}
