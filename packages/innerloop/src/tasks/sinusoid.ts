import { tensor } from "@innerloop/graph";
import { type Random, random } from "../random.js";
import { type Examples, TaskError, type TaskSource, wholeNumber } from "./task.js";

/** Lower and upper bound of a uniform distribution. */
export type Range = readonly [low: number, high: number];

export interface SinusoidOptions {
  /** Support examples of a task (K). */
  readonly shots?: number;
  /** Query examples of a task; as many as shots unless given. */
  readonly queries?: number;
  readonly amplitude?: Range;
  /** In radians. */
  readonly phase?: Range;
  /** Where the inputs lie, in radians. */
  readonly x?: Range;
}

/** y = amplitude sin(x - phase), the phase in radians. */
export interface Sinusoid {
  readonly amplitude: number;
  readonly phase: number;
}

/**
 * The sinusoid regression family: each task is one curve y = A sin(x - phi) with A ~ U[0.1, 5] and phi ~ U[0, pi], seen
 * at points x ~ U[-5, 5]. Support and query points are drawn independently.
 *
 * Shapes: support x and y [shots, 1], query x and y [queries, 1], all float32.
 *
 * Finn, Abbeel and Levine 2017, "Model-agnostic meta-learning for fast adaptation of deep networks", section 5.1. The
 * paper calls phi the phase without giving the sign; x - phi is what its published code computes.
 *
 * @throws ILT201 where shots or queries are not whole numbers of at least 1, or a range is not finite or is reversed
 * @example const task = sinusoids({ shots: 5, queries: 100 }).sample(splitSeed(1, "test"), 0);
 */
export function sinusoids(options: SinusoidOptions = {}): TaskSource {
  const { amplitude, phase, x } = ranges(options);
  const shots = wholeNumber(options.shots ?? 10, "sinusoids", "shots");
  const queries = wholeNumber(options.queries ?? shots, "sinusoids", "queries");
  const examples = (curve: Sinusoid, count: number, source: Random): Examples => {
    const inputs = new Float32Array(count);
    const targets = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const input = Math.fround(source.uniform(x[0], x[1]));
      inputs[i] = input;
      targets[i] = curve.amplitude * Math.sin(input - curve.phase);
    }
    return { x: tensor(inputs, [count, 1]), y: tensor(targets, [count, 1]) };
  };
  return {
    name: "sinusoids",
    description: {
      shots,
      queries,
      amplitude: amplitude.join(" to "),
      phase: phase.join(" to "),
      x: x.join(" to "),
    },
    sample(seed, index) {
      const source = random(seed, index);
      const curve = drawCurve(source, amplitude, phase);
      return { support: examples(curve, shots, source), query: examples(curve, queries, source) };
    },
  };
}

/**
 * Amplitude and phase of the task that `sinusoids(options).sample(seed, index)` makes, for plots and tests.
 *
 * @throws ILT201 as `sinusoids`
 */
export function sinusoidOf(seed: number, index: number, options: SinusoidOptions = {}): Sinusoid {
  const { amplitude, phase } = ranges(options);
  return drawCurve(random(seed, index), amplitude, phase);
}

function drawCurve(source: Random, amplitude: Range, phase: Range): Sinusoid {
  return { amplitude: source.uniform(amplitude[0], amplitude[1]), phase: source.uniform(phase[0], phase[1]) };
}

function ranges(options: SinusoidOptions): { amplitude: Range; phase: Range; x: Range } {
  const { amplitude = [0.1, 5], phase = [0, Math.PI], x = [-5, 5] } = options;
  for (const [name, [low, high]] of Object.entries({ amplitude, phase, x })) {
    if (Number.isFinite(low) && Number.isFinite(high) && low <= high) continue;
    throw new TaskError("ILT201", "sinusoids", `${name} is [${low}, ${high}]`, "Give two finite numbers, lower first");
  }
  return { amplitude, phase, x };
}
