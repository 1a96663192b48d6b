/** Programs of a learner on an executor: made once, since every update collects anew. */
import type { Executor } from "@innerloop/graph";
import type { CollectingLearner } from "../../tasks/task.js";

/** Programs by executor and learner, each made when it is first asked for. */
export function learnerPrograms<P>(
  made: (executor: Executor, learner: CollectingLearner) => P,
): (executor: Executor, learner: CollectingLearner) => P {
  const known = new WeakMap<Executor, WeakMap<CollectingLearner, P>>();
  return (executor, learner) => {
    const ofExecutor = known.get(executor) ?? new WeakMap<CollectingLearner, P>();
    known.set(executor, ofExecutor);
    const programs = ofExecutor.get(learner) ?? made(executor, learner);
    ofExecutor.set(learner, programs);
    return programs;
  };
}
