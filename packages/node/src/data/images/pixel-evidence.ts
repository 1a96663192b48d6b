/** How the pixels of a data set are to become bytes, told from its images. */
import { isBlank, type PixelReading } from "@innerloop/experiments";
import type { DecodedImage } from "./image-decoding.js";

/**
 * The largest byte that images of so many bits come out with when they are read as 16-bit ones. Bringing images to size
 * overshoots at edges, by a quarter at most.
 */
const largestBytes = ([8, 10, 12] as const).map((depth) => ({ depth, most: (1.25 * (2 ** depth - 1)) / 256 }));

/** What the images of a data set show, read in the preferred way, of how they should be read: all in the same way. */
export class PixelEvidence<Item> {
  private readonly transparent: Item[] = [];
  private readonly deep: Item[] = [];
  private lost = 0;
  private largest = 0;

  /** @param how `onOther` gives the image on the other background */
  async add(
    item: Item,
    { pixels, hasAlpha, has16Bits }: DecodedImage,
    how: { readonly channels: 1 | 3; readonly invert: boolean; readonly onOther: () => Promise<Uint8Array> },
  ): Promise<void> {
    if (has16Bits) {
      this.deep.push(item);
      for (const value of pixels) this.largest = Math.max(this.largest, how.invert ? 255 - value : value);
    }
    if (!hasAlpha) return;
    this.transparent.push(item);
    if (isBlank(pixels, how.channels) && !isBlank(await how.onOther(), how.channels)) this.lost++;
  }

  /** The reading that loses least: the preferred one unless most transparent images are blank in it, and need not be. */
  reading(preferred: PixelReading): PixelReading {
    const isOther = this.lost > this.transparent.length / 2;
    const other = preferred.background === "white" ? "black" : "white";
    const fits = preferred.depth === 16 && this.deep.length > 0;
    const depth = (fits && largestBytes.find(({ most }) => this.largest <= most)?.depth) || preferred.depth;
    return { background: isOther ? other : preferred.background, depth };
  }

  /** The images that are other bytes in one reading than in the other. */
  changedBy(before: PixelReading, after: PixelReading): readonly Item[] {
    return [
      ...new Set([
        ...(before.background === after.background ? [] : this.transparent),
        ...(before.depth === after.depth ? [] : this.deep),
      ]),
    ];
  }
}
