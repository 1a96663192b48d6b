import { key } from "@innerloop/core";
import { meanMetaGradient } from "@innerloop/core/learners";
import { taskBatch } from "@innerloop/core/training";
import {
  compile,
  type Executor,
  encode,
  type LoweredModel,
  lower,
  matmul,
  type OnnxNode,
  simplifyGraph,
  type Tensor,
  type Tree,
  tensor,
  trace,
  type Value,
} from "@innerloop/graph";
import { learnerOf, type Problem, tasksOf } from "./problem.js";
import { median } from "./statistics.js";

/** GFLOP/s of 1024^3 products, one in each worker at the same time: asked again in every round. */
export async function matmulPeak(on: Executor): Promise<() => Promise<number>> {
  const size = 1024;
  const a = tensor(new Float32Array(size * size).fill(0.01), [size, size]);
  const product = await compile((x: Tensor, y: Tensor) => matmul(x, y), { executor: on }).prepare(a, a);
  const all = () => Promise.all(Array.from({ length: on.parallelism }, () => product.run(a, a)));
  await all();
  return async () => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      await all();
      times.push(performance.now() - start);
    }
    return (2 * size ** 3 * on.parallelism) / median(times) / 1e6;
  };
}

/**
 * The matrix products of a meta-gradient and nothing else, of the very shapes that we run: milliseconds for a whole
 * meta-step, chunks side by side as in a real one. The operands lie ready, and onnxruntime packs constant right ones
 * when it loads: a real step cannot quite get there.
 */
export async function bareProducts(problem: Problem, chunkSize: number, on: Executor): Promise<() => Promise<number>> {
  const learner = learnerOf(problem);
  const batch = taskBatch(tasksOf(problem), 1, 0, chunkSize);
  const program = (params: Tree, { tasks, keys }: typeof batch): Tree =>
    meanMetaGradient(learner, params, tasks, keys).gradient;
  const { graph } = trace(program, [learner.init(key(0)), batch]);
  const { model, outputs } = productsOf(lower(simplifyGraph(graph), on.profile));
  const session = await on.load(encode(model), [], outputs);
  const chunks = Math.ceil(problem.tasks / chunkSize);
  const all = () => Promise.all(Array.from({ length: chunks }, () => session.run([])));
  await all();
  return async () => {
    const start = performance.now();
    await all();
    return performance.now() - start;
  };
}

/** The products of a model with constants of their operands' shapes. Their shapes are the output, so that all of them run. */
export function productsOf({ nodes }: LoweredModel): {
  readonly model: LoweredModel;
  readonly outputs: readonly Value[];
} {
  const operands = new Map<string, Value>();
  const operand = (like: Value): Value => {
    const name = `operand_${like.shape.join("_")}`;
    const size = like.shape.reduce((a, b) => a * b, 1);
    const known = operands.get(name) ?? { ...like, name, data: new Float32Array(size).fill(0.01) };
    operands.set(name, known);
    return known;
  };
  const value = (name: string, shape: readonly number[], dtype: Value["dtype"]): Value => ({
    name,
    shape,
    dtype,
    data: undefined,
  });
  const products = nodes
    .filter(({ operator }) => operator === "MatMul" || operator === "FusedMatMul")
    .map((node, i): OnnxNode => {
      const output = value(`product${i}`, node.output.shape, node.output.dtype);
      return { ...node, inputs: node.inputs.map(operand), output };
    });
  const shapes = products.map(({ output }, i): OnnxNode => {
    const shape = value(`shape${i}`, [output.shape.length], "int64");
    return { operator: "Shape", domain: "", inputs: [output], output: shape, attributes: {} };
  });
  const total = shapes.reduce((sum, { output }) => sum + output.shape[0]!, 0);
  const all = value("output0", [total], "int64");
  const joined: OnnxNode = {
    operator: "Concat",
    domain: "",
    inputs: shapes.map(({ output }) => output),
    output: all,
    attributes: { axis: 0 },
  };
  // Each shape is taken right after its product, so that the product's memory is free for the next.
  const interleaved = products.flatMap((product, i) => [product, shapes[i]!]);
  const model = { nodes: [...interleaved, joined], initializers: [...operands.values()], inputs: [], outputs: [all] };
  return { model, outputs: [all] };
}
