import { expect, test } from "vitest";
import { pairedDifference } from "../../evaluation/estimated.js";
import { banditOracle, GittinsIndices, gittinsIndex, greedyBayes, thompsonSampling, ucb1 } from "./bandit-policies.js";
import { type BanditTask, bernoulliBandits } from "./bandits.js";
import { type PlayedTrials, playTrials, randomPolicy } from "./known-policies.js";
import { mdpOracle, posteriorSampling, valueIteration } from "./mdp-policies.js";
import { navigation2d } from "./navigation.js";
import { tabularMdps } from "./tabular-mdp.js";

/** Within the 95% interval, or as much again. */
const near = ({ mean, interval }: PlayedTrials, figure: number, name: string): void =>
  expect(Math.abs(mean - figure), `${name}: ${mean} +- ${interval} beside ${figure}`).toBeLessThan(2 * interval);

/** Above, trial by trial, by more than chance. */
function above(better: PlayedTrials, worse: PlayedTrials): void {
  const { mean, interval } = pairedDifference(better.rewards, worse.rewards);
  expect(mean).toBeGreaterThan(interval);
}

test("policies for bandits earn what RL^2's paper and a simulation of theirs say", async () => {
  for (const { pulls, trials, figures } of [
    { pulls: 10, trials: 4000, figures: { random: 5, thompson: 5.8, greedy: 6.6, gittins: 6.6 } },
    { pulls: 100, trials: 800, figures: { random: 49.9, thompson: 74.8, greedy: 75.7, gittins: 78.3 } },
  ]) {
    const family = bernoulliBandits({ arms: 5, pulls });
    const results = new Map<string, PlayedTrials>();
    const options = { seed: 1, trials };
    for (const policy of [randomPolicy<BanditTask>(), thompsonSampling(), greedyBayes(), gittinsIndex()])
      results.set(policy.name, await playTrials(family, policy, options));
    for (const [name, figure] of Object.entries(figures)) near(results.get(name)!, figure, `${name}, ${pulls} pulls`);
    above(results.get("gittins")!, results.get("greedy")!);
    above(results.get("thompson")!, results.get("random")!);
    const oracle = await playTrials(family, banditOracle(), options);
    above(oracle, results.get("gittins")!);
    // The largest of five uniform means.
    near(oracle, (pulls * 5) / 6, "oracle");
    const bound = await playTrials(family, ucb1(), options);
    above(bound, results.get("random")!);
    above(await playTrials(family, ucb1({ scale: 0.3 }), options), bound);
  }
});

test("trials are of their addresses, however many are played", async () => {
  const family = bernoulliBandits({ arms: 3, pulls: 8 });
  const all = await playTrials(family, thompsonSampling(), { seed: 4, trials: 510 });
  const some = await playTrials(family, thompsonSampling(), { seed: 4, trials: 15, first: 495 });
  expect(some.rewards).toEqual(all.rewards.slice(495));
  const others = await playTrials(family, thompsonSampling(), { seed: 5, trials: 510 });
  expect(others.rewards).not.toEqual(all.rewards);
});

test("Gittins indices are the best reward of a pull, over times to stop", () => {
  const table = new GittinsIndices(12);
  // One pull: its mean. Two: a second only after the first paid, (1/2 + 1/2 2/3) / (3/2).
  for (const [paid, pulls] of [
    [0, 0],
    [3, 4],
    [2, 10],
  ] as const)
    expect(table.at(paid, pulls, 1)).toBeCloseTo((1 + paid) / (2 + pulls), 4);
  expect(table.at(0, 0, 2)).toBeCloseTo(5 / 9, 4);
  for (let left = 2; left <= 12; left++) expect(table.at(0, 0, left)).toBeGreaterThan(table.at(0, 0, left - 1));
  // Of equal means the arm that is less known.
  expect(table.at(1, 2, 6)).toBeGreaterThan(table.at(2, 4, 6));
  // Three pulls of an arm that paid once of once: over all sets of states to go on in.
  const after = ["2 2", "1 2", "3 3", "2 3", "1 3"];
  const pulled = (paid: number, pulls: number, left: number, rule: number): [reward: number, time: number] => {
    const p = (1 + paid) / (2 + pulls);
    let [reward, time] = [p, 1];
    for (const [probability, now] of [
      [p, paid + 1],
      [1 - p, paid],
    ] as const) {
      if (left === 1 || ((rule >> after.indexOf(`${now} ${pulls + 1}`)) & 1) === 0) continue;
      const [more, longer] = pulled(now, pulls + 1, left - 1, rule);
      reward += probability * more;
      time += probability * longer;
    }
    return [reward, time];
  };
  const rates = Array.from({ length: 32 }, (_, rule) => pulled(1, 1, 3, rule)).map(([reward, time]) => reward / time);
  const best = Math.max(...rates);
  expect(best).toBeGreaterThan(2 / 3);
  expect(table.at(1, 1, 3)).toBeCloseTo(best, 4);
  expect(() => new GittinsIndices(501)).toThrow(/^ILE101 gittins: pulls is 501\. /);
  expect(() => ucb1({ scale: -1 })).toThrow(/^ILE101 ucb1: scale is -1\. /);
});

test("policies for tabular MDPs earn what RL^2's paper says", async () => {
  const family = tabularMdps();
  const options = { seed: 1, trials: 250 };
  const random = await playTrials(family, randomPolicy(), options);
  const psrl = await playTrials(family, posteriorSampling(), options);
  const oracle = await playTrials(family, mdpOracle(), options);
  near(random, 100.1, "random");
  near(psrl, 138.1, "PSRL");
  above(psrl, random);
  above(oracle, psrl);
  // Under the rewards' own prior more is explored, and less earned.
  above(psrl, await playTrials(family, posteriorSampling({ priorMean: 1 }), options));
  // The oracle earns what value iteration says that it does.
  const promised = Array.from(
    { length: 250 },
    (_, index) => 10 * valueIteration(family.task(1, index), family).values[0]!,
  );
  const { mean, interval } = pairedDifference(oracle.rewards, promised);
  expect(Math.abs(mean)).toBeLessThan(2 * interval);
});

test("value iteration finds the best of all policies by time and state", () => {
  const family = tabularMdps({ states: 2, actions: 2, horizon: 3 });
  for (let index = 0; index < 5; index++) {
    const { transitions, rewards } = family.task(9, index);
    let best = Number.NEGATIVE_INFINITY;
    for (let policy = 0; policy < 64; policy++) {
      let values = [0, 0];
      for (let t = 2; t >= 0; t--) {
        values = [0, 1].map((state) => {
          const pair = 2 * state + ((policy >> (2 * t + state)) & 1);
          return rewards[pair]! + transitions[2 * pair]! * values[0]! + transitions[2 * pair + 1]! * values[1]!;
        });
      }
      best = Math.max(best, values[0]!);
    }
    expect(valueIteration({ transitions, rewards }, family).values[0]).toBeCloseTo(best, 12);
  }
});

test("families of vectors, and no trials, are refused", async () => {
  const options = { seed: 1, trials: 1 };
  await expect(playTrials(navigation2d(), randomPolicy(), options)).rejects.toThrow(
    /^ILE101 navigation-2d: random plays no vectors\. /,
  );
  await expect(playTrials(bernoulliBandits(), greedyBayes(), { seed: 1, trials: 0 })).rejects.toThrow(
    /^ILE101 bandits: trials is 0\. /,
  );
  expect(() => posteriorSampling({ priorMean: Number.NaN })).toThrow(/^ILE101 psrl: priorMean is NaN\. /);
});
