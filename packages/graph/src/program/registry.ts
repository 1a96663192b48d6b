import * as convolution from "./primitives/convolution.js";
import * as elementwise from "./primitives/elementwise.js";
import * as indexing from "./primitives/indexing.js";
import * as linearAlgebra from "./primitives/linear-algebra.js";
import * as ordering from "./primitives/ordering.js";
import * as reduce from "./primitives/reduce.js";
import * as shape from "./primitives/shape.js";
import * as windows from "./primitives/windows.js";
import type { Primitive } from "./tensor.js";

/** Every record of the family files, by the name of its export: `addPrimitive` is `add`. */
const families = {
  ...elementwise,
  ...shape,
  ...reduce,
  ...linearAlgebra,
  ...indexing,
  ...windows,
  ...convolution,
  ...ordering,
};

type RecordName = Extract<keyof typeof families, `${string}Primitive`>;

/** The names of all primitives: a table over them that lacks one does not compile. */
export type PrimitiveName = RecordName extends `${infer Name}Primitive` ? Name : never;

/** The attributes of the primitive of a name. */
export type AttributesOf<N extends PrimitiveName> = N extends PrimitiveName
  ? (typeof families)[`${N}Primitive`] extends Primitive<infer A>
    ? A
    : never
  : never;

/** All primitives by name. */
export const primitives = Object.fromEntries(
  Object.entries(families)
    .filter(([name]) => name.endsWith("Primitive"))
    .map(([name, record]) => [name.slice(0, -"Primitive".length), record]),
) as unknown as Readonly<Record<PrimitiveName, Primitive>>;
