import { topologicalOrder } from "../program/graph.js";
import { elementwisePrimitives } from "../program/primitives/elementwise.js";
import { Tensor } from "../program/tensor.js";
import { sameShape } from "../program/tensor-type.js";
import { arithmeticLaws } from "./arithmetic-laws.js";
import type { Law, Operation } from "./law.js";
import { layoutLaws } from "./layout-laws.js";
import { sumLaws } from "./sum-laws.js";

/** All laws, in the order in which they are tried: of those that apply to an operation the first is taken. */
export const laws: readonly Law[] = [...layoutLaws, ...sumLaws, ...arithmeticLaws];

/** The algebra of the laws that `simplify` applies, for documentation. */
export const simplificationLaws: readonly string[] = laws.map(({ algebra }) => algebra);

/**
 * Equal outputs by fewer and cheaper operations: each law is applied wherever it fits until none does, and what nothing
 * depends on is gone. Run it last: it also drops `stopGradient`.
 */
export function simplify(outputs: readonly Tensor[]): Tensor[] {
  return simplifyByAll(outputs);
}

/**
 * `simplify` by some laws.
 *
 * @param fired is told of each law that changed an operation
 */
export function simplifier(
  table: readonly Law[],
  fired: (law: Law) => void = () => undefined,
): (outputs: readonly Tensor[]) => Tensor[] {
  const byPrimitive = new Map<string, readonly Law[]>();
  const lawsOf = ({ primitive }: Operation): readonly Law[] => {
    let known = byPrimitive.get(primitive.name);
    if (!known) {
      const isElementwise = elementwisePrimitives.has(primitive);
      known = table.filter(({ on }) =>
        typeof on === "string" ? on === "all" || isElementwise : on.includes(primitive.name),
      );
      byPrimitive.set(primitive.name, known);
    }
    return known;
  };
  return (outputs) => {
    const done = new Map<Tensor, Tensor>();
    const simplified = (x: Tensor): Tensor => {
      if (!x.primitive) return x;
      const known = done.get(x);
      if (known) return known;
      const inputs = x.inputs.map(simplified);
      const same = inputs.every((source, i) => source === x.inputs[i]);
      const candidate = same ? x : Tensor.apply(x.primitive, inputs, x.attributes);
      let result = candidate === x ? x : (done.get(candidate) ?? candidate);
      if (result === candidate) {
        const operation = candidate as Operation;
        for (const law of lawsOf(operation)) {
          const replacement = law.apply(operation, inputs);
          if (!replacement || replacement === candidate) continue;
          if (!sameShape(replacement.shape, candidate.shape))
            throw new Error(`simplify: "${law.name}" changed a shape`);
          fired(law);
          result = simplified(replacement);
          break;
        }
      }
      done.set(x, result);
      done.set(candidate, result);
      return result;
    };
    // In topological order, so that the recursion only ever goes through what a law has just made.
    for (const x of topologicalOrder(outputs)) simplified(x);
    return outputs.map(simplified);
  };
}

const simplifyByAll = simplifier(laws);
