import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { writeAtomically, writeFully } from "../data/atomic-write.js";
import { isSystemError } from "../data/data-error.js";

/** One line of events.jsonl. */
export interface RunEvent {
  readonly type: string;
  readonly iteration?: number;
  /** When it was written: milliseconds since 1970. */
  readonly at?: number;
  readonly [name: string]: unknown;
}

/** A file of events, one a line, that is only ever appended to. */
export interface EventLog {
  append(event: RunEvent): void;
  /** Returns once all is on the disk. */
  flush(): void;
  close(): void;
}

/**
 * Opens events.jsonl to append to. Events of iterations after `lastIteration` and a torn last line are dropped: they
 * are about updates that a checkpoint does not hold, and that will be made again.
 */
export async function openEventLog(file: string, lastIteration: number): Promise<EventLog> {
  const { events, lines, torn } = await readLines(file);
  const kept = lines.filter((_, i) => (events[i]!.iteration ?? 0) <= lastIteration);
  if (torn || kept.length < lines.length) {
    const bytes = Buffer.from(kept.map((line) => `${line}\n`).join(""));
    await writeAtomically(file, (handle) => writeFully(handle, bytes));
  }
  let open: number | undefined = openSync(file, "a");
  return {
    append: (event) => {
      if (open !== undefined) writeSync(open, `${JSON.stringify({ ...event, at: Date.now() })}\n`);
    },
    flush: () => {
      if (open !== undefined) fsyncSync(open);
    },
    close: () => {
      if (open !== undefined) closeSync(open);
      open = undefined;
    },
  };
}

/** The events of a run so far; a line that is not one (being written, or damaged) is left out. */
export async function readEvents(file: string): Promise<readonly RunEvent[]> {
  return (await readLines(file)).events;
}

async function readLines(file: string): Promise<{ events: RunEvent[]; lines: string[]; torn: boolean }> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (isSystemError(error) && error.code === "ENOENT") return "";
    throw error;
  });
  const all = text.split("\n");
  // A line counts once its newline is there.
  const unfinished = all.pop() !== "";
  const events: RunEvent[] = [];
  const lines: string[] = [];
  for (const line of all) {
    const event = parse(line);
    if (!event) continue;
    events.push(event);
    lines.push(line);
  }
  return { events, lines, torn: unfinished || lines.length < all.length };
}

function parse(line: string): RunEvent | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string")
      return undefined;
    const { iteration } = value as { iteration?: unknown };
    return iteration === undefined || typeof iteration === "number" ? (value as RunEvent) : undefined;
  } catch {
    return undefined;
  }
}
