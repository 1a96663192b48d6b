/** The tasks of marked texts. */

import type { Count, TaskSource } from "@innerloop/core";
import { type CodedSentences, entityEpisodes, type TokenInputs } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { Tasks } from "../domain.js";
import type { EntityValues } from "./options.js";
import type { EntityData } from "./reading.js";

/** Episodes of the parts: types and sentences of one domain each. */
export function entityTasks(data: EntityData, options: EntityValues): Tasks<TokenInputs, Tensor> {
  const { types, shots, queries } = options;
  const { trainShots = shots } = data.train === data.test ? {} : options;
  const source = (part: CodedSentences, asked: Count): TaskSource<TokenInputs, Tensor> =>
    entityEpisodes(part, {
      ...(types === undefined ? {} : { types }),
      shots: asked,
      queries,
      skipSmallTypes: true,
    });
  const held = (part: CodedSentences): TaskSource<TokenInputs, Tensor> => {
    const tasks = source(part, shots);
    return data.by === "sentences" && data.train !== data.test && tasks.pool
      ? { ...tasks, pool: { ...tasks.pool, seen: true } }
      : tasks;
  };
  return { train: source(data.train, trainShots), validation: held(data.validation), test: held(data.test) };
}
