/** Pictures with what was found in them drawn: boxes, classes and scores. */

import { letterbox } from "@innerloop/core/detection";
import type { FoundObject } from "@innerloop/experiments";
import { readingLimits } from "../reading-limits.js";
import { letterboxedImages } from "./letterboxed-pixels.js";

/** Colours of classes: each is read on light and on dark. */
const colours = ["#2f7de0", "#d9580b", "#2b8a3e", "#8d6e00", "#d6336c", "#7a5cd6", "#0e8a8a", "#8a6d5a"];

/**
 * The PNG of an image file with boxes over it, turned as EXIF says, at its own size or, where a side is longer than the
 * largest that is decoded, at that. Lines and letters are as wide as suits the picture; each class has a colour.
 *
 * @param picture.width of the picture in pixels, in which boxes are told
 * @throws DataError for a file that is no image
 */
export async function drawnDetections(
  file: string,
  picture: { readonly width: number; readonly height: number; readonly objects: readonly FoundObject[] },
  classes: readonly string[],
): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  const size = Math.min(Math.max(picture.width, picture.height), readingLimits.letterboxSide);
  const [image] = await letterboxedImages([file], size);
  const place = letterbox(picture.width, picture.height, size);
  const { left, top, width, height } = place;
  return sharp(image!.pixels, { raw: { width: size, height: size, channels: 3 } })
    .extract({ left, top, width, height })
    .composite([{ input: Buffer.from(boxesSvg(picture.objects, classes, place)) }])
    .png()
    .toBuffer();
}

/** Boxes over a picture as an SVG of its size; a class stands over its box, or inside where there is no room. */
export function boxesSvg(
  objects: readonly FoundObject[],
  classes: readonly string[],
  {
    width,
    height,
    scales,
  }: { readonly width: number; readonly height: number; readonly scales: readonly [number, number] },
): string {
  const line = Math.max(1, Math.round(Math.max(width, height) / 400));
  const letters = Math.max(9, Math.round(Math.max(width, height) / 50));
  const shapes = objects.map(({ class: name, score, box }) => {
    const [x, y, wide, high] = [box[0] * scales[0], box[1] * scales[1], box[2] * scales[0], box[3] * scales[1]];
    const colour = colours[classes.indexOf(name) % colours.length]!;
    const text = `${name} ${score.toFixed(2)}`;
    const textWidth = 0.62 * letters * text.length;
    const from = Math.max(0, Math.min(x, width - textWidth));
    const over = y - line >= letters;
    const base = over ? y - line - 0.15 * letters : y + letters;
    return [
      `<rect x="${at(x)}" y="${at(y)}" width="${at(wide)}" height="${at(high)}" fill="none" stroke="#fff" stroke-width="${2 * line + 1}" stroke-opacity="0.6"/>`,
      `<rect x="${at(x)}" y="${at(y)}" width="${at(wide)}" height="${at(high)}" fill="none" stroke="${colour}" stroke-width="${line}"/>`,
      `<text x="${at(from)}" y="${at(base)}" font-family="sans-serif" font-weight="bold" font-size="${letters}" fill="${colour}" stroke="#fff" stroke-width="${at(letters / 5)}" paint-order="stroke">${escaped(text)}</text>`,
    ].join("");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join("")}</svg>`;
}

const at = (value: number): string => String(Math.round(10 * value) / 10);

/** Names of classes come from files: in markup they stand for themselves, without what XML has no place for. */
const escaped = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
    .replace(/[\u0000-\u001f\ufffe\uffff]/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
