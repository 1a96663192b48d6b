/** Rows beside a learner of marked texts: words compared as they are, by spelling and by raw states. */

import type { Adapter } from "@innerloop/core";
import { tokenBaseline } from "@innerloop/core/learners";
import type { TokenInputs } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { Baseline, BaselineSetting } from "../domain.js";
import type { EntityValues } from "./options.js";
import type { EntitySpec } from "./spec.js";

const ways = ["nearest", "prototype", "structShot"] as const;

/** Nearest tokens, prototypes and StructShot; transitions are those counted on the training domains. */
export function wordBaselines({
  shapes,
}: BaselineSetting<EntityValues, EntitySpec, TokenInputs, Tensor>): readonly Baseline[] {
  const { words, outputs } = shapes;
  if (!words) return [];
  const { slots, width, transitions } = words;
  const kinds = width > 0 ? (["lexical", "states"] as const) : (["lexical"] as const);
  return kinds.flatMap((of) =>
    ways.map((by): Baseline => {
      const adapter = tokenBaseline({ slots, tags: outputs, of, by, ...(transitions ? { transitions } : {}) });
      return { adapter: adapter as unknown as Adapter, steps: [0] };
    }),
  );
}
