/** Arrays of results, which are written again once those who had them give them back. */
import { allocate, type DType, type TypedArray } from "@innerloop/graph";

/** The arrays that runs return: new ones, or such as were given back. */
export class ResultArrays {
  /** Of what is in use, its type and size. */
  private readonly used = new WeakMap<TypedArray, string>();
  private readonly free = new Map<string, TypedArray[]>();

  /** An array that nobody else has. Its values are whatever they are. */
  take(dtype: DType, size: number): TypedArray {
    const kind = `${dtype} ${size}`;
    const array = this.free.get(kind)?.pop() ?? allocate(dtype, size);
    this.used.set(array, kind);
    return array;
  }

  /** Takes back what nobody reads any more. Arrays that are not from here, or that are back already, are left alone. */
  recycle(arrays: readonly TypedArray[]): void {
    for (const array of arrays) {
      const kind = this.used.get(array);
      if (kind === undefined) continue;
      this.used.delete(array);
      const known = this.free.get(kind);
      if (known) known.push(array);
      else this.free.set(kind, [array]);
    }
  }

  /** Leaves to the garbage collector what is not in use. */
  clear(): void {
    this.free.clear();
  }
}
