/**
 * What holds of every primitive, and of every program made of them. Each law throws an error that says where it is
 * broken; none depends on a test framework.
 */
import { formatShape } from "../errors.js";
import type { Graph } from "../program/graph.js";
import { topologicalOrder } from "../program/graph.js";
import { moveAxis } from "../program/primitives/shape.js";
import { input, type Tensor } from "../program/tensor.js";
import { isFloat, sameShape, type TypedArray, toTypedArray } from "../program/tensor-type.js";
import { interpret } from "../reference/interpreter.js";
import { vjp } from "../transforms/differentiate.js";
import { simplify } from "../transforms/simplify.js";
import { vmap } from "../transforms/vmap.js";
import { type Example, exampleValues, type FloatType, noise, placeholders } from "./examples.js";

/** Random numbers in [-1, 1): a direction, or a cotangent. */
const direction = (size: number, seed: number): number[] =>
  Array.from({ length: size }, (_, i) => 2 * noise(seed, i) - 1);

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
};

type Values = ReadonlyMap<Tensor, ArrayLike<number>>;

const moved = (at: Values, along: Values, distance: number): Map<Tensor, ArrayLike<number>> =>
  new Map(
    [...at].map(([x, values]) => {
      const d = along.get(x);
      return [x, d ? Array.from(values, (value, i) => value + distance * d[i]!) : values];
    }),
  );

/** The derivative along a direction of <weights, outputs>: central differences of fourth order. */
function difference(
  outputs: readonly Tensor[],
  weights: readonly ArrayLike<number>[],
  at: Values,
  along: Values,
  h: number,
): number {
  const value = (distance: number): number =>
    interpret(outputs, moved(at, along, distance)).reduce((total, y, i) => total + dot(y, weights[i]!), 0);
  return (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
}

/** A derivative that finite differences cannot tell: a kink or a jump is too close. */
export class NotSmooth extends Error {}

export interface DerivativeOptions {
  readonly orders?: 1 | 2;
  readonly seed?: number;
  /** Half the width of the differences' stencil. */
  readonly h?: number;
  readonly tolerance?: number;
  /** Throw `NotSmooth` where differences of two widths disagree. */
  readonly detectKinks?: boolean;
}

/**
 * First and second derivatives by `vjp` against central differences. With F the function, r a random cotangent and d, u
 * random directions: <r, dF d> = <J^T r, d>, and the same once more for (x, r) -> J^T r, along both x and r. Nothing
 * but the rules under test is differentiated: no sum or product of our own is in between.
 */
export function derivativesHold(
  f: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  values: readonly ArrayLike<number>[],
  { orders = 2, seed = 1, h = 1e-3, tolerance = 1e-7, detectKinks = false }: DerivativeOptions = {},
): void {
  const at = new Map<Tensor, ArrayLike<number>>(inputs.map((x, i) => [x, values[i]!]));
  const places = inputs.map((_, i) => i).filter((i) => isFloat(inputs[i]!.dtype));
  const floating = places.map((i) => inputs[i]!);
  if (floating.length === 0) return;
  const onlyFloating = (given: readonly Tensor[]): readonly Tensor[] => {
    const all = [...inputs];
    places.forEach((place, i) => {
      all[place] = given[i]!;
    });
    return f(all).filter((y) => isFloat(y.dtype));
  };
  const exact = f(inputs).filter((y) => !isFloat(y.dtype));
  const dx = new Map(floating.map((x, i) => [x, direction(x.size, seed * 100 + i)]));
  const compare = (
    what: string,
    outputs: readonly Tensor[],
    weights: readonly ArrayLike<number>[],
    along: Values,
    base: Values,
    claim: number,
  ): void => {
    const found = difference(outputs, weights, base, along, h);
    const scale = 0.01 + Math.abs(found) + Math.abs(claim);
    if (detectKinks && !(Math.abs(found - difference(outputs, weights, base, along, h / 2)) <= tolerance * scale)) {
      throw new NotSmooth(`${what}: differences depend on their width`);
    }
    if (!(Math.abs(found - claim) <= tolerance * scale)) {
      throw new Error(`${what}: differences say ${found}, the rules ${claim}`);
    }
  };
  const before = interpret(exact, at);
  interpret(exact, moved(at, dx, h)).forEach((y, k) => {
    if (y.some((value, i) => value !== before[k]![i])) throw new Error(`output ${exact[k]} is not locally constant`);
  });
  const outputs = onlyFloating(floating);
  if (outputs.length === 0) return;
  const r = outputs.map((y) => input(y.shape, y.dtype));
  const rValues = outputs.map((y, i) => direction(y.size, seed * 100 + 30 + i));
  const first = vjp<readonly Tensor[], readonly Tensor[]>(onlyFloating, floating).pullback(r);
  first.forEach((gradient, i) => {
    if (!sameShape(gradient.shape, floating[i]!.shape))
      throw new Error(`gradient ${gradient} of input ${i} ${floating[i]}`);
  });
  const atBoth = new Map([...at, ...r.map((x, i) => [x, rValues[i]!] as const)]);
  const slopes = interpret(first, atBoth);
  compare(
    "first derivative",
    outputs,
    rValues,
    dx,
    at,
    floating.reduce((total, x, i) => total + dot(slopes[i]!, dx.get(x)!), 0),
  );
  if (orders === 1) return;
  const gradients = (given: readonly Tensor[]): readonly Tensor[] =>
    vjp<readonly Tensor[], readonly Tensor[]>(onlyFloating, given.slice(0, floating.length)).pullback(
      given.slice(floating.length),
    );
  const variables = [...floating, ...r];
  const u = first.map((gradient) => input(gradient.shape, gradient.dtype));
  const uValues = first.map((gradient, i) => direction(gradient.size, seed * 100 + 60 + i));
  const second = vjp<readonly Tensor[], readonly Tensor[]>(gradients, variables).pullback(u);
  const curvatures = interpret(second, new Map([...atBoth, ...u.map((x, i) => [x, uValues[i]!] as const)]));
  const along = new Map([...dx, ...r.map((x, i) => [x, direction(x.size, seed * 100 + 90 + i)] as const)]);
  const claim = variables.reduce((total, x, i) => total + dot(curvatures[i]!, along.get(x)!), 0);
  compare("second derivative", first, uValues, along, atBoth, claim);
}

/** `derivativesHold` for an example of a primitive, along several directions. */
export function exampleDerivativesHold(example: Example, options: DerivativeOptions = {}): void {
  for (const seed of [1, 2]) {
    derivativesHold((inputs) => [example.apply(...inputs)], placeholders(example), exampleValues(example), {
      ...options,
      seed,
    });
  }
}

/** Values are as many and agree, each to `tolerance` times the largest of them or another scale. */
export function requireClose(
  what: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-10,
  scale = largestFinite(expected),
): void {
  if (found.length !== expected.length) throw new Error(`${what}: ${found.length} values, expected ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [found[i]!, expected[i]!];
    if (Object.is(a, b) || a === b || Math.abs(a - b) <= tolerance * scale) continue;
    throw new Error(`${what}: value ${i} is ${a}, expected ${b} (tolerance ${tolerance} of ${scale})`);
  }
}

const largestFinite = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 1e-30);

/** Which of n inputs are mapped: all choices with at least one. */
function mappings(n: number): boolean[][] {
  return Array.from({ length: 2 ** n - 1 }, (_, code) =>
    Array.from({ length: n }, (_, i) => ((code + 1) >> i) % 2 === 1),
  );
}

const axesOf = (mapped: readonly boolean[]): (number | null)[] => mapped.map((is) => (is ? 0 : null));

/** One task's results of a program, one after another. */
function slices(example: Example, variantsByTask: readonly (readonly number[])[]): number[] {
  const inputs = placeholders(example);
  const output = example.apply(...inputs);
  return variantsByTask.flatMap((variants) => {
    const feeds = new Map(inputs.map((x, i) => [x, exampleValues(example, variants[i]!)[i]!]));
    return [...interpret([output], feeds)[0]!];
  });
}

/** `vmap` equals the stack of slices, whichever inputs are mapped. */
export function vmapHolds(example: Example, tasks = 3): void {
  const plain = placeholders(example);
  const numbers = Array.from({ length: tasks }, (_, task) => task);
  for (const mapped of mappings(plain.length)) {
    const inputs = plain.map((x, i) => (mapped[i] ? input([tasks, ...x.shape], x.dtype) : x));
    const feeds = new Map(
      inputs.map((x, i) => [
        x,
        mapped[i] ? numbers.flatMap((task) => exampleValues(example, task)[i]!) : exampleValues(example)[i]!,
      ]),
    );
    const expected = slices(
      example,
      numbers.map((task) => mapped.map((is) => (is ? task : 0))),
    );
    const what = `vmap over inputs ${mapped.flatMap((is, i) => (is ? [i] : [])).join(", ")}`;
    const output = vmap((...xs: Tensor[]) => example.apply(...xs), axesOf(mapped))(...inputs);
    const single = example.apply(...plain);
    if (!sameShape(output.shape, [tasks, ...single.shape]) || output.dtype !== single.dtype) {
      throw new Error(`${what}: result ${output} for tasks of ${single}`);
    }
    requireClose(what, interpret([output], feeds)[0]!, expected);

    // The same with the mapped axis elsewhere, for arguments and result.
    const axes = inputs.map((x, i) => (mapped[i] ? (i + 1) % x.rank : null));
    const turned = inputs.map((x, i) => (mapped[i] ? moveAxis(x, 0, axes[i]!) : x));
    const out = single.rank;
    const elsewhere = vmap((...xs: Tensor[]) => example.apply(...xs), axes, { out })(...turned);
    if (!sameShape(elsewhere.shape, [...single.shape, tasks]))
      throw new Error(`${what}, axis last: result ${elsewhere}`);
    requireClose(`${what}, axes ${axes}`, interpret([moveAxis(elsewhere, out, 0)], feeds)[0]!, expected);
  }
}

/** Two levels of `vmap`, with all choices of inputs mapped by each. */
export function nestedVmapHolds(example: Example, outer = 2, inner = 3): void {
  const plain = placeholders(example);
  const choices = mappings(plain.length);
  for (const byOuter of choices) {
    for (const byInner of choices) {
      const inputs = plain.map((x, i) =>
        input([...(byOuter[i] ? [outer] : []), ...(byInner[i] ? [inner] : []), ...x.shape], x.dtype),
      );
      const variant = (i: number, o: number, n: number): number => (byOuter[i] ? o * inner : 0) + (byInner[i] ? n : 0);
      const counts = (i: number): [number, number] => [byOuter[i] ? outer : 1, byInner[i] ? inner : 1];
      const feeds = new Map(
        inputs.map((x, i) => {
          const [a, b] = counts(i);
          const variants = Array.from({ length: a * b }, (_, k) => variant(i, Math.floor(k / b), k % b));
          return [x, variants.flatMap((one) => exampleValues(example, one)[i]!)];
        }),
      );
      const tasks = Array.from({ length: outer * inner }, (_, k) =>
        plain.map((_, i) => variant(i, Math.floor(k / inner), k % inner)),
      );
      const apply = (...xs: Tensor[]): Tensor => example.apply(...xs);
      const output = vmap(vmap(apply, axesOf(byInner)), axesOf(byOuter))(...inputs);
      requireClose(
        `vmap of vmap, outer ${byOuter}, inner ${byInner}`,
        interpret([output], feeds)[0]!,
        slices(example, tasks),
      );
    }
  }
}

/** Result, first and second derivatives of an example, as one program. */
export function withDerivatives(
  apply: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
): { readonly outputs: readonly Tensor[]; readonly seeds: readonly Tensor[] } {
  const result = apply(...inputs);
  const places = inputs.map((_, i) => i).filter((i) => isFloat(inputs[i]!.dtype));
  if (!isFloat(result.dtype) || places.length === 0) return { outputs: [result], seeds: [] };
  const floating = places.map((i) => inputs[i]!);
  const r = input(result.shape, result.dtype);
  const u = floating.map((x) => input(x.shape, x.dtype));
  const ofFloating = (given: readonly Tensor[]): Tensor =>
    apply(...inputs.map((x, i) => given[places.indexOf(i)] ?? x));
  const gradients = (given: readonly Tensor[]): readonly Tensor[] =>
    vjp<readonly Tensor[], Tensor>(ofFloating, given.slice(0, -1)).pullback(given.at(-1)!);
  const first = gradients([...floating, r]);
  const second = vjp<readonly Tensor[], readonly Tensor[]>(gradients, [...floating, r]).pullback(u);
  return { outputs: [result, ...first, ...second], seeds: [r, ...u] };
}

/** `simplify` changes no value, shape or type. */
export function simplifyHolds(outputs: readonly Tensor[], feeds: Values, tolerance = 1e-10): void {
  const simple = simplify(outputs);
  simple.forEach((y, i) => {
    const raw = outputs[i]!;
    if (y.dtype === raw.dtype && sameShape(y.shape, raw.shape)) return;
    throw new Error(`output ${i} is ${y.dtype}${formatShape(y.shape)} simplified, ${raw} before`);
  });
  const raw = interpret(outputs, feeds);
  interpret(simple, feeds).forEach((values, i) => {
    // What is smaller may be nothing but the rounding of numbers near 1 that cancel.
    requireClose(`output ${i} simplified`, values, raw[i]!, tolerance, Math.max(1e-3, largestFinite(raw[i]!)));
  });
}

/** `simplifyHolds` for an example with its first and second derivatives. */
export function exampleSimplifyHolds(example: Example): void {
  const inputs = placeholders(example);
  const { outputs, seeds } = withDerivatives(example.apply, inputs);
  const values = exampleValues(example);
  const feeds = new Map<Tensor, ArrayLike<number>>(inputs.map((x, i) => [x, values[i]!]));
  seeds.forEach((x, i) => {
    feeds.set(x, direction(x.size, 40 + i));
  });
  simplifyHolds(outputs, feeds);
}

/** An example with its first and second derivatives as a graph, with values for its inputs. */
export function exampleGraph(
  example: Example,
  float: FloatType,
): { readonly graph: Graph; readonly feeds: readonly TypedArray[] } {
  const inputs = placeholders(example, float);
  const { outputs, seeds } = withDerivatives(example.apply, inputs);
  const values = [...exampleValues(example), ...seeds.map((x, i) => direction(x.size, 40 + i))];
  const all = [...inputs, ...seeds];
  const order = topologicalOrder(outputs);
  return { graph: { inputs: all, outputs, order }, feeds: all.map((x, i) => toTypedArray(values[i]!, x.dtype)) };
}

/** What the reference interpreter makes of a graph. */
export function referenceOutputs({ inputs, outputs }: Graph, feeds: readonly TypedArray[]): Float64Array[] {
  return interpret(
    outputs,
    new Map(inputs.map((x, i) => [x, Float64Array.from(feeds[i] as ArrayLike<number | bigint>, Number)])),
  );
}
