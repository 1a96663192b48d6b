import {
  adam,
  type CheckpointStore,
  maml,
  meanSquaredError,
  mlp,
  sgd,
  sinusoids,
  type TrainingEvent,
  type TrainOptions,
} from "@innerloop/core";
import type { Executor, Tree } from "@innerloop/graph";

/** A small sinusoid run: a second is enough for hundreds of updates. */
export const sinusoidRun = (executor: Executor) =>
  ({
    learner: maml({
      model: mlp({ sizes: [1, 16, 16, 1], activation: "tanh" }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.02 }),
    }),
    tasks: sinusoids({ shots: 10 }),
    optimizer: adam({ learningRate: 3e-3 }),
    metaBatchSize: 8,
    iterations: 20,
    seed: 3,
    executor,
  }) satisfies TrainOptions<Tree>;

/** Checkpoints in memory, with every version that was ever saved. */
export class MemoryStore implements CheckpointStore {
  readonly saved: { readonly name: "last" | "best"; readonly bytes: Uint8Array }[] = [];

  load(name: "last" | "best"): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.saved.findLast((one) => one.name === name)?.bytes);
  }

  save(name: "last" | "best", bytes: Uint8Array): Promise<void> {
    this.saved.push({ name, bytes });
    return Promise.resolve();
  }
}

/** An event as one line, for the order in which they come. */
export const lineOf = (event: TrainingEvent): string =>
  event.type === "end" ? `end ${event.iteration} ${event.reason}` : `${event.type} ${event.iteration}`;
