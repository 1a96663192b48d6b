/** Numbers as inputs of exported programs: rows of a data set of classes, features of a user's own. */
import { areScales, type ColumnScales } from "../domains/classification/column-scales.js";
import { quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";
import { type InputForm, isInputShape, isOneOf, numbersIn } from "./input-form.js";

/** Numbers of one shape, in the units of the data set. */
export interface NumberInputs {
  readonly kind: "numbers";
  readonly shape: readonly number[];
  /** By which columns are brought to the learner's numbers: (value - mean) / deviation. */
  readonly scales?: ColumnScales;
}

const sizeOf = ({ shape }: NumberInputs): number => shape.reduce((a, b) => a * b, 1);

/** @internal */
export const numberForm: InputForm<NumberInputs> = {
  parse: ({ shape, scales }) => {
    if (!isInputShape(shape) || (scales !== undefined && !areScales(scales, shape))) return undefined;
    if (scales === undefined) return { kind: "numbers", shape };
    const { mean, deviation } = scales as ColumnScales;
    return { kind: "numbers", shape, scales: { mean, deviation } };
  },
  slots: ({ shape }) => [{ name: "", dtype: "float32", shape }],
  isOne: (list, { shape }) => isOneOf(list, shape),
  read: async (given, inputs) =>
    given.map((each, i) => {
      const numbers = numbersIn(each, sizeOf(inputs));
      if (numbers) return numbers;
      throw new ExportError(
        "ILE206",
        `input ${i + 1}`,
        `it is ${quoted(each)}, and inputs are finite numbers of [${inputs.shape.join(", ")}]`,
        "Give so many numbers",
      );
    }),
  readingOf: () => ({ invert: false }),
  rows: (read, _, { scales }) => [
    [
      scales
        ? Float32Array.from(read as Float32Array, (value, i) => (value - scales.mean[i]!) / scales.deviation[i]!)
        : read,
    ],
  ],
  about: ({ shape, scales }) =>
    `Numbers of shape [${shape.join(", ")}]${scales ? ": as programs take them, (value - mean) / deviation by `innerloop.inputs.scales` of config.json" : ""}.`,
  inPython: ({ shape }, rows = 2) => ({ "": `np.random.randn(${[rows, ...shape].join(", ")}).astype(np.float32)` }),
  inJavaScript: (inputs) =>
    `[${Array.from({ length: Math.min(4, sizeOf(inputs)) }, (_, i) => i / 2).join(", ")}${sizeOf(inputs) > 4 ? ", ..." : ""}]`,
};
