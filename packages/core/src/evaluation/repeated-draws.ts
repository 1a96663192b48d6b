/** Tasks that are several draws of one thing, such as a user: figures and intervals are over the things. */
import type { Tree } from "@innerloop/graph";
import type { TaskSource } from "../tasks/task.js";
import type { PooledTasks } from "./pooled-figures.js";

/**
 * A source whose first `count` tasks are the first draws of as many things, the next `count` their second draws, and so on.
 *
 * @param count things, no more than there are
 */
export function drawsInTurn<Source extends TaskSource<never, never> | TaskSource<Tree, Tree>>(
  source: Source,
  count: number,
): Source {
  const { count: things, draws = 1 } = source;
  if (things === undefined || draws === 1 || count === things) return source;
  const sample = (seed: number, index: number) =>
    source.sample(seed, (index % count) + Math.floor(index / count) * things);
  return Object.create(source, { sample: { value: sample } }) as Source;
}

/** The mean over draws of each of `count` things. @param values in the order of `drawsInTurn` */
export function meansOfDraws(values: Float64Array, count: number): Float64Array {
  const draws = values.length / count;
  if (draws === 1) return values;
  return Float64Array.from({ length: count }, (_, thing) => {
    let sum = 0;
    for (let at = thing; at < values.length; at += count) sum += values[at]!;
    return sum / draws;
  });
}

/** A pooled figure with statistics of each of `count` things, which are those of its draws: a bootstrap draws things. */
export function pooledOfDraws({ figure, statistics }: PooledTasks, count: number): PooledTasks {
  const draws = statistics.length / count;
  if (draws === 1) return { figure, statistics };
  return {
    figure: {
      combine: (things) => {
        const over = figure.combine(
          Array.from({ length: draws }, (_, draw) => things.map((of) => drawOf(of, draw))).flat(),
        );
        return (times) =>
          over(Uint16Array.from({ length: draws * things.length }, (_, i) => times[i % things.length]!));
      },
    },
    statistics: Array.from({ length: count }, (_, thing) =>
      Array.from({ length: draws }, (_draw, draw) => statistics[thing + draw * count]!),
    ),
  };
}

const drawOf = (thing: Tree, draw: number): Tree => (thing as readonly Tree[])[draw]!;
