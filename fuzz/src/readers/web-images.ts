/** What a page reads of pictures itself: how a camera was held. All else a browser decodes. */
import { orientationOf } from "../../../packages/web/dist/images/orientation.js";
import { joined } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";

/** The beginning of a JPEG with Exif's data of one entry, in one of the two orders of bytes. */
function exifHead(orientation: number, isLittle: boolean): Uint8Array {
  const tiff = new DataView(new ArrayBuffer(26));
  tiff.setUint16(0, isLittle ? 0x4949 : 0x4d4d);
  tiff.setUint16(2, 42, isLittle);
  tiff.setUint32(4, 8, isLittle);
  tiff.setUint16(8, 1, isLittle);
  tiff.setUint16(10, 0x0112, isLittle);
  tiff.setUint16(12, 3, isLittle);
  tiff.setUint32(14, 1, isLittle);
  tiff.setUint16(18, orientation, isLittle);
  const length = 2 + 6 + tiff.byteLength;
  const start = Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, length >> 8, length & 0xff);
  return joined(start, new TextEncoder().encode("Exif\0\0"), new Uint8Array(tiff.buffer));
}

const orientationReader: Reader = {
  name: "orientation in a page",
  reads: "the orientation that a JPEG's Exif tells a page",
  sources: ["web/src/images/orientation.ts"],
  seeds: () => [exifHead(6, true), exifHead(8, false), exifHead(0, true)],
  words: ["\xff\xd8", "\xff\xe1", "\xff\xda", "Exif\0\0", "II*\0", "MM\0*", "\x01\x12", "\x12\x01"],
  run: (input) => {
    const found: number = orientationOf(input);
    if (!Number.isInteger(found) || found < 1 || found > 8) throw new WrongResult(`an orientation of ${found}`);
  },
};

export const webImageReaders: readonly Reader[] = [orientationReader];
