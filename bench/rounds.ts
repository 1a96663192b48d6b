import { median } from "./statistics.js";

/** Something whose meta-steps are timed. */
export interface Contender {
  readonly key: string;
  /** Roughly what a step takes, to choose how many make a round. */
  readonly expectedMs: number;
  /** Runs so many steps: the milliseconds of each. */
  readonly run: (repeats: number) => Promise<readonly number[]>;
  /** Called where `run` throws: it is out from then on. Without it, the error is the caller's. */
  readonly onFailure?: (error: Error) => void;
}

/** Each contender's median step in each round, in milliseconds; those that failed are not in it. */
export type Rounds = Readonly<Record<string, readonly number[]>>;

/** Contenders take turns, in an order that changes, so that no one always follows the same other. */
export async function takeTurns(
  contenders: readonly Contender[],
  { rounds, budgetMs }: { readonly rounds: number; readonly budgetMs: number },
): Promise<Rounds> {
  const times = new Map<string, number[]>(contenders.map(({ key }) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < contenders.length; place++) {
      const { key, expectedMs, run, onFailure } = contenders[(place + round) % contenders.length]!;
      const list = times.get(key);
      if (!list) continue;
      const repeats = Math.max(1, Math.min(400, Math.round(budgetMs / expectedMs)));
      try {
        // Who waited has lost caches, compiled JavaScript and memory, and takes a while to be as a training is: as many
        // steps as count go before those that do.
        await run(repeats);
        list.push(median(await run(repeats)));
      } catch (error) {
        if (!onFailure) throw error;
        times.delete(key);
        onFailure(error as Error);
      }
      // Threads of the one before may spin for a while after their work.
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  return Object.fromEntries(times);
}
