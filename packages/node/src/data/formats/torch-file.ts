/**
 * Files of tensors as PyTorch wrote them before 1.6: pickles one after the other (a mark, the version, sizes of types, the
 * tensors, the keys of their storages), then the numbers of each storage behind its count. Nothing of it is executed.
 */
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { type Pickled, PickledText, runPickle } from "./pickle.js";
import { PickleFile } from "./pickle-file.js";
import { PickledTensor, type TorchType } from "./pickle-tensor.js";

const mark = 0x1950a86a20f9469cfc6cn;
const formatVersion = 1001;

const elementBytes: Readonly<Record<TorchType, number>> = { float32: 4, int64: 8 };

/** Tensors of float32, row-major, by name. */
export type TorchTensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/**
 * The tensors of float32 in a file of a state dictionary; whole numbers, such as counters, are left out.
 *
 * @throws DataError ILD73 for anything but such a file, or one whose tensors lie outside their storages; ILD03
 */
export function readTorchTensors(path: string, work: LongWork = {}): Promise<TorchTensors> {
  return withRegularFile(path, { most: readingLimits.torchFileBytes, links: "followed" }, async (handle, size) => {
    const file = new PickleFile(path, handle, size, work);
    const { least, ratio, most } = readingLimits.pickleMemory;
    const memory = Math.min(most, Math.max(least, ratio * size));
    const next = (): Promise<Pickled> => runPickle(file, memory, { torch: true });
    if ((await next()) !== mark || (await next()) !== formatVersion)
      throw file.wrong(0, "no tensors of PyTorch in its format of before 1.6");
    const sizes = await next();
    if (!(sizes instanceof Map) || sizes.get("little_endian") !== true)
      throw file.wrong(0, "numbers in another byte order than little endian");
    const tensors = await next();
    const keys = await next();
    if (!(tensors instanceof Map) || !Array.isArray(keys)) throw file.wrong(0, "no dictionary of tensors");
    const types = new Map<string, TorchType>();
    for (const tensor of tensors.values()) {
      if (!(tensor instanceof PickledTensor)) throw file.wrong(0, "a dictionary of something else than tensors");
      const { key, type } = tensor.storage;
      if ((types.get(key) ?? type) !== type) throw file.wrong(0, "a storage of two types");
      types.set(key, type);
    }
    const storages = new Map<string, { readonly start: number; readonly count: number }>();
    for (const key of keys as readonly Pickled[]) {
      const name = key instanceof PickledText && key.length < 256 ? Buffer.from(await key.read()).toString("utf8") : "";
      const type = types.get(name);
      if (type === undefined || storages.has(name)) throw file.wrong(file.position, "a storage of no tensor");
      const count = await file.number(8);
      storages.set(name, { start: file.skip(count * elementBytes[type]), count });
    }
    const found = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const [name, tensor] of tensors as ReadonlyMap<string, PickledTensor>) {
      const { storage, shape, offset, strides } = tensor;
      const place = storages.get(storage.key);
      const count = shape.reduce((product, axis) => product * axis, 1);
      const last = shape.reduce((at, axis, i) => at + (axis - 1) * strides[i]!, offset);
      // Steps of zero could make a tensor of any size out of one number.
      if (!place || count === 0 || count > place.count || !(last < place.count))
        throw new DataError(
          "ILD73",
          `${path} > ${quoted(name)}`,
          "the tensor is empty, or lies outside its storage",
          "Fetch the file again.",
        );
      if (storage.type !== "float32") continue;
      const bytes = await file.bytesAt(place.start + 4 * offset, 4 * (last - offset + 1));
      found.set(name, { shape, data: gathered(new Float32Array(bytes.slice().buffer), shape, strides) });
    }
    return found;
  });
}

/** The numbers of a tensor in row-major order, whatever steps lead from one place of each axis to the next. */
function gathered(numbers: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const data = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
  const place = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let i = 0; i < data.length; i++) {
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
