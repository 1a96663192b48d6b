/** An adapted task as bytes: what the learner made of the support set, and the set itself. */
import { leaves, Tensor, type Tree } from "@innerloop/graph";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Examples } from "../tasks/task.js";
import { TrainingError } from "../training/training-error.js";
import { isBelow, named } from "./named-tensors.js";
import { decodeSafetensors, encodeSafetensors, safetensorsHeader } from "./safetensors.js";
import { isSealed, seal, unsealed } from "./seal.js";

const format = "innerloop adapted task 1";

/** The prefix of names of what the learner made of the support set. */
export const adaptedPrefix = "adapted";

/** The content of an adapted task. */
export interface AdaptedContent {
  /** Leaves of what the learner made of the support set, by name. */
  readonly adapted: Readonly<Record<string, Tensor>>;
  readonly support: Examples<Tree, Tree>;
  readonly steps: number | undefined;
  /** A digest of the parameters that it was adapted with. */
  readonly model: string;
  /** What an application has to keep beside it. */
  readonly told: string;
}

/** A tree with the place of each leaf in the list of them. */
type Structure = number | readonly Structure[] | { readonly [name: string]: Structure };

/** The digest by which parameters are told from others. */
export const paramsDigest = (params: Tree): string =>
  bytesToHex(sha256(encodeSafetensors({ tensors: named("params", params), metadata: {} })));

/** The bytes of an adapted task: safetensors, with a SHA-256 of all of them. */
export function encodeAdapted({ adapted, support, ...about }: AdaptedContent): Uint8Array {
  const { x, y, present } = support;
  const set = { x, y, ...(present ? { present } : {}) };
  const given = leaves(set);
  let place = 0;
  const structureOf = (tree: Tree): Structure => {
    if (tree instanceof Tensor) return place++;
    if (Array.isArray(tree)) return tree.map(structureOf);
    return Object.fromEntries(Object.entries(tree).map(([name, child]) => [name, structureOf(child as Tree)]));
  };
  const structure = structureOf(set);
  const tensors = {
    ...adapted,
    ...Object.fromEntries(given.map((leaf, i) => [`support/${i}`, leaf])),
  };
  const task = JSON.stringify({ ...about, structure });
  return seal(encodeSafetensors({ tensors, metadata: { format, sha256: unsealed, task } }));
}

/**
 * The content of bytes that `encodeAdapted` has written, which may come from anyone.
 *
 * @throws TrainingError ILR201 where they are none, or not as they were written
 */
export function decodeAdapted(bytes: Uint8Array): AdaptedContent {
  const fail = (problem: string): never => {
    throw new TrainingError("ILR201", "adapted task", problem, "Adapt to the examples again");
  };
  const header = safetensorsHeader(bytes, "adapted task");
  const { format: found, task = "" } = header.metadata;
  if (found !== format) fail(`it is ${found === undefined ? "none" : "of another format"}`);
  if (!isSealed(bytes, header)) fail("its SHA-256 is not the one that it was written with");
  const { tensors } = decodeSafetensors(bytes, "adapted task");
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(task)) as Record<string, unknown>;
  } catch {
    return fail("its record is malformed");
  }
  const { steps, model, told, structure } = value;
  if (typeof model !== "string" || typeof told !== "string") return fail("its record is malformed");
  if (steps !== undefined && !(Number.isSafeInteger(steps) && (steps as number) >= 0))
    return fail("its steps are no number");
  const support = treeOf(structure as Structure, (place) => {
    const name = `support/${place}`;
    return Object.hasOwn(tensors, name) ? tensors[name]! : fail(`${name} is missing`);
  }) as Partial<Examples<Tree, Tree>>;
  const { x, y, present } = Object(support) as typeof support;
  if (x === undefined || y === undefined) return fail("it has no support set");
  if (present !== undefined && !(present instanceof Tensor)) return fail("its mask is no tensor");
  const adapted = Object.entries(tensors).filter(([name]) => isBelow(adaptedPrefix, name));
  return {
    adapted: Object.fromEntries(adapted),
    support: { x, y, ...(present ? { present } : {}) },
    steps: steps as number | undefined,
    model,
    told,
  };
}

/** The tree of a structure; undefined for what is none. */
function treeOf(structure: unknown, leaf: (place: number) => Tensor): Tree | undefined {
  if (typeof structure === "number") return leaf(structure);
  if (Array.isArray(structure)) return structure.map((child: unknown) => treeOf(child, leaf)) as Tree;
  if (typeof structure !== "object" || structure === null) return undefined;
  return Object.fromEntries(Object.entries(structure).map(([name, child]) => [name, treeOf(child, leaf)])) as Tree;
}
