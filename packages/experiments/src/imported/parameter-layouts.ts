/** The order of a parameter's axes here and in PyTorch, and how one becomes the other. */

/** Orders of axes by the name that a map has for them: axis i here is axis `axes[i]` there. */
const named = {
  same: undefined,
  transpose: [1, 0],
  "OIL->LIO": [2, 1, 0],
  "OIHW->HWIO": [2, 3, 1, 0],
} as const satisfies Readonly<Record<string, readonly number[] | undefined>>;

/** Names of orders of axes. */
type AxesName = keyof typeof named;
const axesNames = Object.keys(named) as readonly AxesName[];

/** Names of layouts. `recurrent` is that of a recurrent layer: transposed, with its gates in the order that its layer tells. */
export type LayoutName = AxesName | "recurrent";
/** The names, as messages tell them. */
export const layoutNames: readonly LayoutName[] = [...axesNames, "recurrent"];

/**
 * The layout of a tensor there: the order of its axes; or, of the first linear layer behind convolutions, the channels,
 * height and width of the image that is flattened.
 */
export type Layout = LayoutName | { readonly flatten: readonly [channels: number, height: number, width: number] };

/** A layout in words: `OIHW->HWIO`, `flatten [64, 5, 5]`. */
export const layoutText = (layout: Layout): string =>
  typeof layout === "string" ? layout : `flatten [${layout.flatten.join(", ")}]`;

const moved = (shape: readonly number[], axes: readonly number[]): readonly number[] =>
  axes.map((axis) => shape[axis]!);

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** The shape here of a tensor there; undefined where the layout is of other tensors. */
export function shapeOf(shape: readonly number[], layout: Layout): readonly number[] | undefined {
  if (typeof layout !== "string") {
    const [channels, height, width] = layout.flatten;
    const [outputs, inputs] = shape;
    return shape.length === 2 && inputs === channels * height * width ? [inputs, outputs!] : undefined;
  }
  if (layout === "recurrent") return shape.length > 2 ? undefined : [...shape].reverse();
  const axes: readonly number[] | undefined = named[layout];
  if (!axes) return shape;
  return axes.length === shape.length ? moved(shape, axes) : undefined;
}

/**
 * The layout of a tensor there, by its shape and that of the parameter here: as PyTorch has such a parameter, where that is
 * told, else the one that fits; undefined where none or several do.
 *
 * @param told what the parameter's layer tells of its axes and gates there
 */
export function inferredLayout(
  there: readonly number[],
  here: readonly number[],
  told: { readonly torchAxes?: readonly number[]; readonly torchGates?: readonly number[] } = {},
): LayoutName | undefined {
  const { torchAxes, torchGates } = told;
  const fits = (name: LayoutName): boolean => {
    const shape = shapeOf(there, name);
    return shape !== undefined && same(shape, here);
  };
  if (torchGates && fits("recurrent")) return "recurrent";
  const fitting = axesNames.filter(fits);
  const asTold = fitting.find((name) => torchAxes && named[name] && same(named[name], torchAxes));
  // Of a parameter whose layer tells nothing a matrix with two equal sides may be either way round.
  return asTold ?? (fitting.length === 1 ? fitting[0] : undefined);
}

/**
 * The numbers of a tensor there in the order that they have here.
 *
 * @param gates of the layout `recurrent`: part i of the last axis here is part `gates[i]` of the first axis there
 */
export function laidOut(
  values: Float32Array,
  shape: readonly number[],
  layout: Layout,
  gates: readonly number[] = [0],
): Float32Array {
  if (typeof layout !== "string") {
    const [channels, height, width] = layout.flatten;
    return permuted(values, [shape[0]!, channels, height, width], [2, 3, 1, 0]);
  }
  if (layout === "recurrent") {
    const part = values.length / gates.length;
    const ordered = new Float32Array(values.length);
    gates.forEach((from, to) => {
      ordered.set(values.subarray(from * part, (from + 1) * part), to * part);
    });
    return shape.length === 2 ? permuted(ordered, shape, [1, 0]) : ordered;
  }
  const axes: readonly number[] | undefined = named[layout];
  return axes ? permuted(values, shape, axes) : values;
}

/** Images [n, channels, height, width] as [n, height, width, channels]. */
export const channelsLast = (values: Float32Array, shape: readonly number[]): Float32Array =>
  permuted(values, shape, [0, 2, 3, 1]);

function permuted(values: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const steps = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const [sizes, strides] = [moved(shape, axes), moved(steps, axes)];
  const result = new Float32Array(values.length);
  const place = new Array<number>(sizes.length).fill(0);
  let from = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++place[axis]! < sizes[axis]!) break;
      from -= strides[axis]! * sizes[axis]!;
      place[axis] = 0;
    }
  }
  return result;
}
