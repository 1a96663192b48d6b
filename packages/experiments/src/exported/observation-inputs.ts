/** Observations of a policy as inputs of exported programs: whole episodes to adapt to, single ones to act by. */
import { parseSpaceSize, type SpaceSize } from "../domains/reinforcement/spec.js";
import { isRecord, quoted } from "../options/outside-text.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import { type InputForm, isOneOf, largestInput, numbersIn } from "./input-form.js";
import { isWhole } from "./kind-values.js";

/** Observations of an environment. */
export interface ObservationInputs {
  readonly kind: "observations";
  /** Steps of an episode at most. */
  readonly horizon: number;
  /** Numbers of an observation, or values that it may have: rows are one-hot then. */
  readonly observation: SpaceSize;
}

/** Steps of an episode at most. */
const mostSteps = 1_000_000;

const fail = (where: string, given: unknown, { observation: { kind, size } }: ObservationInputs): never => {
  throw new ExportError(
    "ILE206",
    where,
    `it is ${quoted(given)}`,
    kind === "box" ? `Give an observation: ${counted(size, "number")}` : `Give an observation: 0 to ${size - 1}`,
  );
};

/** One observation as numbers. @throws ExportError ILE206 for what is none */
function observationIn(given: unknown, where: string, inputs: ObservationInputs): Float32Array {
  const { kind, size } = inputs.observation;
  if (kind === "discrete" && isWhole(given, 0, size - 1)) {
    const row = new Float32Array(size);
    row[given] = 1;
    return row;
  }
  return numbersIn(given, size) ?? fail(where, given, inputs);
}

/** @internal */
export const observationForm: InputForm<ObservationInputs, Float32Array> = {
  parse: ({ horizon, observation }) => {
    const found = parseSpaceSize(observation);
    const fits = found && isWhole(horizon, 1, mostSteps) && horizon * found.size <= largestInput;
    return fits ? { kind: "observations", horizon, observation: found } : undefined;
  },
  slots: ({ horizon, observation: { size } }) => [{ name: "", dtype: "float32", shape: [horizon, size] }],
  asked: ({ observation: { size } }) => [{ name: "", dtype: "float32", shape: [size] }],
  isOne: (list, { observation: { kind, size } }) => kind === "box" && isOneOf(list, [size]),
  read: async (given, inputs) =>
    given.map((each, i) => {
      const { horizon, observation } = inputs;
      if (!isRecord(each) || ArrayBuffer.isView(each)) return observationIn(each, `input ${i + 1}`, inputs);
      const where = `example ${i + 1}`;
      const { observations } = each;
      if (!Array.isArray(observations)) return fail(where, observations, inputs);
      const steps = observations.slice(0, horizon);
      const all = new Float32Array(horizon * observation.size);
      for (const [t, step] of steps.entries())
        all.set(observationIn(step, `${where}, step ${t + 1}`, inputs), t * observation.size);
      return all;
    }),
  readingOf: () => ({ invert: false }),
  rows: (read) => [[read]],
  about: ({ horizon, observation: { kind, size } }) =>
    `Episodes of ${horizon} steps at most, padded with zeros, to adapt to; single observations to act by: ${kind === "box" ? counted(size, "number") : `one of ${size}, one-hot`}.`,
  inPython: ({ observation: { size } }, rows = 2) => ({ "": `np.random.randn(${rows}, ${size}).astype(np.float32)` }),
  inJavaScript: ({ observation: { kind, size } }) =>
    kind === "discrete"
      ? "0"
      : `[${Array.from({ length: Math.min(4, size) }, () => "0").join(", ")}${size > 4 ? ", ..." : ""}]`,
};
