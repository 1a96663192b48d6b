/**
 * Files of tensors as PyTorch writes them since 1.6: a zip archive with data.pkl, a pickle of which our own reader takes what a
 * state dictionary is made of, and a file of numbers for each storage. Nothing of it is executed.
 */

import { stat } from "node:fs/promises";
import type { WrittenArray } from "@innerloop/core/training";
import { type LongWork, quoted } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { runPickle } from "./pickle.js";
import { bytesSource, PickleFile } from "./pickle-file.js";
import { chosenTensors, type TensorRoot } from "./state-dictionary.js";
import { elementBytes, TensorReading } from "./torch-storages.js";
import { withZipArchive, type ZipArchiveEntry } from "./zip-archive.js";

/** Bounds of such an archive, whose storages are not compressed. */
const limits = {
  entries: readingLimits.torchEntries,
  entryBytes: readingLimits.torchFileBytes,
  totalBytes: readingLimits.torchFileBytes,
  ratio: 200,
} as const;

/**
 * The tensors in such a file, with the names of what else is beside them.
 *
 * @param root the dictionary that they are in, where it is not the file's own
 * @throws DataError ILD73 for a pickle of anything else; ILD84 for an archive that is none, or without tensors; ILD11 to ILD13
 */
export async function readTorchArchive(
  path: string,
  root: TensorRoot | undefined,
  work: LongWork = {},
): Promise<{ readonly tensors: ReadonlyMap<string, WrittenArray>; readonly others: readonly string[] }> {
  const { size } = await onFile(path, () => stat(path));
  return withZipArchive(
    path,
    async (entries) => {
      const byName = new Map(entries.map((entry) => [entry.name, entry]));
      const folder = folderIn(path, entries);
      await requireLittleEndian(path, byName.get(`${folder}/byteorder`));
      const pickle = byName.get(`${folder}/data.pkl`)!;
      if (pickle.bytes > readingLimits.torchPickleBytes)
        throw wrong(
          path,
          `its data.pkl has ${pickle.bytes} bytes, and at most ${readingLimits.torchPickleBytes} are read`,
        );
      const bytes = await pickle.read();
      const file = new PickleFile(`${path} > ${pickle.name}`, bytesSource(bytes), bytes.length, work);
      const { least, ratio } = readingLimits.pickleMemory;
      const whole = await runPickle(file, Math.max(least, ratio * bytes.length), { torch: true });
      const { tensors, others } = chosenTensors(whole, root, path);
      const reading = new TensorReading(path, size);
      const found = new Map<string, WrittenArray>();
      const storages = new Map<string, Uint8Array>();
      for (const [name, tensor] of tensors) {
        const { key, type, count } = tensor.storage;
        const entry = byName.get(`${folder}/data/${key}`);
        const width = elementBytes[type];
        if (!entry || entry.bytes !== count * width)
          throw wrong(
            path,
            `the numbers of ${quoted(name)} are ${entry ? `${entry.bytes} bytes, where ${count} of ${width} should be` : "not in it"}`,
          );
        let all = storages.get(key);
        if (!all) {
          work.signal?.throwIfAborted();
          all = await entry.read();
          storages.set(key, all);
        }
        const numbers = all;
        const bytesOf = async (first: number, n: number) => numbers.subarray(width * first, width * (first + n));
        found.set(name, await reading.read(name, tensor, count, bytesOf));
      }
      return { tensors: found, others };
    },
    limits,
  );
}

/** The folder that all lies in, which PyTorch names as the file was called. @throws DataError ILD84 */
function folderIn(path: string, entries: readonly ZipArchiveEntry[]): string {
  const pickles = entries.filter(({ name }) => name.endsWith("/data.pkl") && name.indexOf("/") === name.length - 9);
  const [only] = pickles;
  if (!only || pickles.length > 1) throw wrong(path, "it is a zip archive without a data.pkl, or with several");
  const folder = only.name.slice(0, -9);
  if (entries.some(({ name }) => name === `${folder}/constants.pkl`))
    throw wrong(path, "it is a TorchScript program, which is not run");
  return folder;
}

async function requireLittleEndian(path: string, entry: ZipArchiveEntry | undefined): Promise<void> {
  if (!entry) return; // before 2.0 there was none, and no other order
  const order = entry.bytes > 16 ? "" : Buffer.from(await entry.read()).toString("latin1");
  if (order !== "little") throw wrong(path, `its numbers are in the byte order ${quoted(order)}`);
}

const wrong = (path: string, problem: string): DataError =>
  new DataError("ILD84", path, problem, "Save the state dictionary: torch.save(model.state_dict(), FILE).");
