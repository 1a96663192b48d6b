/** Inputs over readers, run by worker processes: what came of them. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkerProcess } from "./pool.js";
import { type Answer, type Found, mostMs, mostProcessBytes, type Suspect, type Task } from "./protocol.js";
import type { Lease } from "./schedule.js";

/** A finding, the first of its kind, and how many there were. */
export interface Finding extends Found {
  readonly times: number;
}

export interface ReaderOutcomes {
  inputs: number;
  readonly outcomes: Record<string, number>;
  findings: number;
  totalMs: number;
  slowestMs: number;
  residentBytes: number;
}

export interface Outcomes {
  readonly readers: Map<string, ReaderOutcomes>;
  /** By signature. */
  readonly findings: Map<string, Finding>;
  /** Blocks of code that were reached, of guided runs. */
  readonly blocks: Set<string>;
  inputs: number;
  peakBytes: number;
  seconds: number;
}

export interface CampaignOptions {
  readonly leases: Iterable<Lease>;
  readonly seed: number;
  readonly workers: number;
  readonly guided?: boolean;
  /** Inputs as they are, each of its reader, before all others. */
  readonly regressions?: readonly { readonly reader: string; readonly input: Uint8Array }[];
  /** Address of the module whose `readers` they are; `readers/registry.js` unless given. */
  readonly registry?: string;
  /** How long an input may take that uses no processor time; 20 s unless given. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (outcomes: Outcomes) => void;
  readonly onFinding?: (finding: Finding) => void;
  readonly onKept?: (reader: string, input: Uint8Array) => void;
}

/** A folder for inputs: in memory where the system has such a one. */
export function scratchFolder(): string {
  const memory = "/dev/shm";
  const isThere = statSync(memory, { throwIfNoEntry: false })?.isDirectory() === true;
  return mkdtempSync(join(isThere ? memory : tmpdir(), "innerloop-fuzz-"));
}

/** Runs the inputs of all leases. */
export async function campaign(options: CampaignOptions): Promise<Outcomes> {
  const { seed, workers, guided = false, signal } = options;
  const registry = options.registry ?? new URL("readers/registry.js", import.meta.url).href;
  const startedAt = performance.now();
  const outcomes: Outcomes = {
    readers: new Map(),
    findings: new Map(),
    blocks: new Set(),
    inputs: 0,
    peakBytes: 0,
    seconds: 0,
  };
  const root = scratchFolder();
  let ids = 0;
  const iterator = tasks();
  try {
    await Promise.all(Array.from({ length: workers }, (_, i) => work(`worker-${i}`)));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  outcomes.seconds = (performance.now() - startedAt) / 1000;
  return outcomes;

  function* tasks(): Generator<Task> {
    const byReader = new Map<string, Uint8Array[]>();
    for (const { reader, input } of options.regressions ?? []) {
      byReader.set(reader, [...(byReader.get(reader) ?? []), input]);
    }
    for (const [reader, inputs] of byReader) yield { id: ++ids, reader, seed, from: 0, count: inputs.length, inputs };
    for (const { reader, from, count } of options.leases) yield { id: ++ids, reader, seed, from, count, guided };
  }

  async function work(name: string): Promise<void> {
    mkdirSync(join(root, name), { recursive: true });
    const worker = new WorkerProcess(root, name, registry, options.patienceMs);
    try {
      for (const task of iterator) {
        if (signal?.aborted) break;
        await settle(worker, task);
        outcomes.seconds = (performance.now() - startedAt) / 1000;
        options.onProgress?.(outcomes);
      }
    } finally {
      worker.close();
    }
  }

  /** Runs a task to its end, in parts where its process is lost on the way. */
  async function settle(worker: WorkerProcess, task: Task): Promise<void> {
    let rest: Task | undefined = task;
    while (rest) {
      const result = await worker.run(rest);
      if ("answer" in result) {
        await take(worker, rest, result.answer);
        return;
      }
      const { offset, kind, detail, input } = result.lost;
      const index = rest.inputs ? -1 : rest.from + offset;
      const isShown = await alone(worker, { reader: rest.reader, index, input });
      // It only happens after others: not this input's doing alone, yet not to be left unsaid. Time may be the machine's.
      if (!isShown && kind !== "hang")
        await found(worker, lossOf({ reader: rest.reader, index, input }, kind, `${detail}; not when run alone`));
      // What came of those before it is lost with the process; in a guided run they cannot be made again.
      if (offset > 0) {
        if (guided && !rest.inputs) count(rest.reader, offset);
        else await settle(worker, part(rest, 0, offset));
      }
      const left: number = lengthOf(rest) - offset - 1;
      rest = left > 0 ? part(rest, offset + 1, left) : undefined;
    }
  }

  /**
   * Runs an input that took too much in a process of its own, once more; whether it takes too much there too, which then
   * is a finding. What comes of it otherwise is counted.
   */
  async function alone(
    worker: WorkerProcess,
    suspect: Suspect & { readonly reader: string },
    isCounted = false,
  ): Promise<boolean> {
    const { reader, input } = suspect;
    worker.close();
    const task: Task = { id: ++ids, reader, seed, from: 0, count: 1, inputs: [input] };
    const result = await worker.run(task);
    worker.close();
    if (!isCounted) count(reader, 1);
    if ("lost" in result) {
      await found(worker, lossOf(suspect, result.lost.kind, result.lost.detail));
      return true;
    }
    const { slowestMs, peakBytes, findings, outcomes: met } = result.answer;
    if (peakBytes > mostProcessBytes) {
      await found(worker, lossOf(suspect, "memory", `the process has ${Math.round(peakBytes / 2 ** 20)} MiB`));
      return true;
    }
    if (slowestMs > mostMs) {
      await found(worker, lossOf(suspect, "hang", `${Math.round(slowestMs)} ms of processor time`));
      return true;
    }
    if (isCounted) return false;
    for (const each of findings) await found(worker, { ...each, index: suspect.index });
    tally(reader, met);
    return false;
  }

  function readerOutcomes(reader: string): ReaderOutcomes {
    const known = outcomes.readers.get(reader) ?? {
      inputs: 0,
      outcomes: {},
      findings: 0,
      totalMs: 0,
      slowestMs: 0,
      residentBytes: 0,
    };
    outcomes.readers.set(reader, known);
    return known;
  }

  function count(reader: string, inputs: number): void {
    readerOutcomes(reader).inputs += inputs;
    outcomes.inputs += inputs;
  }

  function tally(reader: string, met: Answer["outcomes"]): void {
    const { outcomes: known } = readerOutcomes(reader);
    for (const [outcome, times] of Object.entries(met)) known[outcome] = (known[outcome] ?? 0) + times;
  }

  async function take(worker: WorkerProcess, task: Task, answer: Answer): Promise<void> {
    const { reader } = task;
    const known = readerOutcomes(reader);
    count(reader, lengthOf(task));
    tally(reader, answer.outcomes);
    known.totalMs += answer.totalMs;
    known.residentBytes = Math.max(known.residentBytes, answer.residentBytes);
    outcomes.peakBytes = Math.max(outcomes.peakBytes, answer.peakBytes);
    for (const { input, blocks } of answer.kept) {
      const fresh = blocks.filter((block) => !outcomes.blocks.has(block));
      for (const block of fresh) outcomes.blocks.add(block);
      if (fresh.length > 0) options.onKept?.(reader, input);
    }
    for (const each of answer.findings) await found(worker, each);
    let shown = 0;
    for (const suspect of answer.suspects) if (await alone(worker, { reader, ...suspect }, true)) shown++;
    // The time of one that was slow by the machine's doing says nothing.
    if (answer.suspects.length === 0) known.slowestMs = Math.max(known.slowestMs, answer.slowestMs);
    const [largest] = answer.suspects;
    if (largest && shown === 0 && answer.peakBytes > mostProcessBytes)
      await found(
        worker,
        lossOf(
          { reader, ...largest },
          "memory",
          "the process grew above 1 GiB over many inputs; not by this one alone",
        ),
      );
  }

  async function found(worker: WorkerProcess, each: Found): Promise<void> {
    readerOutcomes(each.reader).findings++;
    const key = `${each.reader} ${each.signature}`;
    const before = outcomes.findings.get(key);
    const finding: Finding = { ...(before ?? each), times: (before?.times ?? 0) + 1 };
    outcomes.findings.set(key, finding);
    if (before) return;
    // What ends or fills its process is left as it is: each try would take a process and seconds.
    const isQuick = !["hang", "memory", "crash"].includes(each.kind);
    const smaller = isQuick && each.input.length > 0 ? await shrunk(worker, each) : each;
    const told = { ...finding, ...smaller, index: each.index };
    outcomes.findings.set(key, told);
    options.onFinding?.(told);
  }

  async function shrunk(worker: WorkerProcess, each: Found): Promise<Found> {
    const task: Task = { id: ++ids, reader: each.reader, seed, from: 0, count: 1, inputs: [each.input], shrink: true };
    const result = await worker.run(task);
    return "answer" in result ? (result.answer.findings[0] ?? each) : each;
  }

  function part(task: Task, offset: number, length: number): Task {
    const { inputs } = task;
    return {
      ...task,
      id: ++ids,
      from: task.from + offset,
      count: length,
      ...(inputs ? { inputs: inputs.slice(offset, offset + length) } : {}),
    };
  }
}

const lengthOf = ({ inputs, count }: Task): number => inputs?.length ?? count;

const lossOf = (
  { reader, index, input }: Suspect & { readonly reader: string },
  kind: Found["kind"],
  detail: string,
): Found => ({ reader, index, kind, detail, signature: `${kind} ${reader}`, input });
