import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isSystemError } from "../data/data-error.js";
import { RunError } from "./run-error.js";

/** Who holds a lock. The start time tells a process from a later one that was given the same id. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string;
}

/** The right to write to a run folder, which one process at a time has. */
export interface RunLock {
  /** Also called when the process ends, unless it is killed: what a killed process leaves is recognised as such. */
  release(): void;
}

const lockName = /^lock-[0-9a-f]+\.json$/;

export const isLockFile = (name: string): boolean => name.startsWith("lock-");

/**
 * Makes this process the only one that trains in the folder.
 *
 * Each process puts up a file of its own, and only then looks for those of others: of two that come at once, one at
 * least sees the other. A file whose process has died counts for nothing, and is removed by whoever gets the lock.
 *
 * @throws RunError ILN02 where another process does
 */
export async function lockRun(folder: string): Promise<RunLock> {
  const mine: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? "" };
  const name = `lock-${randomBytes(8).toString("hex")}.json`;
  const file = join(folder, name);
  let other: Holder | undefined;
  for (let attempt = 0; attempt < 4; attempt++) {
    // Two that came at once have both stepped back: they try again at different times.
    if (attempt > 0) await wait(20 + 80 * Math.random());
    await writeFile(`${file}.partial-0`, JSON.stringify(mine));
    await rename(`${file}.partial-0`, file);
    const dead: string[] = [];
    other = undefined;
    for (const found of await readdir(folder)) {
      if (!lockName.test(found) || found === name) continue;
      const holder = await readHolder(join(folder, found));
      if (holder === "released") continue;
      if (holder && isAlive(holder)) other = holder;
      else dead.push(found);
    }
    if (!other) {
      for (const left of dead) await rm(join(folder, left), { force: true });
      return lockOf(file);
    }
    await rm(file, { force: true });
  }
  const remedy = "Wait for it or stop it; delete the folder's lock-*.json if you are sure that it does not run";
  throw new RunError("ILN02", folder, `process ${other!.pid} on ${other!.host} is training this run`, remedy);
}

function lockOf(file: string): RunLock {
  const release = (): void => {
    process.off("exit", release);
    rmSync(file, { force: true });
  };
  process.on("exit", release);
  return { release };
}

async function readHolder(file: string): Promise<Holder | "released" | undefined> {
  try {
    return parse(await readFile(file, "utf8"));
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return "released";
    throw error;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, host, started } = Object(JSON.parse(text)) as Partial<Holder>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof started !== "string") return undefined;
    return { pid, host, started };
  } catch {
    return undefined; // a disk that lost its content with the power
  }
}

/** A holder on another machine (a shared disk) counts as alive: there is no telling. */
function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isSystemError(error) && error.code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now === undefined || now === started;
}

/** When a process started, in the kernel's clock ticks; undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
