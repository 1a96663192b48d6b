/** docs/results.json as a file. */
import { type CollectedResults, noResults, parseCollected } from "@innerloop/experiments/published";
import { DataError, isSystemError } from "../data/data-error.js";
import { readRegularFile } from "../data/regular-file.js";
import { mostBytes } from "../runs/untrusted-folder.js";

/** The results in a file, none where it is not there. @throws UsageError where it is something else */
export async function readCollected(file: string): Promise<CollectedResults> {
  let text: string;
  try {
    const bytes = await readRegularFile(file, { most: mostBytes.record, links: "followed" });
    text = Buffer.from(bytes).toString("utf8");
  } catch (error) {
    const cause = error instanceof DataError ? error.cause : error;
    if (isSystemError(cause) && cause.code === "ENOENT") return noResults;
    throw error;
  }
  return parseCollected(text, file);
}
