/** Small runs of a folder that are trained by the command, exported and verified. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
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

/** What config.json tells, as far as tests change it. */
export interface ToldExport {
  inputs: Record<string, unknown> & { shape: number[]; backbone: Record<string, unknown> };
  files: Record<string, { sha256: string; bytes: number }>;
}

/** The files of a folder by their names below it. */
export async function filesIn(folder: string): Promise<Record<string, Uint8Array>> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  const entries = names.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path.slice(folder.length + 1), new Uint8Array(await readFile(path))] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The files of an exported folder with others among them, each as config.json then tells it. */
export async function changedExport(
  folder: string,
  change: (told: ToldExport, files: Record<string, Uint8Array>) => void,
): Promise<Record<string, Uint8Array>> {
  const files = await filesIn(folder);
  const config = JSON.parse(new TextDecoder().decode(files["config.json"])) as { innerloop: ToldExport };
  change(config.innerloop, files);
  for (const name of Object.keys(config.innerloop.files)) {
    const bytes = files[name];
    if (bytes)
      config.innerloop.files[name] = {
        sha256: createHash("sha256").update(bytes).digest("hex"),
        bytes: bytes.length,
      };
  }
  return { ...files, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
}
