// What the second-order term is worth: MAML and FOMAML from one start, judged on the same held-out tasks.
import { fileURLToPath } from "node:url";
import { adam, estimated, fomaml, maml, meanSquaredError, mlp, sgd, sinusoids, train } from "innerloop";

export async function main({ iterations = 1000, evaluationTasks = 600 } = {}) {
  const model = mlp({ sizes: [1, 40, 40, 1] });
  const options = { model, loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }), steps: 5 };
  const results = [];
  for (const learner of [maml(options), fomaml(options)]) {
    const started = performance.now();
    const run = await train({
      learner,
      tasks: sinusoids({ shots: 10 }),
      optimizer: adam({ learningRate: 1e-3 }),
      metaBatchSize: 25,
      iterations,
    });
    const msPerUpdate = (performance.now() - started) / iterations;
    const { rows, values } = await run.evaluate({ count: evaluationTasks, steps: [5] });
    const { mean, interval } = rows[0]!.figures.loss!;
    console.log(
      `${learner.name.padEnd(6)}  ${mean.toFixed(3)} +- ${interval.toFixed(3)}  ${msPerUpdate.toFixed(1)} ms per update`,
    );
    results.push({ name: learner.name, losses: values[0]!.loss! });
  }
  // Task by task, since both met the same tasks: far sharper than the difference of two means.
  const [second, first] = results;
  const difference = estimated(first!.losses.map((value, task) => value - second!.losses[task]!));
  console.log(`FOMAML minus MAML, paired  ${difference.mean.toFixed(3)} +- ${difference.interval.toFixed(3)}`);
  return { results, difference };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
