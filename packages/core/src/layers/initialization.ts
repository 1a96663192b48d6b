import { formatShape, GraphError, type Shape, sizeOf, type Tensor, tensor } from "@innerloop/graph";
import { type Key, randomOf } from "../random/random.js";

/** First values of a parameter: a function of its shape, the units that feed one unit and those it feeds, and a key. */
export type Initializer = (shape: Shape, fan: { readonly in: number; readonly out: number }, key: Key) => Tensor;

function drawn(shape: Shape, { allow, structureOnly }: Key, draw: () => number): Tensor {
  allow?.(sizeOf(shape));
  const values = new Float32Array(sizeOf(shape));
  if (structureOnly) return tensor(values, shape);
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return tensor(values, shape);
}

/** One value everywhere. */
export const constantInit =
  (value: number): Initializer =>
  (shape, _fan, key) =>
    drawn(shape, key, () => value);

/** Normal with the given deviation, cut at two deviations. */
export const truncatedNormal =
  (deviation = 0.01): Initializer =>
  (shape, _fan, key) => {
    const random = randomOf(key);
    return drawn(shape, key, () => random.truncatedNormal(deviation));
  };

/** Normal with the given deviation. */
export const normalInit =
  (deviation = 1): Initializer =>
  (shape, _fan, key) => {
    const random = randomOf(key);
    return drawn(shape, key, () => random.normal(0, deviation));
  };

/** Uniform in +- sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010), "Xavier". */
export const glorotUniform: Initializer = (shape, fan, key) => {
  const random = randomOf(key);
  const bound = Math.sqrt(6 / (fan.in + fan.out));
  return drawn(shape, key, () => random.uniform(-bound, bound));
};

/** Normal with deviation sqrt(2 / fan in) (He et al. 2015), for layers followed by relu. */
export const heNormal: Initializer = (shape, fan, key) => {
  const random = randomOf(key);
  const deviation = Math.sqrt(2 / fan.in);
  return drawn(shape, key, () => random.normal(0, deviation));
};

/** The identity, [d, d]: a linear map that starts by changing nothing. */
export const identityInit: Initializer = ([rows = 1, columns = 1, ...more], _fan, key) => {
  if (rows !== columns || more.length > 0) {
    const problem = `a parameter of shape ${formatShape([rows, columns, ...more])}`;
    throw new GraphError("IL102", "identityInit", problem, "It is for square matrices: as many outputs as inputs");
  }
  let at = 0;
  return drawn([rows, columns], key, () => (at++ % (columns + 1) === 0 ? 1 : 0));
};
