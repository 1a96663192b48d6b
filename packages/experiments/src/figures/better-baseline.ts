/** The first thing to say of a results table in which a baseline does better than the learner that it is about. */
import { type Evaluation, type FigureDescription, figureDifference } from "@innerloop/core";
import { type Figure, figureTitle, leadingFigure, sameFigure } from "./results-cells.js";

interface Best {
  readonly figure: Figure;
  readonly row: number;
}

/** 1 where more of a figure is better, -1 where less is. */
const directionOf = ({ better }: FigureDescription): 1 | -1 | undefined => better && (better === "higher" ? 1 : -1);

/** A method's best row by a figure: each may take as many steps as suit it. */
function bestOf({ rows }: Evaluation, name: string, direction: 1 | -1): Best | undefined {
  const found = rows.flatMap(({ figures }, row): Best[] => {
    const figure = figures[name];
    return figure && Number.isFinite(figure.mean) ? [{ figure, row }] : [];
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
  shown: (description: FigureDescription, figure: Figure) => string,
): string | undefined {
  const leading = leadingFigure(learner);
  const direction = directionOf(leading);
  const own = direction && bestOf(learner, leading.name, direction);
  if (!direction || !own) return undefined;
  const better = baselines
    .flatMap((baseline) => {
      const same = sameFigure(baseline, leading);
      const best = same && bestOf(baseline, same.name, direction);
      return same && best ? [{ baseline, name: same.name, best }] : [];
    })
    .filter(({ baseline, name, best }) => {
      // Baselines may have had the first of the tasks only.
      const { tasks } = baseline.protocol;
      const compared = [
        [baseline, best.row, name],
        [learner, own.row, leading.name],
      ] as const;
      const { mean, interval } = figureDifference(...compared, typeof tasks === "number" ? { tasks } : {});
      return mean * direction > interval;
    })
    .sort((a, b) => (b.best.figure.mean - a.best.figure.mean) * direction);
  const [first] = better;
  if (!first) return undefined;
  const [theirs, ours] = [first.best.figure, own.figure].map((each) => shown(leading, each));
  return `${first.baseline.learner} does better than ${learner.learner}: ${theirs} against ${ours} (${figureTitle(leading)})`;
}
