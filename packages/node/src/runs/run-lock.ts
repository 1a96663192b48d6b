/** One process at a time trains in a run folder. */
import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readFileSync, readlinkSync, rmSync, statSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RunError } from "@innerloop/experiments";
import { mostBytes, shown, UntrustedFolder } from "./untrusted-folder.js";

/** Who holds a lock. The start time tells a process from a later one that was given the same id. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string;
  /** The running system and its namespace of process ids, where both are known: only within them an id is a process. */
  readonly space?: string;
  /** Whether the lock's file is written again every so often, as long as its process is there. */
  readonly renewed?: boolean;
}

/** The right to write to a run folder, which one process at a time has. */
export interface RunLock {
  /** Also called when the process ends, unless it is killed: what a killed process leaves is recognised as such. */
  release(): void;
  /** @throws RunError ILN02 where the lock was removed: another process may be training */
  requireHeld(): void;
}

const renewEveryMs = 10_000;
/** A lock that was not renewed for so long has no process any more. */
const staleAfterMs = 18 * renewEveryMs;

const lockName = /^lock-[0-9a-f]{1,32}\.json$/;
const unfinishedName = /^lock-[0-9a-f]{1,32}\.json\.partial-[0-9a-f-]{1,40}$/;

export const isLockFile = (name: string): boolean => name.startsWith("lock-");

/**
 * Makes this process the only one that trains in the folder.
 *
 * Each process puts up a file of its own, and only then looks for those of others: of two that come at once, one at
 * least sees the other. A file whose process has died counts for nothing, and is removed by whoever gets the lock. Of a
 * process on another machine or in another container nobody can tell whether it is there: its file counts as long as it
 * is renewed.
 *
 * @throws RunError ILN02 where another process does, ILN03 where the lock cannot be written
 */
export async function lockRun(path: string): Promise<RunLock> {
  const folder = UntrustedFolder.open(path);
  if (!folder) throw new RunError("ILN01", shown(path), "there is no such folder", "Check the path");
  const mine: Holder = {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid) ?? "",
    ...spaceOfProcess(),
    renewed: true,
  };
  const content = JSON.stringify(mine);
  const name = `lock-${randomBytes(8).toString("hex")}.json`;
  let other: Holder | undefined;
  for (let attempt = 0; attempt < 4; attempt++) {
    // Two that came at once have both stepped back: they try again at different times.
    if (attempt > 0) await wait(20 + 80 * Math.random());
    await folder.write(name, content);
    // Times of one disk are compared with one another: its clock need not be that of this machine.
    const now = (await folder.writtenAt(name)) ?? Date.now();
    const dead: string[] = [];
    other = undefined;
    for (const found of await folder.list()) {
      const unfinished = unfinishedName.test(found);
      if (found === name || !(unfinished || lockName.test(found))) continue;
      const writtenAt = await folder.writtenAt(found);
      if (writtenAt === undefined) continue; // released
      const age = now - writtenAt;
      const holder = parse(await folder.read(found, mostBytes.lock));
      // A lock that is being written is nobody's yet; its process puts it up and then finds this one.
      if (
        unfinished
          ? age > staleAfterMs || (holder && !isAlive(holder, mine, age))
          : !holder || !isAlive(holder, mine, age)
      )
        dead.push(found);
      else if (!unfinished) other = holder;
    }
    if (!other) {
      for (const left of dead) await folder.remove(left);
      return lockOf(join(path, name), content);
    }
    await folder.remove(name);
  }
  const { pid, host, space } = other!;
  const elsewhere = host !== mine.host || space !== mine.space;
  const since = elsewhere ? `, or was less than ${staleAfterMs / 60_000} minutes ago` : "";
  const remedy = "Wait for it or stop it; delete the folder's lock-*.json if you are sure that it does not run";
  throw new RunError("ILN02", shown(path), `process ${pid} on ${host} is training this run${since}`, remedy);
}

function lockOf(file: string, content: string): RunLock {
  const renewal = setInterval(() => {
    try {
      renew(file, content);
    } catch {
      // Whether it is still there is asked before anything is written.
    }
  }, renewEveryMs);
  renewal.unref();
  const release = (): void => {
    clearInterval(renewal);
    process.off("exit", release);
    try {
      rmSync(file, { force: true });
    } catch {
      // A disk that has become read-only: the lock is recognised as that of a process that has ended.
    }
  };
  process.on("exit", release);
  return {
    release,
    requireHeld: () => {
      if (statSync(file, { throwIfNoEntry: false })) return;
      throw new RunError(
        "ILN02",
        shown(file),
        "the lock of this process was removed, and another process may be training the run",
        "See that none is, and continue with `innerloop train --resume`",
      );
    },
  };
}

/**
 * Writes a lock over itself, so that the disk dates it by its own clock, as it does when another process puts up a lock to
 * compare it with. That of this machine may be behind by more than a lock lasts.
 */
function renew(file: string, content: string): void {
  const { O_WRONLY, O_NOFOLLOW = 0 } = constants;
  const descriptor = openSync(file, O_WRONLY | O_NOFOLLOW);
  try {
    writeSync(descriptor, content, 0);
  } finally {
    closeSync(descriptor);
  }
}

function parse(bytes: Uint8Array | undefined): Holder | undefined {
  try {
    const { pid, host, started, space, renewed } = Object(
      JSON.parse(Buffer.from(bytes ?? []).toString("utf8")),
    ) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || pid! <= 0 || typeof host !== "string" || typeof started !== "string")
      return undefined;
    return { pid: pid!, host, started, ...(typeof space === "string" ? { space } : {}), renewed: renewed === true };
  } catch {
    return undefined; // a disk that lost its content with the power
  }
}

/** @param age milliseconds since the lock was put up or renewed */
function isAlive({ pid, host, started, space, renewed }: Holder, mine: Holder, age: number): boolean {
  // Locks of before there were spaces are told by the host alone.
  const isHere = host === mine.host && (space === undefined || mine.space === undefined || space === mine.space);
  if (!isHere) return !renewed || age < staleAfterMs;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
  }
  const now = startOf(pid);
  return now === undefined || now === started;
}

/**
 * When a process started, in the kernel's clock ticks; undefined where there is no /proc. One that has ended keeps its id until
 * its parent asks, which the first process of a container may never do: of it, "ended".
 */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "ended" : fields[19];
  } catch {
    return undefined;
  }
}

/** What system and namespace of process ids this process is in; nothing where there is no /proc. */
function spaceOfProcess(): { readonly space?: string } {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { space: `${boot} ${readlinkSync("/proc/self/ns/pid")}` };
  } catch {
    return {};
  }
}
