/** The numbers of tensors in files of PyTorch, out of the storages that they are parts of. */
import { halfFloats, type WrittenArray } from "@innerloop/core/training";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import type { PickledTensor, TorchType } from "./pickle-tensor.js";

/** Bytes of one number. */
export const elementBytes: Readonly<Record<TorchType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
};

type Numbers = Float32Array | Float64Array | BigInt64Array;

/** Little-endian numbers; those of half precision in float32. */
const numbersIn: Readonly<Record<TorchType, (bytes: Uint8Array) => Numbers>> = {
  float32: (bytes) => new Float32Array(bytes.slice().buffer),
  float64: (bytes) => new Float64Array(bytes.slice().buffer),
  float16: (bytes) => halfFloats(bytes, "float16"),
  bfloat16: (bytes) => halfFloats(bytes, "bfloat16"),
  int64: (bytes) => new BigInt64Array(bytes.slice().buffer),
};

/** Reads some numbers of a storage: their bytes, from the place of the first on. */
export type StorageBytes = (first: number, numbers: number) => Promise<Uint8Array>;

/**
 * The tensors of one file. Two that are the same part of a storage are the same object; all together have so many numbers
 * as a file of its size may make.
 */
export class TensorReading {
  private readonly made = new Map<string, WrittenArray>();
  private numbers = 0;

  /** @param bytes the size of the file */
  constructor(
    private readonly path: string,
    private readonly bytes: number,
  ) {}

  /**
   * The numbers of a tensor, row-major.
   *
   * @param count numbers that its storage has
   * @throws DataError ILD73 where the tensor lies outside of it
   */
  async read(name: string, tensor: PickledTensor, count: number, bytesOf: StorageBytes): Promise<WrittenArray> {
    const { storage, shape, offset, strides } = tensor;
    const key = JSON.stringify([storage.key, offset, shape, strides]);
    const found = this.made.get(key);
    if (found) return found;
    const size = shape.reduce((product, axis) => product * axis, 1);
    const last = shape.reduce((at, axis, i) => at + (axis - 1) * strides[i]!, offset);
    // Steps of zero could make a tensor of any size out of one number.
    if (size === 0 || size > count || !(last < count))
      throw this.wrong(name, "the tensor is empty, or lies outside its storage");
    this.numbers += size;
    const { least, ratio } = readingLimits.torchNumbers;
    if (this.numbers > Math.max(least, ratio * this.bytes))
      throw this.wrong(name, "the tensors are made of the same numbers again and again");
    const { type } = storage;
    const numbers = numbersIn[type](await bytesOf(offset, last - offset + 1));
    const made = { type, shape, data: gathered(numbers, shape, strides) };
    this.made.set(key, made);
    return made;
  }

  private wrong(name: string, problem: string): DataError {
    return new DataError("ILD73", `${this.path} > ${quoted(name)}`, problem, "Fetch the file again.");
  }
}

/** The numbers of a tensor in row-major order, whatever steps lead from one place of each axis to the next. */
function gathered(numbers: Numbers, shape: readonly number[], strides: readonly number[]): Numbers {
  const size = shape.reduce((product, axis) => product * axis, 1);
  const data = new (numbers.constructor as new (size: number) => Numbers)(size);
  const place = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let i = 0; i < size; i++) {
    data[i] = numbers[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++place[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      place[axis] = 0;
    }
  }
  return data;
}
