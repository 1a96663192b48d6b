// A layer and a loss of one's own: both are plain functions of tensors, and everything else works with them as it is.
import { fileURLToPath } from "node:url";
import { adam, type Layer, type Loss, maml, presentMean, randomOf, sgd, sinusoids, split, train } from "innerloop";
import { add, matmul, sin, softplus, sub, type Tensor, tensor } from "innerloop/graph";
import { linear, sequential } from "innerloop/layers";

/** sin(x W + b): a layer that is made of waves. */
function waves(inputs: number, outputs: number): Layer<{ weight: Tensor; bias: Tensor }> {
  return {
    init: (key) => {
      const random = randomOf(split(key, "weight"));
      const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal());
      return { weight: tensor(numbers(inputs * outputs), [inputs, outputs]), bias: tensor(numbers(outputs)) };
    },
    apply: ({ weight, bias }, x) => sin(add(matmul(x, weight), bias)),
  };
}

/** log(cosh(error)): a parabola where the error is small, a straight line where it is large. */
const logCosh: Loss = (prediction, y, present) => {
  const error = sub(prediction, y);
  // The mean over the rows that are there: tasks of many sizes are padded to one.
  return presentMean(sub(softplus(add(error, error)), add(error, Math.LN2)), present);
};

export async function main({ iterations = 500, evaluationTasks = 200 } = {}) {
  const model = sequential([waves(1, 40), linear({ inputs: 40, outputs: 1 })]);
  const run = await train({
    learner: maml({ model, loss: logCosh, inner: sgd({ learningRate: 0.05 }), steps: 2 }),
    tasks: sinusoids({ shots: 10 }),
    optimizer: adam({ learningRate: 3e-3 }),
    metaBatchSize: 16,
    iterations,
  });
  const { rows } = await run.evaluate({ count: evaluationTasks, steps: [0, 2, 10] });
  for (const { steps, figures } of rows) {
    console.log(`${steps} steps: ${figures.loss!.mean.toFixed(3)} +- ${figures.loss!.interval.toFixed(3)}`);
  }
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
