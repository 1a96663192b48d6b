import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Engine } from "./engine.js";
import type { Problem } from "./problem.js";
import { median, type Spread, spread } from "./statistics.js";

type Mode = "memory" | "first-step" | "adapt-pool" | "adapt-thread";

interface Answer {
  /** Since the process was started. */
  readonly afterMs: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A task and the engine that computes it. */
export interface Measured {
  readonly problem: Problem;
  readonly engine: Engine;
}

/** The lines that a fresh process writes; `cache` is its folder of compiled models. */
async function fresh(mode: Mode, { problem, engine }: Measured, cache: string): Promise<Answer[]> {
  const script = fileURLToPath(new URL("./fresh-process.js", import.meta.url));
  const start = performance.now();
  const child = spawn(process.execPath, [script, mode, engine, JSON.stringify(problem)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, INNERLOOP_CACHE: cache },
  });
  const ended = new Promise<number | null>((done) => child.on("exit", done));
  const answers: Answer[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    answers.push({ afterMs: performance.now() - start, value: JSON.parse(line) as Answer["value"] });
  }
  const status = await ended;
  if (status !== 0) throw new Error(`the process that measures ${mode} ended with status ${status}`);
  return answers;
}

/** Runs work with an empty folder for compiled models, and removes it. */
async function withCache<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "innerloop-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface OurMemory {
  /** Peak resident size of a process that takes three meta-steps, workers included. */
  readonly peakBytes: number;
  /** What training would have said beforehand. */
  readonly expectedBytes?: number;
  readonly chunkSize: number;
}

export async function ourMemory(measured: Measured): Promise<OurMemory> {
  return withCache(async (cache) => (await fresh("memory", measured, cache))[0]!.value as unknown as OurMemory);
}

/** With an empty cache of compiled models, and with what an earlier process left in it. */
export interface ColdAndCached {
  readonly cold: Spread;
  readonly cached: Spread;
}

/** From before tracing to after the first meta-step, each time in a new process; its own start is not counted. */
export async function firstStep(measured: Measured, times: number): Promise<ColdAndCached> {
  const once = async (cache: string): Promise<number> =>
    (await fresh("first-step", measured, cache))[0]!.value.milliseconds as number;
  return coldAndCached(times, once);
}

export interface Adaptation {
  /** Latency of one task after another, its median in each process. */
  readonly warm: Spread;
  /** From the start of a process to its first prediction. */
  readonly start: ColdAndCached;
}

/** Adapting to one new task and predicting its queries, in the default executor or in the calling thread. */
export async function adaptation(measured: Measured, where: "pool" | "thread", times: number): Promise<Adaptation> {
  const warm: number[] = [];
  const once = async (cache: string): Promise<number> => {
    const [first, rest] = (await fresh(`adapt-${where}`, measured, cache)) as [Answer, Answer];
    warm.push(median(rest.value.milliseconds as number[]));
    return first.afterMs;
  };
  const start = await coldAndCached(times, once);
  return { warm: spread(warm), start };
}

async function coldAndCached(times: number, once: (cache: string) => Promise<number>): Promise<ColdAndCached> {
  const [cold, cached]: [number[], number[]] = [[], []];
  for (let i = 0; i < times; i++) {
    await withCache(async (folder) => {
      cold.push(await once(folder));
      cached.push(await once(folder));
    });
  }
  return { cold: spread(cold), cached: spread(cached) };
}
