/** In Node: the executor of @innerloop/node, for those who pass none. */

import { offerExecutor, offerSaving } from "@innerloop/core/training";

// Loaded when a training or prediction first needs it: whoever only describes a learner starts no engine. Bundlers do not
// follow a name that is data: the engine and its worker are files of their own, and a bundle finds them where it is
// installed, by the one package that the user's package.json names.
const engine: string = "innerloop/node";

/** The package @innerloop/node. */
export const machine = (): Promise<typeof import("@innerloop/node")> =>
  import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ engine) as Promise<
    typeof import("@innerloop/node")
  >;

const exportedFolders: string = "innerloop/exported";

/** What of it loads exported folders, which is far less. */
export const exportedMachine = (): Promise<typeof import("@innerloop/node/exported")> =>
  import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ exportedFolders) as Promise<
    typeof import("@innerloop/node/exported")
  >;

offerExecutor(async () => (await machine()).createExecutor());
offerSaving(async (run, folder) => (await machine()).saveRun(run, folder));
