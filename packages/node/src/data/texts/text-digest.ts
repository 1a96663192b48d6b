import { createHash } from "node:crypto";
import type { LabelledTexts, NamedParts } from "@innerloop/core/tasks";

/** The SHA-256, in hex, of all that a run may take from texts: whatever the file looks like that they are from. */
export function textsDigest({ texts, classes, domains, twins, parts, folds }: LabelledTexts): string {
  const hash = createHash("sha256");
  // JSON says where each text ends.
  for (const text of texts) hash.update(JSON.stringify(text));
  const add = ({ names, of }: NamedParts): void => {
    hash.update(JSON.stringify(names)).update(Buffer.from(of.buffer, of.byteOffset, of.byteLength));
  };
  add(classes);
  if (domains) add(domains);
  hash.update(JSON.stringify([twins ?? null, parts ?? null, folds ?? null]));
  return hash.digest("hex");
}
