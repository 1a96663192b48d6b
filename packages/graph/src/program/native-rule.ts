/**
 * How a compiled program computes an operation: what stands in a primitive's record beside its ONNX rule. The passes of
 * `native/` know these kinds of rules and no operation by its name.
 */
import type { Access, IndexForm } from "./index-form.js";
import type { TensorType } from "./tensor-type.js";

/** A sum of products: out[batch, row, column] = sum over k of a[batch, row, k] b[batch, k, column]. */
export interface Contraction {
  readonly batch: readonly number[];
  readonly rows: readonly number[];
  readonly sums: readonly number[];
  readonly columns: number;
  /** Elements by the indices of batch, rows and sums. */
  a(batch: readonly IndexForm[], rows: readonly IndexForm[], sums: readonly IndexForm[]): readonly IndexForm[];
  b(batch: readonly IndexForm[], sums: readonly IndexForm[], column: IndexForm): readonly IndexForm[];
  out(batch: readonly IndexForm[], rows: readonly IndexForm[], column: IndexForm): readonly IndexForm[];
}

/** The rule of a primitive with attributes `A`; `T` is the type of tensors. */
export type NativeRule<A, T> =
  /** Element by element, broadcasting. `$0` is the first operand, `@` the type of the last. */
  | { readonly kind: "map"; readonly expression: string; readonly cost: number }
  | { readonly kind: "cast" }
  /** Where each element of the result lies in the operand. */
  | {
      readonly kind: "view";
      /** What is read through, where that is not the inputs themselves: padded images, for example. */
      readonly operands?: (inputs: readonly T[], attributes: A) => readonly T[];
      readonly access: (at: readonly IndexForm[], inputs: readonly TensorType[], attributes: A) => Access;
    }
  /** Where each element of each operand goes. Elements that nothing goes to are `fill`. */
  | {
      readonly kind: "placed";
      readonly fill?: (attributes: A) => number;
      /** What goes to the same place is added. */
      readonly adds: boolean;
      readonly place: (
        operand: number,
        at: readonly IndexForm[],
        inputs: readonly TensorType[],
        attributes: A,
      ) => Access;
      /** The same from the side of the result, where it is read through. */
      readonly access?: (at: readonly IndexForm[], inputs: readonly TensorType[], attributes: A) => Access;
    }
  | { readonly kind: "reduction"; readonly combine: "sum" | "max"; readonly axes: (attributes: A) => readonly number[] }
  | {
      readonly kind: "contraction";
      /** Operands as the products read them: padded, for example. */
      readonly operands?: (inputs: readonly T[], attributes: A) => readonly [T, T];
      /** Products that together make all elements of the result. Elements that none makes are 0 (`isPartial`). */
      readonly products: (inputs: readonly TensorType[], attributes: A, output: TensorType) => readonly Contraction[];
      readonly isPartial?: (attributes: A) => boolean;
    }
  /** Statements of C over whole row-major arrays: `x0`, `x1`, ... of the types `T0`, ..., and `y` of `T`. */
  | {
      readonly kind: "statements";
      readonly write: (inputs: readonly TensorType[], attributes: A, output: TensorType) => string;
    }
  /** The first input as it is. */
  | { readonly kind: "same" };
