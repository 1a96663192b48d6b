/** What onnxruntime's sessions take of this process. Figures are of Node 20 to 24 and onnxruntime 1.30 on Linux. */
import { freemem } from "node:os";
import type { Estimate, ExecutorMemory } from "@innerloop/graph";

const mebibyte = 2 ** 20;

/** The engine's library with what it sets up. */
const libraryBytes = 25 * mebibyte;

/** A worker thread with an isolate of its own. */
const threadBytes = 14 * mebibyte;

/** What Node's heap and compiled code grow by at work, and the heap by each node that is traced and lowered. */
const heapBytes = 26 * mebibyte;
const tracedNodeBytes = 3500;

/** A node of a loaded model: its kernel, its arguments, its place in the plan. */
const loadedNodeBytes = 3700;

/** Kernels' own buffers, by which a run exceeds what is planned. */
const runFactor = 1.06;

/**
 * @param options.places where models run side by side: each has a session of every model
 * @param options.threads whether these are threads of their own, at least for models that are not `small`
 */
export function processMemory(options: {
  readonly places: number;
  readonly threads: boolean;
  readonly small?: (estimate: Estimate) => boolean;
}): ExecutorMemory {
  const { places, threads, small } = options;
  return {
    used: () => process.memoryUsage.rss(),
    available: () => process.availableMemory?.() ?? freemem(),
    compiling: (models) => models.reduce((total, { estimate }) => total + estimate.nodes * tracedNodeBytes, 0),
    needed: (models) => {
      const large = models.filter(({ estimate }) => !small?.(estimate));
      const sessions = models.map((model) => {
        const { estimate, alone = false } = model;
        const copies = large.includes(model) && !alone ? places : 1;
        return copies * (runFactor * estimate.residentBytes + loadedNodeBytes * estimate.nodes);
      });
      const workers = large.every(({ alone }) => alone) ? Math.min(large.length, 1) : places;
      const started = threads ? workers * threadBytes : 0;
      return libraryBytes + heapBytes + started + sessions.reduce((a, b) => a + b, 0);
    },
  };
}
