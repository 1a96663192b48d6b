import type { Tree } from "@innerloop/graph";
import { TrainingError } from "../training/training-error.js";
import type { RunParts } from "./run.js";

type SaveRun = (run: RunParts<Tree, Tree, Tree, Tree>, folder: string) => Promise<void>;

let offered: SaveRun | undefined;

/** Offers a way to write runs into folders. The packages innerloop and @innerloop/node do so in Node. */
export function offerSaving(save: SaveRun): void {
  offered = save;
}

/** @internal @throws TrainingError ILR108 where nobody has offered to */
export function saveRun(run: RunParts<Tree, Tree, Tree, Tree>, folder: string): Promise<void> {
  if (offered) return offered(run, folder);
  const problem = "there is no file system to save to";
  const remedy = 'In Node: import from "innerloop". Elsewhere: encodeCheckpoint makes bytes of the parameters';
  return Promise.reject(new TrainingError("ILR108", "run.save", problem, remedy));
}
