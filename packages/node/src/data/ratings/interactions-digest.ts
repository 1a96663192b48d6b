import { createHash } from "node:crypto";
import type { Entities, Interactions } from "@innerloop/core/tasks";

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The SHA-256, in hex, of all that a run may take from interactions: whatever the files look like that they are from. */
export function interactionsDigest({ users, items, user, item, rating, time, scale, implicit }: Interactions): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([scale.least, scale.most, implicit ?? false, time !== undefined]));
  for (const { ids, titles, attributes } of [users, items] satisfies Entities[]) {
    hash.update(JSON.stringify([ids.length, titles !== undefined, attributes.length]));
    // JSON says where each text ends.
    for (const id of ids) hash.update(JSON.stringify(id));
    for (const title of titles ?? []) hash.update(JSON.stringify(title));
    for (const attribute of attributes) {
      hash.update(JSON.stringify([attribute.kind, attribute.name]));
      if (attribute.kind === "number") hash.update(bytesOf(attribute.values));
      else hash.update(JSON.stringify(attribute.words)).update(bytesOf(attribute.of));
      if ("starts" in attribute) hash.update(bytesOf(attribute.starts));
    }
  }
  for (const values of [user, item, rating, ...(time ? [time] : [])]) hash.update(bytesOf(values));
  return hash.digest("hex");
}
