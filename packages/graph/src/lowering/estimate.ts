/** What running a lowered model takes: operations, and memory as onnxruntime's CPU provider allocates it. */
import type { OnnxNode, Value } from "../program/emitter.js";
import { bytesPerElement, sameShape, sizeOf } from "../program/tensor-type.js";
import type { LoweredModel } from "./lowering.js";

/** Cost of running a model once, worked out from its operators. */
export interface Estimate {
  /** Additions and multiplications, a fused multiply-add counted as two. */
  readonly operations: number;
  /** Those of them that are in matrix products. */
  readonly matmulOperations: number;
  /** Bytes of inputs and constants, and the most that is allocated at once for all else. */
  readonly peakBytes: number;
  /** The same with what onnxruntime's arena wastes: bytes that the process grows by when the model runs. */
  readonly residentBytes: number;
  readonly constantBytes: number;
  readonly nodes: number;
}

/** Operations, bytes and memory of one run of a model. */
export function estimateModel(model: LoweredModel): Estimate {
  const { nodes, initializers, inputs } = model;
  const constantBytes = totalBytes(initializers);
  const given = constantBytes + totalBytes(inputs);
  const { peakBytes, residentBytes } = allocations(model);
  return {
    ...operationsOf(nodes),
    peakBytes: given + peakBytes,
    residentBytes: given + residentBytes,
    constantBytes,
    nodes: nodes.length,
  };
}

const bytesOf = (value: Value): number => sizeOf(value.shape) * bytesPerElement[value.dtype];
const totalBytes = (values: readonly Value[]): number => values.reduce((total, value) => total + bytesOf(value), 0);

/** Operators that hand on their input's memory. */
const views = new Set(["Reshape", "Identity"]);
const movesOnly = new Set(["Transpose", "Gather", "Concat", "Slice", "Pad", "Expand", "Cast", "GatherElements"]);

function operationsOf(nodes: readonly OnnxNode[]): Pick<Estimate, "operations" | "matmulOperations"> {
  let others = 0;
  let matmulOperations = 0;
  for (const node of nodes) {
    const size = sizeOf(node.output.shape);
    if (node.operator === "MatMul" || node.operator === "FusedMatMul") {
      const inner = node.inputs[0]!.shape.at(node.attributes.transA ? -2 : -1)!;
      matmulOperations += 2 * size * inner;
    } else if (node.operator.startsWith("Reduce")) others += sizeOf(node.inputs[0]!.shape);
    else if (!views.has(node.operator) && !movesOnly.has(node.operator)) others += size;
  }
  return { operations: others + matmulOperations, matmulOperations };
}

/** Operators whose kernel may write its result over its first input, where nothing else needs that any more. */
const inPlace = new Set(["Relu", "Sigmoid", "Tanh", "HardSigmoid", "Softplus", "Clip", "Cast"]);

/**
 * The order in which onnxruntime runs nodes one by one: depth first from the last node whose result no other takes,
 * through the inputs of a node from the one whose producer comes last in the model (GraphViewer's default order).
 */
function executionOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const producers = new Map(nodes.map((node, at) => [node.output, at]));
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const seen = new Uint8Array(nodes.length);
  const order: OnnxNode[] = [];
  const pending: { readonly at: number; readonly done: boolean }[] = [];
  nodes.forEach((node, at) => {
    if (!used.has(node.output)) pending.push({ at, done: false });
  });
  while (pending.length > 0) {
    const { at, done } = pending.pop()!;
    if (done) order.push(nodes[at]!);
    else if (!seen[at]) {
      seen[at] = 1;
      pending.push({ at, done: true });
      const sources = nodes[at]!.inputs.flatMap((value) => producers.get(value) ?? []);
      for (const source of sources.sort((a, b) => a - b)) if (!seen[source]) pending.push({ at: source, done: false });
    }
  }
  return order;
}

/**
 * The value in whose buffer each value lies, as onnxruntime's allocation planner decides before anything runs: views
 * lie in their input's; some kernels write over an input that nothing needs any more; and a buffer that is no longer
 * needed is taken again for a value of the same shape, most recently freed first. It then stays allocated in between.
 */
function bufferPlan(order: readonly OnnxNode[], kept: ReadonlySet<Value>, outputs: ReadonlySet<Value>) {
  const buffers = new Map<Value, Value>();
  const bufferOf = (value: Value): Value => buffers.get(value) ?? value;
  const uses = new Map<Value, number>();
  const count = (value: Value, by: number): number => {
    const now = (uses.get(value) ?? 0) + by;
    uses.set(value, now);
    return now;
  };
  for (const value of kept) count(value, 1);
  for (const node of order) for (const source of node.inputs) count(source, 1);
  const share = (value: Value, of: Value): void => {
    const buffer = bufferOf(of);
    buffers.set(value, buffer);
    count(buffer, uses.get(value) ?? 0);
  };
  const fits = (a: Value, b: Value): boolean =>
    bytesPerElement[a.dtype] === bytesPerElement[b.dtype] && sameShape(a.shape, b.shape);
  const free: Value[] = [];
  for (const { operator, inputs, output } of order) {
    const first = inputs[0]!;
    if (!outputs.has(output)) {
      if (views.has(operator)) share(output, first);
      else if (inPlace.has(operator) && uses.get(bufferOf(first)) === 1 && fits(first, output)) share(output, first);
      else if (output.shape.length > 0) {
        const at = free.findIndex((buffer) => fits(buffer, output));
        if (at >= 0) share(output, free.splice(at, 1)[0]!);
      }
    }
    for (const source of inputs) if (count(bufferOf(source), -1) === 0) free.unshift(bufferOf(source));
  }
  return bufferOf;
}

function allocations({ nodes, inputs, initializers, outputs }: LoweredModel) {
  const order = executionOrder(nodes);
  const kept = new Set([...inputs, ...initializers]);
  const results = new Set(outputs);
  const bufferOf = bufferPlan(order, kept, results);
  const lastUse = new Map<Value, number>();
  order.forEach(({ inputs, output }, at) => {
    for (const value of [...inputs, output]) lastUse.set(bufferOf(value), at);
  });
  const arena = new Arena();
  const held = new Map<Value, Chunk>();
  let bytes = 0;
  let peakBytes = 0;
  order.forEach(({ inputs, output }, at) => {
    if (bufferOf(output) === output) {
      held.set(output, arena.allocate(bytesOf(output)));
      bytes += bytesOf(output);
      peakBytes = Math.max(peakBytes, bytes);
    }
    for (const value of new Set([...inputs, output].map(bufferOf))) {
      const chunk = held.get(value);
      if (!chunk || lastUse.get(value) !== at || results.has(value)) continue;
      arena.release(chunk);
      held.delete(value);
      bytes -= bytesOf(value);
    }
  });
  return { peakBytes, residentBytes: arena.residentBytes };
}

/** A stretch of one of the arena's regions, with its neighbours there. */
interface Chunk {
  readonly region: Region;
  readonly start: number;
  size: number;
  free: boolean;
  before: Chunk | undefined;
  after: Chunk | undefined;
}

interface Region {
  readonly size: number;
  /** For each page whether anything was ever allocated on it: what was not takes no memory. */
  readonly touched: Uint8Array;
}

const mebibyte = 2 ** 20;
const pageBytes = 4096;
const alignment = 256;

/**
 * onnxruntime's arena for CPU memory (BFCArena with its default settings): best fit among free chunks, which are split
 * where they are twice as large as asked or 128 MiB larger; regions that double; nothing is given back.
 */
class Arena {
  private readonly regions: Region[] = [];
  /** By size. */
  private readonly free: Chunk[] = [];
  private nextRegion = mebibyte;

  get residentBytes(): number {
    let pages = 0;
    for (const { touched } of this.regions) for (const page of touched) pages += page;
    return pages * pageBytes;
  }

  allocate(bytes: number): Chunk {
    const size = Math.max(1, Math.ceil(bytes / alignment)) * alignment;
    let at = this.firstOf(size);
    if (at === this.free.length) {
      this.extend(size);
      at = this.firstOf(size);
    }
    const chunk = this.free.splice(at, 1)[0]!;
    chunk.free = false;
    if (chunk.size >= 2 * size || chunk.size - size >= 128 * mebibyte) this.split(chunk, size);
    const { touched } = chunk.region;
    touched.fill(1, Math.floor(chunk.start / pageBytes), Math.ceil((chunk.start + bytes) / pageBytes));
    return chunk;
  }

  release(chunk: Chunk): void {
    let whole = chunk;
    if (whole.after?.free) this.merge(whole, this.taken(whole.after));
    if (whole.before?.free) {
      const before = this.taken(whole.before);
      this.merge(before, whole);
      whole = before;
    }
    this.put(whole);
  }

  private extend(size: number): void {
    const enough = this.nextRegion >= size;
    while (this.nextRegion < size) this.nextRegion *= 2;
    const region = { size: this.nextRegion, touched: new Uint8Array(Math.ceil(this.nextRegion / pageBytes)) };
    if (enough) this.nextRegion = Math.min(2 * this.nextRegion, 1024 * mebibyte);
    this.regions.push(region);
    this.put({ region, start: 0, size: region.size, free: true, before: undefined, after: undefined });
  }

  private split(chunk: Chunk, size: number): void {
    const { region, start, after } = chunk;
    const rest = { region, start: start + size, size: chunk.size - size, free: true, before: chunk, after };
    if (after) after.before = rest;
    chunk.after = rest;
    chunk.size = size;
    this.put(rest);
  }

  private merge(chunk: Chunk, following: Chunk): void {
    chunk.size += following.size;
    chunk.after = following.after;
    if (following.after) following.after.before = chunk;
  }

  /** The first free chunk of so many bytes or more. */
  private firstOf(size: number): number {
    let low = 0;
    let high = this.free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.free[middle]!.size < size) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private put(chunk: Chunk): void {
    chunk.free = true;
    this.free.splice(this.firstOf(chunk.size), 0, chunk);
  }

  private taken(chunk: Chunk): Chunk {
    this.free.splice(this.free.indexOf(chunk, this.firstOf(chunk.size)), 1);
    return chunk;
  }
}
