// Learns to learn sine waves from ten points, then meets a wave of its own: npm run build && node examples/dist/sinusoid.js
import { fileURLToPath } from "node:url";
import { adam, maml, meanSquaredError, mlp, sgd, sinusoids, toNumbers, train } from "innerloop";

export async function main({ iterations = 2000, evaluationTasks = 600 } = {}) {
  const learner = maml({
    model: mlp({ sizes: [1, 40, 40, 1] }),
    loss: meanSquaredError,
    inner: sgd({ learningRate: 0.01 }),
    steps: 1,
  });
  const run = await train({
    learner,
    tasks: sinusoids({ shots: 10 }),
    optimizer: adam({ learningRate: 1e-3 }),
    metaBatchSize: 25,
    iterations,
  });

  // Ten points of a wave that it has never seen.
  const wave = (x: number) => 3 * Math.sin(x - 1);
  const x = [-4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5].map((at) => [at]);
  const y = x.map(([at]) => [wave(at!)]);
  const grid = [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((at) => [at]);
  const untouched = await run.adapt({ x, y }, { steps: 0 });
  const task = await run.adapt({ x, y }, { steps: 10 });
  const before = toNumbers(await untouched.predict(grid));
  const curve = toNumbers(await task.predict(grid));

  console.log("     x   wave  before   after ten steps");
  grid.forEach(([at], i) => {
    const columns = [at!, wave(at!), before[i]!, curve[i]!];
    console.log(columns.map((value) => value.toFixed(2).padStart(7)).join(" "));
  });

  const { rows } = await run.evaluate({ count: evaluationTasks, steps: [0, 1, 10] });
  console.log(`\nmean squared error on ${evaluationTasks} held-out waves, 95% interval`);
  for (const { steps, figures } of rows) {
    console.log(
      `${String(steps).padStart(3)} steps  ${figures.loss!.mean.toFixed(3)} +- ${figures.loss!.interval.toFixed(3)}`,
    );
  }
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
