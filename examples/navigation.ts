// A policy that adapts after one handful of episodes: 2D navigation, as in MAML.
import { fileURLToPath } from "node:url";
import { evaluate, maml, sgd, train } from "innerloop";
import { navigation2d, policyCollector, policyNetwork, policySurrogate, trustRegion } from "innerloop/reinforcement";

export async function main({ iterations = 60, evaluationTasks = 40, episodes = 20 } = {}) {
  const family = navigation2d();
  const learner = maml({
    model: policyNetwork(family),
    loss: policySurrogate(family.action),
    inner: sgd({ learningRate: 0.5 }),
    steps: 1,
    minibatch: { size: episodes },
  });
  const tasks = policyCollector({ family, episodes });
  const { params } = await train({
    learner,
    tasks,
    optimizer: trustRegion(family.action),
    metaBatchSize: 20,
    iterations,
  });
  const { rows } = await evaluate({ learner, params, tasks, count: evaluationTasks, steps: [0, 1, 2] });
  for (const { steps, figures } of rows)
    console.log(
      `return after ${steps} steps  ${figures.return!.mean.toFixed(1)} +- ${figures.return!.interval.toFixed(1)}`,
    );
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
