import { type Random, random } from "../../random/random.js";
import type { DescribedTaskSource } from "../../tasks/task.js";
import { type CurveTaskOptions, checkedRanges, curveTasks, describeRanges, type Range } from "./curve-tasks.js";

/** Options of `sinusoids`. */
export interface SinusoidOptions extends CurveTaskOptions {
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
 * Shapes: as `curveTasks`.
 *
 * Finn, Abbeel and Levine 2017, "Model-agnostic meta-learning for fast adaptation of deep networks", section 5.1. The
 * paper calls phi the phase without giving the sign; x - phi is what its published code computes.
 *
 * @throws ILT201 as `curveTasks`, or where a range is not finite or is reversed
 * @example const task = sinusoids({ shots: 5, queries: 100 }).sample(splitSeed(1, "test"), 0);
 */
export function sinusoids(options: SinusoidOptions = {}): DescribedTaskSource {
  const { amplitude, phase, x } = rangesOf(options);
  return curveTasks(
    {
      name: "sinusoids",
      description: describeRanges({ amplitude, phase, x }),
      inputs: x,
      curve: (source) => {
        const curve = drawCurve(source, amplitude, phase);
        return {
          input: () => source.uniform(x[0], x[1]),
          values: (inputs) => {
            const values = new Array<number>(inputs.length);
            for (let i = 0; i < values.length; i++) values[i] = curve.amplitude * Math.sin(inputs[i]! - curve.phase);
            return values;
          },
        };
      },
    },
    options,
  );
}

/**
 * Amplitude and phase of the task that `sinusoids(options).sample(seed, index)` makes, for plots and tests.
 *
 * @throws ILT201 as `sinusoids`
 */
export function sinusoidOf(seed: number, index: number, options: SinusoidOptions = {}): Sinusoid {
  const { amplitude, phase } = rangesOf(options);
  return drawCurve(random(seed, index), amplitude, phase);
}

function drawCurve(source: Random, amplitude: Range, phase: Range): Sinusoid {
  return { amplitude: source.uniform(amplitude[0], amplitude[1]), phase: source.uniform(phase[0], phase[1]) };
}

function rangesOf({ amplitude = [0.1, 5], phase = [0, Math.PI], x = [-5, 5] }: SinusoidOptions) {
  return checkedRanges("sinusoids", { amplitude, phase, x });
}
