import { median } from "./statistics.js";

/** Something whose meta-steps are timed. */
export interface Contender {
  readonly key: string;
  /** Roughly what a step takes, to choose how many make a round. */
  readonly expectedMs: number;
  /** Runs so many steps: the milliseconds of each. */
  readonly run: (repeats: number) => Promise<readonly number[]>;
}

/** Each contender's median step in each round, in milliseconds. */
export type Rounds = Readonly<Record<string, readonly number[]>>;

/** Contenders take turns, in an order that changes, so that no one always follows the same other. */
export async function takeTurns(
  contenders: readonly Contender[],
  { rounds, budgetMs }: { readonly rounds: number; readonly budgetMs: number },
): Promise<Rounds> {
  const times: Record<string, number[]> = Object.fromEntries(contenders.map(({ key }) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < contenders.length; place++) {
      const { key, expectedMs, run } = contenders[(place + round) % contenders.length]!;
      const repeats = Math.max(1, Math.min(100, Math.round(budgetMs / expectedMs)));
      times[key]!.push(median(await run(repeats)));
      // Threads of the one before may spin for a while after their work.
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  return times;
}
