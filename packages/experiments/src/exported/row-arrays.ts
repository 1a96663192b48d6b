/** Rows of tensors as programs take and give them: one after another, and zeros behind those that are there. */
import type { PortableArray, PortableArrays, PortableSlot, TypedArray } from "@innerloop/graph";

/** A tensor of which programs take or give one for each row: its name, and the type and shape of a row. */
export interface RowSlot {
  readonly name: string;
  readonly dtype: PortableSlot["dtype"];
  readonly shape: readonly number[];
}

/** The values of one row, of each slot in its place. */
export type RowValues = readonly TypedArray[];

/** Numbers of a row. */
export const rowSize = ({ shape }: Pick<RowSlot, "shape">): number => shape.reduce((a, b) => a * b, 1);

const arrayOfType = {
  uint8: Uint8Array,
  bool: Uint8Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Zeros of a type. */
export const zerosOf = (dtype: PortableSlot["dtype"], size: number): TypedArray => {
  if (dtype === "int64") return new BigInt64Array(size) as unknown as TypedArray;
  if (Object.hasOwn(arrayOfType, dtype)) return new arrayOfType[dtype as keyof typeof arrayOfType](size);
  throw new TypeError(`no program takes ${dtype}`);
};

/** Values of a slot, a row each, in one array of so many rows. */
export function stackedRows(slot: RowSlot, values: readonly TypedArray[], rows = values.length): PortableArray {
  const size = rowSize(slot);
  const data = zerosOf(slot.dtype, rows * size);
  values.forEach((each, row) => {
    (data as Float32Array).set(each as Float32Array, row * size);
  });
  return { dtype: slot.dtype, shape: [rows, ...slot.shape], data };
}

/** Rows of several slots as arrays by name. */
export const stackedSlots = (
  slots: readonly RowSlot[],
  values: readonly RowValues[],
  rows = values.length,
): PortableArrays =>
  Object.fromEntries(
    slots.map((slot, place) => [
      slot.name,
      stackedRows(
        slot,
        values.map((each) => each[place]!),
        rows,
      ),
    ]),
  );

/** Rows of arrays from one on. */
export const rowsFrom = (found: PortableArrays, from: number, rows: number): PortableArrays =>
  Object.fromEntries(
    Object.entries(found).map(([name, array]) => {
      const { dtype, shape } = array;
      const [, ...sizes] = shape;
      const size = rowSize({ shape: sizes });
      const data = array.data.slice(from * size, (from + rows) * size) as TypedArray;
      return [name, { dtype, shape: [rows, ...sizes], data }];
    }),
  );

/** Arrays of several runs one after another, by name. */
export function joinedRows(parts: readonly PortableArrays[]): PortableArrays {
  const [first] = parts;
  if (!first || parts.length === 1) return first ?? {};
  return Object.fromEntries(
    Object.entries(first).map(([name, { dtype, shape }]) => {
      const arrays = parts.map((part) => part[name]!);
      const data = zerosOf(
        dtype,
        arrays.reduce((sum, each) => sum + each.data.length, 0),
      );
      let at = 0;
      for (const each of arrays) {
        (data as Float32Array).set(each.data as Float32Array, at);
        at += each.data.length;
      }
      return [name, { dtype, shape: [arrays.reduce((sum, each) => sum + each.shape[0]!, 0), ...shape.slice(1)], data }];
    }),
  );
}
