import {
  add,
  cast,
  cos,
  less,
  log,
  mod,
  mul,
  range,
  reshape,
  type Shape,
  sizeOf,
  sqrt,
  sub,
  type Tensor,
} from "@innerloop/graph";
import { key, randomOf, split } from "./random.js";

/** A prime below 2^26 with 3 not dividing p - 1, so that cubing permutes the residues, and x^2 y stays below 2^53. */
const prime = 67108859;
const rounds = 7;

/**
 * Numbers in [0, 1) as a function of a key, for use inside graphs: the MiMC permutation x -> (x + key + c_i)^3 modulo a
 * prime (Albrecht et al. 2016) of each element's index, in int64 arithmetic that every executor does exactly.
 *
 * @param seedKey int32 scalar >= 0
 * @param name different names draw independently
 */
export function uniformInGraph(seedKey: Tensor, name: string, shape: Shape): Tensor {
  const constants = randomOf(split(key(0), name));
  const wideKey = mod(cast(seedKey, "int64"), prime);
  let x = mod(range(sizeOf(shape), "int64"), prime);
  for (let round = 0; round < rounds; round++) {
    const shifted = mod(add(add(x, wideKey), constants.integer(prime)), prime);
    x = mod(mul(mod(mul(shifted, shifted), prime), shifted), prime);
  }
  // The low 24 bits, which float32 holds: x / prime would round to 1 at its upper end.
  return reshape(mul(cast(mod(x, 2 ** 24), "float32"), 2 ** -24), shape);
}

/** 1 with the given probability, else 0. */
export function bernoulliMask(seedKey: Tensor, name: string, probability: number, shape: Shape): Tensor {
  return cast(less(uniformInGraph(seedKey, name, shape), probability), "float32");
}

/**
 * Normal numbers of mean 0 and deviation 1 as a function of a key: sqrt(-2 ln (1 - u)) cos(2 pi v) of two uniform ones
 * (Box & Muller 1958). None is beyond 5.8, where those of 24 bits end.
 */
export function normalInGraph(seedKey: Tensor, name: string, shape: Shape): Tensor {
  // 1 - u is above 0, where a logarithm has a value.
  const radius = sqrt(mul(log(sub(1, uniformInGraph(seedKey, `${name}:radius`, shape))), -2));
  return mul(radius, cos(mul(uniformInGraph(seedKey, `${name}:angle`, shape), 2 * Math.PI)));
}
