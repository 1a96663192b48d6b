import { add, mul, type Tree } from "@innerloop/graph";
import type { StatisticsByPath } from "./layer.js";
import { mapWithPaths, type TraitsByPath } from "./parameter-roles.js";

/**
 * Parameters after an update: "averaged" ones are moved from where they were before it towards what their layers
 * report, average <- momentum average + (1 - momentum) new, and stay there where nothing is reported; "fixed" ones are
 * what they were before. What an optimizer has done to either is undone.
 *
 * @param statistics by the path of the record that holds the averages
 */
export function withRunningStatistics<P extends Tree>(
  updated: P,
  statistics: StatisticsByPath,
  before: P,
  traits: TraitsByPath,
  momentum = 0.9,
): P {
  return mapWithPaths(
    (path, leaf, old) => {
      const { role, statistic } = traits.get(path) ?? {};
      if (role === "fixed") return old!;
      if (role !== "averaged") return leaf;
      const news = statistic && statistics[path.slice(0, Math.max(0, path.lastIndexOf("/")))]?.[statistic];
      return news ? add(mul(old!, momentum), mul(news, 1 - momentum)) : old!;
    },
    updated,
    before,
  );
}
