/** The tasks of marked texts. */
import type { Count, TaskSource } from "@innerloop/core";
import {
  type CodedSentences,
  entityEpisodes,
  type SentenceDomain,
  type TokenInputs,
  wordSpans,
} from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { mostOf } from "../../options/values.js";
import { counted } from "../../words.js";
import type { SourceTasks } from "../domain.js";
import { areOwnSizes } from "../task-options.js";
import type { EntityValues } from "./options.js";
import type { EntityData } from "./reading.js";

/** The options that are sizes of an episode. */
export const entitySizes = ["types", "shots", "queries"] as const;

/**
 * Episodes of the parts: types and sentences of one domain each.
 *
 * @param needs.own options of an existing run, whose tasks these are to be or to differ from
 * @throws UsageError where no domain of a part has types with spans enough
 */
export function entityTasks(
  data: EntityData,
  options: EntityValues,
  { own }: { readonly own?: EntityValues | undefined },
): SourceTasks<TokenInputs, Tensor> {
  const { types, shots, queries } = options;
  const isOther = data.train === data.test;
  const { trainShots = shots } = isOther ? {} : options;
  const source = (part: CodedSentences, asked: Count, what: string): TaskSource<TokenInputs, Tensor> =>
    entityEpisodes(withEnough(part, { types, shots: mostOf(asked), what }), {
      ...(types === undefined ? {} : { types }),
      shots: asked,
      queries,
      skipSmallTypes: true,
    });
  const held = (part: CodedSentences, what: string): TaskSource<TokenInputs, Tensor> => {
    const tasks = source(part, shots, what);
    return data.by === "sentences" && !isOther && tasks.pool
      ? { ...tasks, pool: { ...tasks.pool, seen: true } }
      : tasks;
  };
  const train = source(data.train, trainShots, "training");
  const isOwnSize = areOwnSizes(entitySizes, options, own);
  const validation = isOwnSize ? held(data.validation, "validation") : undefined;
  const test = held(data.test, "evaluation");
  return { train, validation: validation ?? test, test };
}

/** The domains that have types with more spans than a support set takes: those of fewer make no task. */
function withEnough(
  part: CodedSentences,
  { types = 1, shots, what }: { readonly types: number | undefined; readonly shots: number; readonly what: string },
): CodedSentences {
  const found = part.domains.map((domain) => ({ domain, enough: typesWithMore(domain, shots) }));
  const domains = found.filter(({ enough }) => enough >= types).map(({ domain }) => domain);
  if (domains.length > 0) return { ...part, domains };
  const most = Math.max(0, ...found.map(({ enough }) => enough));
  const has = most === 0 ? "none" : counted(most, "type");
  throw new UsageError(
    `tasks of ${what} take ${counted(types, "type")} of a domain with more than ${counted(shots, "span")}, and what ${quoted(part.name)} has for it has ${has}`,
    "Lower --shots or --types, or give more marked sentences; a few of them are what a run trained on others, such as snips, adapts to",
  );
}

/** The types of a domain with more than so many spans. */
function typesWithMore({ types, starts, tags }: SentenceDomain, shots: number): number {
  const spans = new Int32Array(types.length + 1);
  for (let row = 0; row + 1 < starts.length; row++)
    for (const { tag } of wordSpans(tags, starts[row]!, starts[row + 1]!)) spans[tag]!++;
  return spans.subarray(1).reduce((sum, count) => sum + (count > shots ? 1 : 0), 0);
}
