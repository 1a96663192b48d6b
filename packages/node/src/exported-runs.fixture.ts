/** Small runs of a folder that are trained by the command, exported and verified. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Flags } from "@innerloop/experiments";
import { collected } from "./cli/collected-output.fixture.js";
import { exportCommand, verifyCommand } from "./cli/commands/export-command.js";
import type { InvocationOptions } from "./cli/commands/registry.js";
import { trainCommand } from "./cli/commands/train-command.js";

/** A folder of its own for runs, and what is done with them by name. */
export async function exportedRuns(name: string) {
  const folder = await mkdtemp(join(tmpdir(), `innerloop-${name}-`));
  const inFolder = (each: string): string => join(folder, each);
  return {
    folder,
    inFolder,
    remove: () => rm(folder, { recursive: true, force: true }),
    /** Trains for three updates, unless told otherwise. */
    async train(run: string, target: string | undefined, chosen: Flags): Promise<void> {
      const small = { iterations: 3, metaBatch: 1, validateEvery: 0, workers: 1, evalSteps: [0, 3] };
      await trainCommand(
        { target, chosen: { ...small, ...chosen }, invocation: { run: inFolder(run), skipEvaluation: true } },
        collected().output,
      );
    },
    /** Writes `exported-RUN`. @returns what the command says */
    async exported(run: string, invocation: InvocationOptions = {}): Promise<string> {
      const { output, text } = collected();
      const out = inFolder(`exported-${run}`);
      await exportCommand(
        { folder: inFolder(run), chosen: { workers: 1 }, invocation: { out, ...invocation } },
        output,
      );
      return text();
    },
    async verified(each: string): Promise<string> {
      const { output, text } = collected();
      await verifyCommand(inFolder(each), output);
      return text();
    },
  };
}
