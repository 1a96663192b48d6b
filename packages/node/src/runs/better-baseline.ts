/** The first thing to say of a results table in which a baseline does better than the learner that it is about. */
import { type Evaluation, pairedDifference } from "@innerloop/core";
import { betterWhen, type Figure, figureNameOf, figureTitle, sameFigure } from "./results-cells.js";

interface Best {
  readonly figure: Figure;
  readonly values: ArrayLike<number>;
}

/** A method's best row by a figure: each may take as many steps as suit it. */
function bestOf({ rows, values }: Evaluation, name: string, direction: 1 | -1): Best | undefined {
  const found = rows.flatMap(({ figures }, i): Best[] => {
    const [figure, perTask] = [figures[name], values[i]?.[name]];
    return figure && perTask && Number.isFinite(figure.mean) ? [{ figure, values: perTask }] : [];
  });
  return found.reduce<Best | undefined>(
    (best, each) => (best && (best.figure.mean - each.figure.mean) * direction >= 0 ? best : each),
    undefined,
  );
}

/**
 * The baseline that does best of those that do better than a learner on the same tasks, each after as many steps as suit it.
 *
 * @param shown a figure with its interval as text
 * @returns `hierarchical linear model does better than MAML: 0.31 ± 0.02 against 0.40 ± 0.03 (mean squared error)`;
 *   undefined where the interval of no difference leaves out 0
 */
export function betterBaseline(
  learner: Evaluation,
  baselines: readonly Evaluation[],
  shown: (name: string, figure: Figure) => string,
): string | undefined {
  const name = figureNameOf(learner);
  const title = figureTitle(name, learner);
  const direction = betterWhen(name) || -1;
  const own = bestOf(learner, name, direction);
  if (!own) return undefined;
  const better = baselines
    .flatMap((baseline) => {
      const same = sameFigure(baseline, { title });
      const best = same === undefined ? undefined : bestOf(baseline, same, direction);
      return best ? [{ method: baseline.learner, best }] : [];
    })
    .filter(({ best }) => {
      // Baselines may have had the first of the tasks only.
      const { mean, interval } = pairedDifference(best.values, Array.from(own.values).slice(0, best.values.length));
      return mean * direction > interval;
    })
    .sort((a, b) => (b.best.figure.mean - a.best.figure.mean) * direction);
  const [first] = better;
  if (!first) return undefined;
  const [theirs, ours] = [first.best.figure, own.figure].map((each) => shown(name, each));
  return `${first.method} does better than ${learner.learner}: ${theirs} against ${ours} (${title})`;
}
