/** Arrays on their way to a worker: copies in one piece of memory, which moves. */
import type { PortableArrays, TypedArray } from "@innerloop/graph";

/** Where copies begin: eight bytes are the longest number. */
const alignment = 8;

/** Copies of arrays in one piece of memory: cloned, each would be copied twice. */
export function copiesTogether(feeds: readonly TypedArray[]): {
  readonly copies: readonly TypedArray[];
  readonly memory: ArrayBuffer;
} {
  const starts: number[] = [];
  let bytes = 0;
  for (const feed of feeds) {
    starts.push(bytes);
    bytes += Math.ceil(feed.byteLength / alignment) * alignment;
  }
  const memory = new ArrayBuffer(bytes);
  const copies = feeds.map((feed, i) => {
    const Same = feed.constructor as new (memory: ArrayBuffer, start: number, length: number) => TypedArray;
    const copy = new Same(memory, starts[i]!, feed.length);
    (copy as Float32Array).set(feed as Float32Array);
    return copy;
  });
  return { copies, memory };
}

/** The same of arrays by name. */
export function namedCopies(feeds: PortableArrays): { readonly copies: PortableArrays; readonly memory: ArrayBuffer } {
  const names = Object.keys(feeds);
  const { copies, memory } = copiesTogether(names.map((name) => feeds[name]!.data));
  const moved = names.map((name, i) => {
    const { dtype, shape } = feeds[name]!;
    return [name, { dtype, shape: [...shape], data: copies[i]! }] as const;
  });
  return { copies: Object.fromEntries(moved), memory };
}
