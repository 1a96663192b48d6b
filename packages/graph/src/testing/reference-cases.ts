/**
 * The published cases of `fixtures/meta-gradients.json` (PyTorch autograd in float64; `source` in the file) as programs
 * of this package: each maps one task's function over all tasks with `vmap` and averages.
 */
import { conv2d, logSoftmax, maxPool2d, standardize } from "../program/operations.js";
import { add, div, mul, neg, relu, sqrt, stopGradient, sub, tanh } from "../program/primitives/elementwise.js";
import { oneHot, takeAlongAxis } from "../program/primitives/indexing.js";
import { matmul, swapLast } from "../program/primitives/linear-algebra.js";
import { mean, sum } from "../program/primitives/reduce.js";
import { expandAxis, reshape, stack, transpose } from "../program/primitives/shape.js";
import { type NestedNumbers, type Tensor, tensor } from "../program/tensor.js";
import { valueAndGrad } from "../transforms/differentiate.js";
import { vmap } from "../transforms/vmap.js";
import type { FloatType } from "./examples.js";

interface FileTask {
  readonly supportX: NestedNumbers;
  readonly supportY: NestedNumbers;
  readonly queryX: NestedNumbers;
  readonly queryY: NestedNumbers;
}

interface FileCase {
  readonly name: string;
  readonly metaLoss: number;
  readonly metaGradient: readonly NestedNumbers[];
  readonly queryLossPerTask: NestedNumbers;
}

interface AdaptationCase extends FileCase {
  readonly innerLr: number | readonly NestedNumbers[];
  readonly steps: number;
  readonly order: 1 | 2;
  readonly innerLossPerTask: NestedNumbers;
  readonly innerLrGradient: readonly NestedNumbers[] | null;
  readonly activation?: "relu" | "tanh";
}

interface ProtoCase extends FileCase {
  readonly distance: "squaredEuclidean" | "cosine";
  readonly queryLogProbabilities: NestedNumbers;
}

interface Suite<Case> {
  readonly params: readonly NestedNumbers[];
  readonly tasks: readonly FileTask[];
  readonly cases: readonly Case[];
}

/** The part of meta-gradients.json that the cases are made of. */
export interface ReferenceFile {
  readonly suites: {
    readonly mlpRegression: Suite<AdaptationCase>;
    readonly convStride: Suite<AdaptationCase>;
    readonly convPool: Suite<AdaptationCase>;
    readonly protoNet: Suite<ProtoCase>;
  };
}

type Task = { readonly supportX: Tensor; readonly supportY: Tensor; readonly queryX: Tensor; readonly queryY: Tensor };

export type ReferenceArguments = {
  readonly params: readonly Tensor[];
  /** Inner learning rates where they are learned, one array per parameter. */
  readonly rates: readonly Tensor[];
  /** All tasks, stacked along axis 0. */
  readonly tasks: Task;
};

export interface ReferenceCase {
  readonly name: string;
  readonly compute: (given: ReferenceArguments) => Tensor[];
  readonly given: ReferenceArguments;
  /** For each result of `compute` what it is and what it must be, in our layout. */
  readonly expected: readonly ReferenceResult[];
}

export interface ReferenceResult {
  readonly what: string;
  readonly values: readonly number[];
  /** What deviations are relative to: the largest entry. */
  readonly scale: number;
}

type Model = (params: readonly Tensor[], x: Tensor) => Tensor;
type Loss = (params: readonly Tensor[], x: Tensor, y: Tensor) => Tensor;

const dense = (x: Tensor, w: Tensor, b: Tensor): Tensor => add(matmul(x, w), b);

const mlp =
  (activation: (x: Tensor) => Tensor): Model =>
  ([w1, b1, w2, b2, w3, b3], x) =>
    dense(activation(dense(activation(dense(x, w1!, b1!)), w2!, b2!)), w3!, b3!);

const convNet =
  (block: (x: Tensor, filters: Tensor) => Tensor, finish: (x: Tensor) => Tensor): Model =>
  (params, x) => {
    let h = x;
    for (const at of [0, 4]) {
      const [filters, bias, scale, shift] = params.slice(at, at + 4) as [Tensor, Tensor, Tensor, Tensor];
      const normal = standardize(add(block(h, filters), bias), [0, 1, 2], 1e-5);
      h = finish(relu(add(mul(normal, scale), shift)));
    }
    // The reference flattens channels first.
    return dense(reshape(transpose(h, [0, 3, 1, 2]), [x.shape[0]!, -1]), params[8]!, params[9]!);
  };

const largestOf = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const result = (what: string, values: readonly number[]): ReferenceResult => ({
  what,
  values,
  scale: largestOf(values),
});

/**
 * The arrays of one gradient. Some are zero but for PyTorch's rounding (a bias in front of batch normalisation): these
 * are measured by the largest entry of the whole gradient.
 */
function gradientResults(what: string, arrays: readonly (readonly number[])[]): ReferenceResult[] {
  const largest = largestOf(arrays.map(largestOf));
  return arrays.map((values, i) => {
    const own = largestOf(values);
    return { what: `${what} ${i}`, values, scale: own < 1e-12 * largest ? largest : own };
  });
}

const negativeLogLikelihood = (logProbabilities: Tensor, y: Tensor): Tensor =>
  neg(mean(takeAlongAxis(logProbabilities, expandAxis(y, 1), 1)));

function adaptationCase(suite: Suite<AdaptationCase>, one: AdaptationCase, loss: Loss, layout: Layout): ReferenceCase {
  const learned = typeof one.innerLr !== "number";
  const first = /-anil-/.test(one.name) ? suite.params.length - 2 : 0;
  const perTask = (params: readonly Tensor[], rates: readonly Tensor[], task: Task): Tensor[] => {
    const objective = ({
      start,
      rates: given,
    }: {
      start: readonly Tensor[];
      rates: readonly Tensor[];
    }): readonly [Tensor, Tensor[]] => {
      const body = start.slice(0, first);
      let head = start.slice(first);
      const innerLosses: Tensor[] = [];
      for (let step = 0; step < one.steps; step++) {
        const { value, gradient } = valueAndGrad((inner: readonly Tensor[]) =>
          loss([...body, ...inner], task.supportX, task.supportY),
        )(head);
        innerLosses.push(value);
        head = head.map((w, i) => {
          const slope = one.order === 1 ? stopGradient(gradient[i]!) : gradient[i]!;
          return sub(w, mul(slope, learned ? given[i]! : (one.innerLr as number)));
        });
      }
      return [loss([...body, ...head], task.queryX, task.queryY), innerLosses];
    };
    const { value, gradient, auxiliary } = valueAndGrad(objective)({ start: params, rates });
    return [value, ...gradient.start, ...gradient.rates, stack(auxiliary)];
  };
  const compute = ({ params, rates, tasks }: ReferenceArguments): Tensor[] => {
    const [losses, ...rest] = vmap(perTask, [null, null, 0])(params, rates, tasks) as [Tensor, ...Tensor[]];
    const innerLosses = rest.pop()!;
    return [mean(losses), ...rest.map((gradient) => mean(gradient, 0)), losses, innerLosses];
  };
  const rates = learned ? (one.innerLr as readonly NestedNumbers[]) : [];
  return {
    name: one.name,
    compute,
    given: {
      params: suite.params.map(layout.param),
      rates: rates.map(layout.param),
      tasks: stacked(suite.tasks, layout),
    },
    expected: [
      result("meta-loss", [one.metaLoss]),
      ...gradientResults(
        "gradient of parameter",
        one.metaGradient.map((values) => layout.numbers(values)),
      ),
      ...gradientResults(
        "gradient of rates",
        (one.innerLrGradient ?? []).map((values) => layout.numbers(values)),
      ),
      result("query losses", flat(one.queryLossPerTask)),
      result("inner losses", flat(one.innerLossPerTask)),
    ],
  };
}

function protoCase(suite: Suite<ProtoCase>, one: ProtoCase, layout: Layout): ReferenceCase {
  const ways = Math.max(...suite.tasks.flatMap((task) => flat(task.supportY))) + 1;
  const encode = ([w1, b1, w2, b2]: readonly Tensor[], x: Tensor): Tensor => dense(relu(dense(x, w1!, b1!)), w2!, b2!);
  const unit = (x: Tensor): Tensor => div(x, sqrt(sum(mul(x, x), -1, { keepAxes: true })));
  const distances = (a: Tensor, b: Tensor): Tensor => {
    if (one.distance === "cosine") return sub(1, matmul(unit(a), swapLast(unit(b))));
    const apart = sub(expandAxis(a, 1), expandAxis(b, 0));
    return sum(mul(apart, apart), -1);
  };
  const perTask = (params: readonly Tensor[], task: Task): Tensor[] => {
    const objective = (given: readonly Tensor[]): readonly [Tensor, Tensor] => {
      const members = swapLast(oneHot(task.supportY, ways, task.supportX.dtype));
      const prototypes = div(matmul(members, encode(given, task.supportX)), sum(members, 1, { keepAxes: true }));
      const logProbabilities = logSoftmax(neg(distances(encode(given, task.queryX), prototypes)));
      return [negativeLogLikelihood(logProbabilities, task.queryY), logProbabilities];
    };
    const { value, gradient, auxiliary } = valueAndGrad(objective)(params);
    return [value, ...gradient, auxiliary];
  };
  const compute = ({ params, tasks }: ReferenceArguments): Tensor[] => {
    const [losses, ...rest] = vmap(perTask, [null, 0])(params, tasks) as [Tensor, ...Tensor[]];
    const logProbabilities = rest.pop()!;
    return [mean(losses), ...rest.map((gradient) => mean(gradient, 0)), losses, logProbabilities];
  };
  return {
    name: one.name,
    compute,
    given: { params: suite.params.map(layout.param), rates: [], tasks: stacked(suite.tasks, layout) },
    expected: [
      result("meta-loss", [one.metaLoss]),
      ...gradientResults("gradient of parameter", one.metaGradient.map(flat)),
      result("query losses", flat(one.queryLossPerTask)),
      result("log probabilities", flat(one.queryLogProbabilities)),
    ],
  };
}

/** How arrays of the file are laid out here: images and filters have their channels last. */
interface Layout {
  readonly param: (values: NestedNumbers) => Tensor;
  /** A gradient of a parameter, in the parameter's layout. */
  readonly numbers: (values: NestedNumbers) => number[];
  readonly x: (values: NestedNumbers) => Tensor;
  readonly y: (values: NestedNumbers) => Tensor;
}

const flat = (values: NestedNumbers): number[] => (typeof values === "number" ? [values] : values.flatMap(flat));
const numbersOf = (x: Tensor): number[] => Array.from(x.data as ArrayLike<number>);
const shapeOf = (values: NestedNumbers): number[] =>
  typeof values === "number" ? [] : [values.length, ...shapeOf(values[0] ?? 0)];

/** Numbers of rank 4 with their axes in another order; all others as they are. */
function permuted(
  values: NestedNumbers,
  order: readonly number[],
): { readonly data: Float64Array; readonly shape: number[] } {
  const shape = shapeOf(values);
  const numbers = flat(values);
  if (shape.length !== 4) return { data: Float64Array.from(numbers), shape };
  const out = order.map((axis) => shape[axis]!);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  const data = Float64Array.from(numbers, (_, index) => {
    let rest = index;
    let from = 0;
    for (let axis = 3; axis >= 0; axis--) {
      from += (rest % out[axis]!) * strides[order[axis]!]!;
      rest = Math.floor(rest / out[axis]!);
    }
    return numbers[from]!;
  });
  return { data, shape: out };
}

function layoutOf(float: FloatType, labels: "float" | "int32"): Layout {
  const make = (values: NestedNumbers, order: readonly number[]): Tensor => {
    const { data, shape } = permuted(values, order);
    return tensor(data, shape, float);
  };
  const filters = [2, 3, 1, 0];
  return {
    param: (values) => make(values, filters),
    numbers: (values) => [...permuted(values, filters).data],
    x: (values) => make(values, [0, 2, 3, 1]),
    y: (values) => tensor(values, undefined, labels === "float" ? float : "int32"),
  };
}

function stacked(tasks: readonly FileTask[], layout: Layout): Task {
  const all = (parts: readonly Tensor[]): Tensor => {
    const [first] = parts as [Tensor];
    const size = first.size;
    const values = new Float64Array(size * parts.length);
    parts.forEach((part, i) => {
      values.set(numbersOf(part), i * size);
    });
    return tensor(values, [parts.length, ...first.shape], first.dtype);
  };
  return {
    supportX: all(tasks.map((task) => layout.x(task.supportX))),
    supportY: all(tasks.map((task) => layout.y(task.supportY))),
    queryX: all(tasks.map((task) => layout.x(task.queryX))),
    queryY: all(tasks.map((task) => layout.y(task.queryY))),
  };
}

/** Every case of the file, in a float type. */
export function referenceCases({ suites }: ReferenceFile, float: FloatType): ReferenceCase[] {
  const regression = layoutOf(float, "float");
  const classification = layoutOf(float, "int32");
  const squaredError =
    (model: Model): Loss =>
    (params, x, y) => {
      const error = sub(model(params, x), y);
      return mean(mul(error, error));
    };
  const crossEntropy =
    (model: Model): Loss =>
    (params, x, y) =>
      negativeLogLikelihood(logSoftmax(model(params, x)), y);
  const strided = convNet(
    (x, filters) => conv2d(x, filters, { stride: 2, padding: 1 }),
    (x) => x,
  );
  const pooled = convNet(
    (x, filters) => conv2d(x, filters, { padding: 1 }),
    (x) => maxPool2d(x, 2),
  );
  return [
    ...suites.mlpRegression.cases.map((one) =>
      adaptationCase(suites.mlpRegression, one, squaredError(mlp(one.activation === "relu" ? relu : tanh)), regression),
    ),
    ...suites.convStride.cases.map((one) =>
      adaptationCase(suites.convStride, one, crossEntropy(strided), classification),
    ),
    ...suites.convPool.cases.map((one) => adaptationCase(suites.convPool, one, crossEntropy(pooled), classification)),
    ...suites.protoNet.cases.map((one) => protoCase(suites.protoNet, one, classification)),
  ];
}
