/** Arrays of images [groups, images, ...] block by block: what is too large for the cache is made so. See parts.ts. */
import type { Emitter, ImageBlock, ImageBlocks, Value } from "../program/emitter.js";
import { sizeOf } from "../program/tensor-type.js";

/** Patches of so many caches are kept, to be shared by all products that read them; larger ones are made in parts and not kept. */
const keptCaches = 8;

/** The patches that a product reads: groups of images, and the bytes of one image's patches. */
export interface PatchesSize {
  readonly groups: number;
  readonly images: number;
  readonly bytes: number;
}

/** `Emitter.imageBlocks`. */
export function imageBlocks(e: Emitter, operands: readonly Value[], size: PatchesSize): ImageBlocks | undefined {
  const list = blocksOf(e, operands, size);
  if (!list) return undefined;
  return {
    list,
    blockOf: (x, block) => blockOf(e, x, block),
    groupsOf: (x, { groups }) => groupsOf(e, x, groups),
    assembled: (shape, make) => e.unshared(() => e.assemble(list.map(make), shape)),
  };
}

function blocksOf(
  e: Emitter,
  operands: readonly Value[],
  { groups, images, bytes }: PatchesSize,
): ImageBlock[] | undefined {
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

function blockOf(e: Emitter, x: Value, { groups, images }: ImageBlock): Value {
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

function groupsOf(e: Emitter, x: Value, groups: readonly [from: number, to: number]): Value {
  return x.shape[0] === 1 ? x : e.slice(x, 0, groups);
}
