// A small training, the same in Node and in a page: whoever imports it has its own executor.
import { adam, maml, meanSquaredError, mlp, sgd, sinusoids, toNumbers, train } from "innerloop";

/** Twenty updates of MAML on sine waves: the loss of each, an adapted curve and figures of held-out waves. */
export async function trainedSinusoids(executor) {
  const learner = maml({
    model: mlp({ sizes: [1, 40, 40, 1] }),
    loss: meanSquaredError,
    inner: sgd({ learningRate: 0.01 }),
    steps: 1,
  });
  const losses = [];
  const run = await train({
    learner,
    tasks: sinusoids({ shots: 10 }),
    optimizer: adam({ learningRate: 1e-3 }),
    metaBatchSize: 4,
    iterations: 20,
    onEvent: (event) => event.type === "iteration" && losses.push(event.loss),
    ...(executor && { executor }),
  });
  const x = [-4, -2, 0, 2, 4].map((at) => [at]);
  const task = await run.adapt({ x, y: x.map(([at]) => [3 * Math.sin(at - 1)]) }, { steps: 5 });
  const curve = toNumbers(await task.predict([[-3], [-1], [1], [3]]));
  const { rows } = await run.evaluate({ count: 20, steps: [0, 1, 5] });
  return { losses, curve, errors: rows.map(({ figures }) => figures.loss.mean) };
}
