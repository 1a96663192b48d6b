/**
 * Files of tensors as PyTorch wrote them before 1.6: pickles one after the other (a mark, the version, sizes of types, the
 * tensors, the keys of their storages), then the numbers of each storage behind its count. Nothing of it is executed.
 */
import type { WrittenArray } from "@innerloop/core/training";
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { type Pickled, PickledText, runPickle } from "./pickle.js";
import { PickleFile } from "./pickle-file.js";
import { PickledTensor, type TorchType } from "./pickle-tensor.js";
import { type ChosenTensors, chosenTensors, type TensorRoot } from "./state-dictionary.js";
import { elementBytes, TensorReading } from "./torch-storages.js";

const mark = 0x1950a86a20f9469cfc6cn;
const formatVersion = 1001;

/** Tensors of float32, row-major, by name. */
export type TorchTensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/**
 * The tensors of float32 in a file of a state dictionary; whole numbers, such as counters, are left out.
 *
 * @throws DataError ILD73 for anything but such a file, or one whose tensors lie outside their storages; ILD03
 */
export async function readTorchTensors(path: string, work: LongWork = {}): Promise<TorchTensors> {
  const { tensors, others } = await readTorchFile(path, undefined, work);
  if (others.length > 0) throw notTensors(path);
  const found = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, { shape, data }] of tensors) if (data instanceof Float32Array) found.set(name, { shape, data });
  return found;
}

const notTensors = (path: string): DataError =>
  new DataError("ILD73", path, "the pickle holds a dictionary of something else than tensors", "Fetch the file again.");

/**
 * All tensors in such a file, with what else is beside them.
 *
 * @param root the dictionary that they are in, where it is not the file's own
 * @throws DataError ILD73, ILD84, ILD03
 */
export function readTorchFile(
  path: string,
  root: TensorRoot | undefined,
  work: LongWork = {},
): Promise<{ readonly tensors: ReadonlyMap<string, WrittenArray>; readonly others: readonly string[] }> {
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
    const whole = await next();
    const keys = await next();
    if (!(whole instanceof Map) || !Array.isArray(keys)) throw file.wrong(0, "no dictionary of tensors");
    const storages = await storagesIn(file, storageTypes(file, whole), keys as readonly Pickled[]);
    const { tensors, others }: ChosenTensors = chosenTensors(whole, root, path);
    const reading = new TensorReading(path, size);
    const found = new Map<string, WrittenArray>();
    for (const [name, tensor] of tensors) {
      const place = storages.get(tensor.storage.key);
      const width = elementBytes[tensor.storage.type];
      found.set(
        name,
        await reading.read(name, tensor, place?.count ?? 0, (first, numbers) =>
          file.bytesAt(place!.start + width * first, width * numbers),
        ),
      );
    }
    return { tensors: found, others };
  });
}

/** The types of all storages that tensors are parts of, wherever these are. */
function storageTypes(file: PickleFile, whole: Pickled): ReadonlyMap<string, TorchType> {
  const types = new Map<string, TorchType>();
  const waiting: Pickled[] = [whole];
  const seen = new Set<Pickled>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next instanceof PickledTensor) {
      const { key, type } = next.storage;
      if ((types.get(key) ?? type) !== type) throw file.wrong(0, "a storage of two types");
      types.set(key, type);
    }
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    seen.add(next);
    if (Array.isArray(next)) for (const item of next as readonly Pickled[]) waiting.push(item);
    else if (next instanceof Map) for (const item of next.values()) waiting.push(item);
  }
  return types;
}

/** Where each storage begins, behind its count, and how many numbers it has. */
async function storagesIn(
  file: PickleFile,
  types: ReadonlyMap<string, TorchType>,
  keys: readonly Pickled[],
): Promise<ReadonlyMap<string, { readonly start: number; readonly count: number }>> {
  const storages = new Map<string, { readonly start: number; readonly count: number }>();
  for (const key of keys) {
    const name = key instanceof PickledText && key.length < 256 ? Buffer.from(await key.read()).toString("utf8") : "";
    const type = types.get(name);
    if (type === undefined || storages.has(name)) throw file.wrong(file.position, "a storage of no tensor");
    const count = await file.number(8);
    storages.set(name, { start: file.skip(count * elementBytes[type]), count });
  }
  return storages;
}
