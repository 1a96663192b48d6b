/** In Node: the executor of @innerloop/node, for those who pass none. */

import { offerExecutor } from "@innerloop/core/training";
import type { Executor } from "@innerloop/graph";

// Loaded when a training or prediction first needs it: whoever only describes a learner starts no engine. Bundlers do not
// follow a name that is data: the engine and its worker are files of their own, and a bundle finds them where it is
// installed, by the one package that the user's package.json names.
const engine: string = "innerloop/node";

offerExecutor(async () => {
  const found = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ engine)) as {
    readonly createExecutor: () => Executor;
  };
  return found.createExecutor();
});
