/** The inputs of an example as inputs of a portable model. */
import { div, type PortableSlot, sub, sum, type Tensor, type TensorsByName, type Tree, tensor } from "@innerloop/graph";
import { isTensorSpec, type SpecTree, type TensorSpec } from "../tasks/task-spec.js";
import { TrainingError } from "../training/training-error.js";

/** Images as bytes [n, height, width, channels]: how the model makes the learner's numbers of them. */
export interface ImageInput {
  /** What bytes are divided by, 255 by default. */
  readonly scale?: number;
  /** Dark lines on light ground are made light on dark: each byte b becomes `scale` - b first. False by default. */
  readonly invert?: boolean;
  /** Grey images come as bytes of three colours, of which the model takes the mean. False by default: bytes have the channels of images. */
  readonly greyOfColours?: boolean;
  /** Subtracted behind that: one number, or one for each channel. 0 by default. */
  readonly mean?: readonly number[];
  /** What is left is divided by it, likewise; 1 by default. */
  readonly deviation?: readonly number[];
}

/** How a tree of specs is given to a model: each tensor by a name. */
export interface InputForm {
  slots(name: string, rows: number | string): readonly PortableSlot[];
  /** The tree of the tensors that a program was given by these names. */
  tree(name: string, inputs: TensorsByName): Tree;
}

/** @throws TrainingError ILR101 where image options are none, or inputs are no images */
export function inputForm(spec: SpecTree, image: ImageInput | undefined): InputForm {
  if (!image)
    return { slots: (name, rows) => treeSlots(name, spec, rows), tree: (name, inputs) => treeOf(name, spec, inputs) };
  const prepared = imagePreparation(spec, image);
  return {
    slots: (name, rows) =>
      treeSlots(name, spec, rows).map(({ shape, ...slot }) => ({
        ...slot,
        dtype: "uint8",
        shape: image.greyOfColours ? [...shape.slice(0, -1), colours] : shape,
      })),
    tree: (name, inputs) => prepared(inputs[name]!),
  };
}

/** Names of a tree's tensors behind that of the whole, a dot between: `support_inputs.mask`. */
export const treeSlots = (name: string, spec: SpecTree, rows: number | string): PortableSlot[] =>
  specsBelow(name, spec).map(([path, { dtype, shape }]) => ({ name: path, dtype, shape: [rows, ...shape] }));

/** The tensors of a tree of specs, by such names. */
export function treeOf(name: string, spec: SpecTree, inputs: TensorsByName): Tree {
  if (isTensorSpec(spec)) return inputs[name]!;
  if (Array.isArray(spec)) return spec.map((child: SpecTree, i) => treeOf(`${name}.${i}`, child, inputs));
  return Object.fromEntries(
    Object.entries(spec as { readonly [part: string]: SpecTree }).map(([part, child]) => [
      part,
      treeOf(`${name}.${part}`, child, inputs),
    ]),
  );
}

const specsBelow = (name: string, spec: SpecTree): [string, TensorSpec][] =>
  isTensorSpec(spec)
    ? [[name, spec]]
    : Object.entries(spec).flatMap(([part, child]) => specsBelow(`${name}.${part}`, child as SpecTree));

const colours = 3;

function imagePreparation(spec: SpecTree, image: ImageInput): (bytes: Tensor) => Tensor {
  const refuse = (problem: string, remedy: string): never => {
    throw new TrainingError("ILR101", "imageInput", problem, remedy);
  };
  if (!isTensorSpec(spec) || spec.dtype !== "float32" || spec.shape.length !== 3)
    return refuse("inputs are no images", "Leave it out, or give tasks of images [height, width, channels]");
  const channels = spec.shape[2]!;
  const { scale = 255, invert = false, greyOfColours = false, mean = [0], deviation = [1] } = image;
  if (greyOfColours && channels !== 1)
    refuse(`there is no grey of colours in images of ${channels} channels`, "Leave greyOfColours out");
  if (!(scale > 0 && Number.isFinite(scale))) refuse(`scale ${scale}`, "Use a number above 0");
  for (const [name, list, above] of [
    ["mean", mean, Number.NEGATIVE_INFINITY],
    ["deviation", deviation, 0],
  ] as const) {
    if (list.length !== 1 && list.length !== channels)
      refuse(`${name} has ${list.length} numbers for ${channels} channels`, "Give one number, or one for each channel");
    if (!list.every((value) => value > above && Number.isFinite(value)))
      refuse(`${name} [${list.join(", ")}]`, `Use finite numbers${above === 0 ? " above 0" : ""}`);
  }
  return (bytes) => {
    const light = invert ? sub(scale, bytes) : bytes;
    // Sums of bytes are exact: the mean is rounded once.
    const ofOne = greyOfColours ? div(sum(light, -1, { keepAxes: true }), colours * scale) : div(light, scale);
    const centred = mean.every((value) => value === 0) ? ofOne : sub(ofOne, tensor(mean));
    return deviation.every((value) => value === 1) ? centred : div(centred, tensor(deviation));
  };
}
