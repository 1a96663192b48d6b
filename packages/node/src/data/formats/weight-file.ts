/** Files of weights that other programs wrote: safetensors, and PyTorch's own. Nothing of them is executed. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { decodeWritten, type WrittenArray } from "@innerloop/core/training";
import type { LongWork } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { readRegularFile, withRegularFile } from "../regular-file.js";
import type { TensorRoot } from "./state-dictionary.js";
import { readTorchArchive } from "./torch-archive.js";
import { readTorchFile } from "./torch-file.js";

/** The tensors of a file by name. */
export interface WeightFile {
  readonly tensors: ReadonlyMap<string, WrittenArray>;
  /** Names of what is beside them and no tensor. */
  readonly others: readonly string[];
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
}

/**
 * The tensors in a file of weights, told by its first bytes.
 *
 * @param root the dictionary that they are in, of a file of PyTorch that has several
 * @throws DataError ILD84 for what is no such file; ILD73, ILD11 to ILD13, ILD03; TrainingError ILR201 for damaged safetensors
 */
export async function readWeightFile(path: string, root?: TensorRoot, work: LongWork = {}): Promise<WeightFile> {
  const head = await withRegularFile(
    path,
    { most: readingLimits.torchFileBytes, links: "followed" },
    async (handle) => {
      const bytes = new Uint8Array(9);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      return bytes.subarray(0, bytesRead);
    },
  );
  const found = await readBy(head, path, root, work);
  const hash = createHash("sha256");
  await onFile(path, async () => {
    for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  });
  return { ...found, sha256: hash.digest("hex") };
}

async function readBy(
  head: Uint8Array,
  path: string,
  root: TensorRoot | undefined,
  work: LongWork,
): Promise<Omit<WeightFile, "sha256">> {
  if (head[0] === 0x50 && head[1] === 0x4b) return readTorchArchive(path, root, work);
  if (head[0] === 0x80 && head[8] !== braceCode) return readTorchFile(path, root, work);
  if (head[8] !== braceCode)
    throw new DataError(
      "ILD84",
      path,
      "it is neither safetensors nor a file of PyTorch",
      "Save the state dictionary: torch.save(model.state_dict(), FILE).",
    );
  if (root !== undefined)
    throw new DataError(
      "ILD84",
      path,
      "it is safetensors, which have no dictionaries within",
      'Leave "root" out of the map.',
    );
  const bytes = await readRegularFile(path, { most: readingLimits.torchFileBytes, links: "followed" });
  return { tensors: decodeWritten(bytes, path), others: [] };
}

const braceCode = 0x7b;
