/** The layer of items and users that are ids and numbers. */
import { concat, GraphError, gather, mul, reshape, sliceAxis, type Tensor } from "@innerloop/graph";
import { bernoulliMask } from "../random/graph-random.js";
import { split } from "../random/random.js";
import { normalInit } from "./initialization.js";
import type { Layer } from "./layer.js";
import { withTraits } from "./parameter-roles.js";
import { idMask, maskedMean } from "./text-layers.js";

/** Inputs of `entityEmbedding`, n rows. */
export type EntityInputs = {
  /** int32 [n, slots]: 0 is not known, or padding. */
  readonly ids: Tensor;
  /** float32 [n, numbers] */
  readonly numbers: Tensor;
};

/** Options of `entityEmbedding`. */
export interface EntityEmbeddingOptions {
  /** Fields of a row of ids, in their order: of so many slots, and dropped in training so often. */
  readonly fields: readonly { readonly slots: number; readonly dropout?: number }[];
  /** Ids of all fields are below it. */
  readonly entries: number;
  /** Numbers of a row. */
  readonly numbers: number;
  /** Numbers of a vector. */
  readonly width: number;
}

/** Parameters of `entityEmbedding`: vectors [entries, width]. */
export type EntityEmbeddingParameters = { readonly vectors: Tensor };

/**
 * Rows of ids and numbers as features: the vector of each field, of several slots the mean of those that are filled, and the
 * numbers as they are.
 *
 *   f(x) = [v(field 1), ..., v(field F), numbers],  v(field) = mean over its filled slots of E[id], zeros where none is
 *
 * In training a field with `dropout` is as one that is not known, with that probability for each row: what is learned
 * without the id of an item is what an item without one gets (Volkovs, Yu & Poutanen 2017, DropoutNet). The table E belongs
 * to all tasks, and does not adapt to one. First vectors are normal with variance 1 / width.
 *
 * @throws IL102 where sizes are no whole numbers above 0, or a dropout is not in [0, 1)
 * @example entityEmbedding({ fields: [{ slots: 1, dropout: 0.25 }, { slots: 6 }], entries: 9000, numbers: 3, width: 16 })
 */
export function entityEmbedding(options: EntityEmbeddingOptions): Layer<EntityEmbeddingParameters, EntityInputs> {
  const { fields, entries, numbers, width } = options;
  const refuse = (problem: string, remedy: string): never => {
    throw new GraphError("IL102", "entityEmbedding", problem, remedy);
  };
  const sizes = {
    entries,
    numbers,
    width,
    ...Object.fromEntries(fields.map(({ slots }, i) => [`fields[${i}].slots`, slots])),
  };
  for (const [name, size] of Object.entries(sizes))
    if (!(Number.isSafeInteger(size) && size > 0)) refuse(`${name} is ${size}`, "Give a whole number above 0");
  if (fields.length === 0) refuse("there are no fields", "Give one at least: the id of the item");
  for (const [i, { dropout = 0 }] of fields.entries())
    if (!(dropout >= 0 && dropout < 1)) refuse(`fields[${i}].dropout is ${dropout}`, "Use 0 <= dropout < 1");
  const slots = fields.reduce((sum, field) => sum + field.slots, 0);
  return {
    outputShape: [fields.length * width + numbers],
    init: (key) => {
      const shape = [entries, width] as const;
      const first = normalInit(1 / Math.sqrt(width))(shape, { in: entries, out: width }, split(key, "vectors"));
      return { vectors: withTraits(first, { role: "shared" }) };
    },
    apply: ({ vectors }, { ids, numbers: given }, context) => {
      const n = ids.shape[0]!;
      if (ids.shape[1] !== slots)
        refuse(`rows have ${ids.shape[1]} ids, and the fields ${slots} slots`, "Give as many");
      let from = 0;
      const parts = fields.map(({ slots: own, dropout = 0 }, i) => {
        const place = sliceAxis(ids, 1, from, from + own);
        from += own;
        const found = gather(vectors, place, 0);
        const vector =
          own === 1
            ? mul(reshape(found, [n, width]), idMask(place, found.dtype))
            : maskedMean(found, idMask(place, found.dtype));
        if (!context?.key || dropout === 0) return vector;
        const name = `${context.pass ?? ""}:${context.path ?? ""}:${i}`;
        return mul(vector, bernoulliMask(context.key, name, 1 - dropout, [n, 1]));
      });
      return concat([...parts, given], -1);
    },
  };
}
