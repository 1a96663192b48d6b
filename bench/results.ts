import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Agreement } from "./agreement.js";
import type { Adaptation, ColdAndCached, OurMemory } from "./fresh.js";
import type { PolicyResult } from "./policies.js";
import type { Sweep } from "./scaling.js";
import type { Spread } from "./statistics.js";

/** Everything that one run of the bench found: docs/benchmarks.md and its plots are made of this and nothing else. */
export interface Results {
  readonly date: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
    /** Work of others while the bench ran would be in the figures: average load in the minute before it began. */
    readonly load: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  /** What computes ours: a compiler, or onnxruntime. */
  readonly engine: string;
  /** What the command was given. */
  readonly command: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
  /** Peers that could not be run, with the reason found. */
  readonly absent: readonly { readonly peer: string; readonly where: string; readonly reason: string }[];
  readonly policies?: PolicyResult;
  readonly workers?: Workers;
  readonly adaptation?: AdaptationBy;
  /** The same by onnxruntime, beside native programs. */
  readonly adaptationByOnnxruntime?: AdaptationBy;
  readonly firstStep?: ColdAndCached;
  readonly sweeps?: readonly Sweep[];
}

/** A new task in the workers, and beside the calling thread. */
export interface AdaptationBy {
  readonly pool: Adaptation;
  readonly thread: Adaptation;
}

/** One workload. */
export interface Row {
  readonly key: string;
  readonly name: string;
  readonly chunkSize: number;
  /** Of a meta-step's meta-gradient: all operations and those in matrix products. */
  readonly gflop: number;
  readonly productGflop: number;
  /** The machine's 1024^3 products, in GFLOP/s. */
  readonly peak: Spread;
  /** By native programs, or by onnxruntime where the run has no others. */
  readonly ours: Spread;
  /** By onnxruntime, beside native programs: its time over ours, in the same round. */
  readonly onnxruntime?: { readonly milliseconds: Spread; readonly ratio: Spread; readonly chunkSize: number };
  /** Our time over that of our products at the peak. */
  readonly overFloor: Spread;
  /** Our time over that of the very same products, run by onnxruntime as a graph of nothing else. */
  readonly overProducts: Spread;
  readonly peers: readonly PeerResult[];
  readonly memory?: OurMemory;
  /** Of a row that was measured anew, after all others. */
  readonly anew?: Pick<Results, "date" | "command" | "rounds"> & { readonly load: number };
}

export interface PeerResult {
  readonly key: string;
  readonly name: string;
  readonly threads: number;
  readonly milliseconds: Spread;
  /** Its time over ours, in the same round. */
  readonly ratio: Spread;
  readonly agreement: Agreement;
  readonly firstMilliseconds: number;
  readonly peakBytes: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** One worker against two. */
export interface Workers {
  readonly name: string;
  readonly one: Spread;
  readonly two: Spread;
  readonly speedup: Spread;
}

/**
 * Published results with rows that were measured anew, by the same programs on the same machine.
 *
 * @throws where they are of others
 */
export function withRows(published: Results, found: Results): Results {
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  const of = ({ engine, machine: { load: _, ...machine } }: Results) => ({ engine, machine });
  const other = Object.entries(found.versions).find(([name, version]) => published.versions[name] !== version);
  if (other || !same(of(published), of(found))) {
    const what = other ? `${other[0]} ${published.versions[other[0]] ?? "absent"}` : "another machine or engine";
    throw new Error(`docs/benchmarks.json is of ${what}: measure everything anew, without --only`);
  }
  const { date, command, rounds } = found;
  const anew = { date, command, rounds, load: found.machine.load };
  const rows = published.rows.map((row) => {
    const later = found.rows.find(({ key }) => key === row.key);
    return later ? { ...later, anew } : row;
  });
  return { ...published, rows };
}

export const readResults = (file: URL): Results => JSON.parse(readFileSync(file, "utf8")) as Results;

/** Writes aside and renames: a reader sees the old file or the new one. */
export function writeWhole(file: URL, text: string): void {
  mkdirSync(dirname(file.pathname), { recursive: true });
  const aside = new URL(`${file.href}.${process.pid}.part`);
  writeFileSync(aside, text);
  renameSync(aside, file);
}
