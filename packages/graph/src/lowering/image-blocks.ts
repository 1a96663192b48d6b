/** Arrays of images [groups, images, ...] block by block: what is too large for the cache is made so. See parts.ts. */
import { type Shape, sizeOf } from "../program/tensor.js";
import type { Emitter, Value } from "./emitter.js";

/** Some of the groups, and some of their images. */
export interface Block {
  readonly groups: readonly [from: number, to: number];
  readonly images: readonly [from: number, to: number];
}

/** Patches of so many caches are kept, to be shared by all products that read them; larger ones are made in parts and not kept. */
const keptCaches = 8;

/**
 * How a product with patches is divided, given the bytes of one image's patches: undefined where it is done at once.
 * An operand that is in parts already divides it, if the parts are whole images and not too many.
 */
export function blocksOf(
  e: Emitter,
  operands: readonly Value[],
  groups: number,
  images: number,
  bytes: number,
): Block[] | undefined {
  if (groups * images * bytes <= keptCaches * e.profile.cacheBytes) return undefined;
  for (const x of operands) {
    const given =
      groups === 1 ? e.partsOf(x)?.map((part) => (sizeOf(part.shape) * images) / sizeOf(x.shape)) : undefined;
    if (!given?.every((count) => Number.isInteger(count) && count * bytes <= 4 * e.profile.cacheBytes)) continue;
    const ends = given.map((_, i) => given.slice(0, i + 1).reduce((sum, count) => sum + count, 0));
    return ends.map((end, i) => ({ groups: [0, 1], images: [end - given[i]!, end] }));
  }
  const fit = Math.max(1, Math.floor(e.profile.cacheBytes / bytes));
  const [groupStep, imageStep] = fit >= images ? [Math.floor(fit / images), images] : [1, fit];
  return ranges(groups, groupStep).flatMap((some) =>
    ranges(images, imageStep).map((part) => ({ groups: some, images: part })),
  );
}

function ranges(size: number, step: number): [from: number, to: number][] {
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => [i * step, Math.min(size, (i + 1) * step)]);
}

/** A block of an array [groups, images, ...]. A group axis of size 1 serves all. */
export function blockOf(e: Emitter, x: Value, { groups, images }: Block): Value {
  const image = sizeOf(x.shape.slice(2));
  let start = 0;
  for (const part of e.partsOf(x) ?? []) {
    const end = start + sizeOf(part.shape);
    const whole = groups[0] * x.shape[1]! * image;
    if (start === whole + images[0] * image && end === whole + images[1] * image && groups[1] === groups[0] + 1) {
      return e.reshape(part, [1, images[1] - images[0], ...x.shape.slice(2)]);
    }
    start = end;
  }
  return e.slice(groupsOf(e, x, groups), 1, images);
}

/** Some groups of an array with a leading group axis; an axis of size 1 serves all. */
export function groupsOf(e: Emitter, x: Value, groups: readonly [from: number, to: number]): Value {
  return x.shape[0] === 1 ? x : e.slice(x, 0, groups);
}

/** An array of images made block by block. */
export function assembled(e: Emitter, blocks: readonly Block[], shape: Shape, make: (block: Block) => Value): Value {
  return e.unshared(() => e.assemble(blocks.map(make), shape));
}
