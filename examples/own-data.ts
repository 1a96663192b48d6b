// Few-shot classification of one's own arrays: classes are split, so that those at the end were never trained on.
import { fileURLToPath } from "node:url";
import {
  adam,
  anil,
  crossEntropy,
  episodes,
  labelledExamples,
  mlp,
  predictedClasses,
  random,
  sgd,
  splitClasses,
  toNumbers,
  train,
} from "innerloop";

/** Stands for your own data: 60 kinds of signal, 20 recordings of each, 16 numbers a recording. */
function recordings() {
  return Array.from({ length: 60 }, (_, kind) => {
    const source = random(1, kind);
    const [frequency, phase, bend] = [source.uniform(0.2, 1.2), source.uniform(0, 6), source.uniform(-1, 1)];
    const examples = Array.from({ length: 20 }, () =>
      Array.from({ length: 16 }, (_, t) => Math.sin(frequency * t + phase) + (bend * t) / 16 + source.normal(0, 0.3)),
    );
    return { name: `kind ${kind}`, examples };
  });
}

export async function main({ iterations = 300, evaluationTasks = 200 } = {}) {
  const data = labelledExamples({ name: "signals", exampleShape: [16], classes: recordings() });
  const classes = splitClasses(data, { train: 40, test: 20 }, 1);
  const shape = { ways: 5, shots: 1, queries: 5 };
  const heldOut = episodes(classes.test, shape);
  const run = await train({
    learner: anil({
      model: mlp({ sizes: [16, 64, 64, 5] }),
      loss: crossEntropy,
      inner: sgd({ learningRate: 0.2 }),
      steps: 3,
    }),
    tasks: episodes(classes.train, shape),
    optimizer: adam({ learningRate: 2e-3 }),
    metaBatchSize: 8,
    iterations,
  });

  const { rows } = await run.evaluate({ tasks: heldOut, count: evaluationTasks, steps: [0, 3, 10] });
  for (const { steps, figures } of rows) {
    const { mean, interval } = figures.accuracy!;
    console.log(
      `${steps} steps: ${(100 * mean).toFixed(1)} +- ${(100 * interval).toFixed(1)}% of five kinds, one example each`,
    );
  }

  // One task in full: five labelled recordings, and the kinds that it then sees in others.
  const { support, query } = heldOut.sample(2, 0);
  const task = await run.adapt(support, { steps: 10 });
  const predicted = predictedClasses(await task.predict(query.x));
  console.log(`kinds      ${toNumbers(query.y).join(" ")}\npredicted  ${predicted.join(" ")}`);
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
