/** Arrays of results: small ones together, large ones written again once those who had them give them back. */
import {
  allocate,
  arrayIn,
  bytesPerElement,
  type DType,
  sizeOf,
  type TensorType,
  type TypedArray,
} from "@innerloop/graph";

/** Bytes of the results of a run that share one buffer: to make it takes as long as to make one array of its own. */
const mostTogether = 64 * 1024;

/** Bytes between the beginnings of arrays of one buffer: a cache line. */
const alignment = 64;

const spaceOf = ({ dtype, shape }: TensorType): number =>
  alignment * Math.ceil((sizeOf(shape) * bytesPerElement[dtype]) / alignment);

/** The arrays that runs return: new ones, or such as were given back. */
export class ResultArrays {
  /** Of what is in use, its type and size. */
  private readonly used = new WeakMap<TypedArray, string>();
  private readonly free = new Map<string, TypedArray[]>();

  /** Arrays of these types and shapes, that nobody else has. Their values are whatever they are. */
  take(types: readonly TensorType[]): TypedArray[] {
    const bytes = types.reduce((sum, type) => sum + spaceOf(type), 0);
    if (bytes > mostTogether) return types.map(({ dtype, shape }) => this.takeOne(dtype, sizeOf(shape)));
    const buffer = new ArrayBuffer(bytes);
    let at = 0;
    return types.map((type) => {
      const array = arrayIn(buffer, type.dtype, at, sizeOf(type.shape));
      at += spaceOf(type);
      return array;
    });
  }

  private takeOne(dtype: DType, size: number): TypedArray {
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
