/** Known policies for bandits: policies by their index, and the oracle. */
import { betaNumber } from "../../random/gamma.js";
import type { Random } from "../../random/random.js";
import { shownValue } from "../../tasks/value-gate.js";
import type { BanditTask } from "./bandits.js";
import { EnvironmentError, wholeOption } from "./environment.js";
import { indicesOf, type KnownPolicy } from "./known-policies.js";

/** A policy for Bernoulli bandits. */
export type BanditPolicy = KnownPolicy<BanditTask>;

/** Knowledge of an arm. */
interface Arm {
  /** Times that it paid. */
  readonly paid: number;
  readonly pulls: number;
  /** Pulls of the trial, of all arms, and those that are left, this one included. */
  readonly made: number;
  readonly left: number;
}

/** A policy that pulls the arm of the largest index, of equal ones the first: arms are alike beforehand. */
function indexPolicy(name: string, title: string, indexOf: (arm: Arm, source: Random) => number): BanditPolicy {
  return {
    name,
    title,
    begin(family, tasks, sources) {
      const arms = indicesOf(family.action);
      const paid = new Float64Array(tasks.length * arms);
      const pulls = new Float64Array(tasks.length * arms);
      let made = 0;
      return {
        act(_observations, actions) {
          for (const [row, source] of sources.entries()) {
            let best = Number.NEGATIVE_INFINITY;
            for (let i = 0; i < arms; i++) {
              const at = row * arms + i;
              const arm = { paid: paid[at]!, pulls: pulls[at]!, made, left: family.horizon - made };
              const index = indexOf(arm, source);
              if (!(index > best)) continue;
              best = index;
              actions[row] = i;
            }
          }
        },
        learn(actions, rewards) {
          made++;
          for (const [row, arm] of actions.entries()) {
            paid[row * arms + arm]! += rewards[row]!;
            pulls[row * arms + arm]! += 1;
          }
        },
      };
    },
  };
}

/** The mean of an arm after its pulls, under a uniform prior: the posterior is Beta(1 + paid, 1 + pulls - paid). */
const posteriorMean = (paid: number, pulls: number): number => (1 + paid) / (2 + pulls);

/** Thompson sampling (1933): pulls the arm whose mean, drawn from its posterior under a uniform prior, is largest. */
export const thompsonSampling = (): BanditPolicy =>
  indexPolicy("thompson", "Thompson sampling", ({ paid, pulls }, source) =>
    betaNumber(source, 1 + paid, 1 + pulls - paid),
  );

/** Greedy Bayes: pulls the arm of the largest posterior mean under a uniform prior, and never explores. */
export const greedyBayes = (): BanditPolicy =>
  indexPolicy("greedy", "greedy Bayes", ({ paid, pulls }) => posteriorMean(paid, pulls));

/**
 * UCB1 (Auer, Cesa-Bianchi and Fischer 2002): each arm once, then the largest
 *
 *   mean + c sqrt(2 ln t / pulls)
 *
 * @param options.scale c: 1 as in the paper, whose bound holds for rewards of any distribution in [0, 1]; less is better here
 * @throws EnvironmentError ILE101 where c is below 0
 */
export function ucb1({ scale = 1 }: { readonly scale?: number } = {}): BanditPolicy {
  if (!(Number.isFinite(scale) && scale >= 0)) {
    const problem = `scale is ${shownValue(scale)}`;
    throw new EnvironmentError("ILE101", { environment: "ucb1" }, problem, "Give a number of at least 0");
  }
  return indexPolicy("ucb1", scale === 1 ? "UCB1" : `UCB1, c = ${scale}`, ({ paid, pulls, made }) =>
    pulls === 0 ? Number.POSITIVE_INFINITY : paid / pulls + scale * Math.sqrt((2 * Math.log(made)) / pulls),
  );
}

/** Points of the grid of prices that indices are read off. */
const prices = 200;

/**
 * The indices of arms by what is known of them: [paid, failed, pulls left] -> lambda.
 *
 * For a price lambda of a pull, an arm with m pulls left is worth
 *
 *   V_m(s, f) = max(0, p - lambda + p V_{m-1}(s + 1, f) + (1 - p) V_{m-1}(s, f + 1)),    p = (1 + s) / (2 + s + f)
 *
 * and its index is the price at which it is worth nothing. Values fall with the price and are nearly linear: those of 200
 * prices are interpolated.
 */
export class GittinsIndices {
  private readonly offsets: Float64Array;
  private readonly indices: Float32Array;

  /**
   * @param pulls of a trial: time and memory grow with the third power, 0.2 s and 1 MB for 100
   * @throws EnvironmentError ILE101 unless it is a whole number from 1 to 500
   */
  constructor(readonly pulls: number) {
    wholeOption("gittins", "pulls", pulls);
    if (pulls > 500) {
      const remedy = "Take up to 500: the table grows with the third power";
      throw new EnvironmentError("ILE101", { environment: "gittins" }, `pulls is ${pulls}`, remedy);
    }
    // With m left, n - m were made: no arm has more.
    this.offsets = new Float64Array(pulls + 2);
    for (let left = 1; left <= pulls; left++) {
      this.offsets[left + 1] = this.offsets[left]! + triangle(pulls - left + 1);
    }
    this.indices = new Float32Array(this.offsets[pulls + 1]!);
    const before = new Float32Array(this.indices.length);
    let [value, later] = [new Float64Array(triangle(pulls + 1)), new Float64Array(triangle(pulls + 1))];
    for (let price = 0; price <= prices; price++) {
      const lambda = price / prices;
      later.fill(0);
      for (let left = 1; left <= pulls; left++) {
        let at = this.offsets[left]!;
        for (let made = 0; made <= pulls - left; made++) {
          const next = triangle(made + 1);
          for (let paid = 0; paid <= made; paid++, at++) {
            const p = posteriorMean(paid, made);
            const worth = p - lambda + p * later[next + paid + 1]! + (1 - p) * later[next + paid]!;
            value[triangle(made) + paid] = Math.max(0, worth);
            // The last price at which it is worth something, and the share of the way to the next.
            if (worth > 0) this.indices[at] = lambda;
            else if (before[at]! > 0) this.indices[at]! += before[at]! / (before[at]! - worth) / prices;
            before[at] = worth;
          }
        }
        [value, later] = [later, value];
      }
    }
  }

  /** The index of an arm that paid `paid` times of `pulls`, with so many pulls of the trial left. */
  at(paid: number, pulls: number, left: number): number {
    return this.indices[this.offsets[left]! + triangle(pulls) + paid]!;
  }
}

/** 0 + 1 + ... + n: the numbers of pairs (paid, failed) of fewer than n pulls. */
const triangle = (n: number): number => (n * (n + 1)) / 2;

/**
 * The finite-horizon Gittins index (Nino-Mora 2011; Lattimore 2016) under a uniform prior: pulls the arm of the largest
 *
 *   sup_{1 <= tau <= m} E[sum_{t < tau} r_t] / E[tau]
 *
 * over stopping times within the m pulls that are left. Gittins' own (1979) is for discounted rewards without an end, and is
 * optimal there; this one is an approximation of the best policy for n pulls, and a good one.
 */
export function gittinsIndex(): BanditPolicy {
  const tables = new Map<number, GittinsIndices>();
  const tableOf = (pulls: number): GittinsIndices => {
    const table = tables.get(pulls) ?? new GittinsIndices(pulls);
    tables.set(pulls, table);
    return table;
  };
  return indexPolicy("gittins", "Gittins index (finite horizon)", ({ paid, pulls, made, left }) =>
    tableOf(made + left).at(paid, pulls, left),
  );
}

/** The oracle of bandits: pulls the arm of the largest mean, which it is told. */
export function banditOracle(): BanditPolicy {
  return {
    name: "oracle",
    title: "oracle",
    oracle: true,
    begin(_family, tasks) {
      const best = tasks.map(({ means }) => means.indexOf(Math.max(...means)));
      return { act: (_observations, actions) => actions.set(best) };
    },
  };
}
