/** events.jsonl: what happened in a run, a line of JSON each. */
import { closeSync, fsyncSync, writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { EventLog, RunEvent } from "@innerloop/experiments";
import { writeFully } from "../data/store/atomic-write.js";
import { mostBytes, onRun, type UntrustedFolder, unwritable } from "./untrusted-folder.js";

const eventFile = "events.jsonl";

/** A longer line is no event of ours. */
const longestLine = 2 ** 18;

/** So often an open log looks whether its folder is still there. */
const lookEveryMs = 1000;

/**
 * Opens events.jsonl to append to. Events of iterations after `lastIteration` and a torn last line are dropped: they
 * are about updates that a checkpoint does not hold, and that will be made again.
 *
 * @throws RunError ILN03, ILN09 or ILN10 where it cannot be written, here and while events are appended
 */
export async function openEventLog(folder: UntrustedFolder, lastIteration: number): Promise<EventLog> {
  const isKept = ({ iteration = 0 }: RunEvent): boolean => iteration <= lastIteration;
  let dropped = 0;
  const torn = await eachEvent(folder, (event) => {
    if (!isKept(event)) dropped++;
  });
  if (torn || dropped > 0) await folder.write(eventFile, (handle) => copyEvents(folder, handle, isKept));
  let open: number | undefined = await folder.openToAppend(eventFile);
  let lookedAt = Date.now();
  const writing = (operation: (descriptor: number) => void): void => {
    if (open === undefined) return;
    try {
      operation(open);
    } catch (error) {
      throw unwritable(folder.path, error);
    }
  };
  return {
    append: (event) => {
      const at = Date.now();
      if (at - lookedAt > lookEveryMs) {
        folder.requireThere();
        lookedAt = at;
      }
      writing((descriptor) => appendFully(descriptor, `${JSON.stringify({ ...event, at })}\n`));
    },
    flush: () => writing(fsyncSync),
    close: () => {
      if (open !== undefined) closeSync(open);
      open = undefined;
    },
  };
}

/** `writeSync` may write less than all, as where a disk fills up. */
function appendFully(descriptor: number, line: string): void {
  const bytes = Buffer.from(line);
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

async function copyEvents(
  folder: UntrustedFolder,
  handle: FileHandle,
  isKept: (event: RunEvent) => boolean,
): Promise<void> {
  let lines: string[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    await onRun(folder.path, () => writeFully(handle, Buffer.from(lines.join(""))));
    [lines, size] = [[], 0];
  };
  await eachEvent(folder, async (event, line) => {
    if (!isKept(event)) return;
    lines.push(`${line}\n`);
    size += line.length;
    if (size > 2 ** 20) await flush();
  });
  await flush();
}

/** Most text of events that is kept in memory at once: that of some 150,000 updates. */
const mostText = 16 * 2 ** 20;

/**
 * The events of a run so far; a line that is not one (being written, or damaged) is left out. Of a log that is larger
 * than memory should hold, every second, fourth ... event of the most frequent types, and the last of each type.
 */
export async function readEvents(folder: UntrustedFolder): Promise<readonly RunEvent[]> {
  const groups = new Map<string, EventGroup>();
  let order = 0;
  let total = 0;
  await eachEvent(folder, (event, { length }) => {
    const name = knownTypes.includes(event.type) ? event.type : "other";
    let group = groups.get(name);
    if (!group) {
      group = { stride: 1, seen: 0, length: 0, kept: [], last: undefined };
      groups.set(name, group);
    }
    const entry = { event, order: order++, length };
    if (group.seen++ % group.stride !== 0) {
      group.last = entry;
      return;
    }
    group.last = undefined;
    group.kept.push(entry);
    group.length += length;
    total += length;
    while (total > mostText) {
      const largest = [...groups.values()].reduce((a, b) => (a.length >= b.length ? a : b));
      total -= thin(largest);
    }
  });
  return [...groups.values()]
    .flatMap(({ kept, last }) => (last ? [...kept, last] : kept))
    .sort((a, b) => a.order - b.order)
    .map(({ event }) => event);
}

const knownTypes: readonly string[] = ["start", "iteration", "validation", "checkpoint", "warning", "end"];

interface KeptEvent {
  readonly event: RunEvent;
  readonly order: number;
  /** Characters of its line. */
  readonly length: number;
}

/** Events of one type: every `stride`-th, and the last. */
interface EventGroup {
  stride: number;
  seen: number;
  length: number;
  kept: KeptEvent[];
  last: KeptEvent | undefined;
}

/** Drops every second event of a group. Returns the characters by which it is shorter. */
function thin(group: EventGroup): number {
  const before = group.length;
  group.stride *= 2;
  group.last ??= group.kept.length % 2 === 0 ? group.kept.at(-1) : undefined;
  group.kept = group.kept.filter((_, i) => i % 2 === 0);
  group.length = group.kept.reduce((sum, { length }) => sum + length, 0);
  return before - group.length;
}

/**
 * Calls `visit` for each line that is an event.
 *
 * @returns whether there was anything else, or a last line without its end
 */
async function eachEvent(
  folder: UntrustedFolder,
  visit: (event: RunEvent, line: string) => void | Promise<void>,
): Promise<boolean> {
  let torn = false;
  const take = (bytes: Uint8Array): void | Promise<void> => {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    const event = parse(line);
    if (event) return visit(event, line);
    torn = true;
  };
  await folder.use(eventFile, mostBytes.events, async (handle) => {
    const chunk = new Uint8Array(2 ** 20);
    /** The beginning of a line whose end is not read yet; undefined while a line is skipped that is too long. */
    let begun: Uint8Array | undefined = new Uint8Array(0);
    for (let place = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, place);
      if (bytesRead === 0) break;
      place += bytesRead;
      let from = 0;
      for (;;) {
        const end = chunk.subarray(0, bytesRead).indexOf(0x0a, from);
        if (end < 0) break;
        const rest = chunk.subarray(from, end);
        if (begun === undefined) torn = true;
        else {
          const waiting = take(begun.length > 0 ? Buffer.concat([begun, rest]) : rest);
          if (waiting) await waiting;
        }
        begun = new Uint8Array(0);
        from = end + 1;
      }
      const rest: number = bytesRead - from;
      begun =
        begun && begun.length + rest <= longestLine
          ? Buffer.concat([begun, chunk.subarray(from, bytesRead)])
          : undefined;
    }
    // A line counts once its newline is there.
    if (begun === undefined || begun.length > 0) torn = true;
  });
  return torn;
}

function parse(line: string): RunEvent | undefined {
  if (line.length > longestLine) return undefined;
  try {
    const value = JSON.parse(line) as unknown;
    if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string")
      return undefined;
    const { iteration, at } = value as { iteration?: unknown; at?: unknown };
    const isIteration = iteration === undefined || (Number.isSafeInteger(iteration) && (iteration as number) >= 0);
    return isIteration && (at === undefined || Number.isFinite(at)) ? (value as RunEvent) : undefined;
  } catch {
    return undefined;
  }
}
