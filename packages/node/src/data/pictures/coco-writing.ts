/** COCO JSON, written. */
import type { CocoDataset, CocoResult } from "@innerloop/core/detection";
import { writeAtomically, writeFully } from "../store/atomic-write.js";

/**
 * Writes a COCO file, or a list of results, as one JSON document: beside the file first, which is as before or complete.
 * Numbers are written as they are, so that figures computed of the file are those of the detections.
 *
 * @throws DataError ILD03
 */
export function writeCocoJson(file: string, contents: CocoDataset | readonly CocoResult[]): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(contents)}\n`);
  return writeAtomically(file, (handle) => writeFully(handle, bytes));
}
