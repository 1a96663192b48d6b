import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { boxesSvg, drawnDetections } from "./drawn-detections.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-drawn-"));
});
afterAll(() => rm(folder, { recursive: true }));

const classes = ["cat", 'a <b> & "c"\u0007'];
const found = (name: string, ...box: [number, number, number, number]) => ({ class: name, score: 0.876, box });

describe("boxes over a picture", () => {
  const rectsOf = (svg: string) =>
    [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)].map((match) =>
      match.slice(1).map(Number),
    );

  test("stand where they were found, at the size that is drawn, under one colour for each class", () => {
    const svg = boxesSvg(
      [found("cat", 10, 20, 30, 40), found(classes[1]!, 50, 60, 20, 20), found("cat", 0, 90, 5, 5)],
      classes,
      { width: 200, height: 100, scales: [2, 1] },
    );
    // A light line under each.
    expect(rectsOf(svg).filter((_, i) => i % 2 === 1)).toEqual([
      [20, 20, 60, 40],
      [100, 60, 40, 20],
      [0, 90, 10, 5],
    ]);
    const colours = [...svg.matchAll(/<text [^>]*fill="(#\w+)"/g)].map(([, colour]) => colour);
    expect(colours[0]).toBe(colours[2]);
    expect(colours[0]).not.toBe(colours[1]);
    expect(svg).toContain(">cat 0.88</text>");
  });

  test("have names from files as text, and no markup of theirs", () => {
    const svg = boxesSvg([found(classes[1]!, 1, 1, 2, 2)], classes, { width: 9, height: 9, scales: [1, 1] });
    expect(svg).toContain('a &lt;b&gt; &amp; "c"  0.88</text>');
  });

  test("texts stay within the picture", () => {
    const svg = boxesSvg([found("cat", 190, 0, 9, 9)], classes, { width: 200, height: 100, scales: [1, 1] });
    const [, x, y] = /<text x="([\d.]+)" y="([\d.]+)"/.exec(svg)!;
    expect(Number(x)).toBeLessThan(160);
    expect(Number(y)).toBeGreaterThan(5);
  });
});

test("a picture keeps its size, turned as EXIF says, with the lines in it and the same bytes each time", async () => {
  const file = join(folder, "turned.jpg");
  const image = sharp({ create: { width: 60, height: 30, channels: 3, background: "#808080" } });
  await image.jpeg().withMetadata({ orientation: 6 }).toFile(file);
  const picture = { width: 30, height: 60, objects: [found("cat", 5, 10, 20, 30)] };
  const png = await drawnDetections(file, picture, classes);
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([30, 60]);
  const at = (x: number, y: number): number[] => Array.from(data.subarray(info.channels * (y * 30 + x)).subarray(0, 3));
  expect(at(25, 25)).not.toEqual(at(15, 30));
  expect(Math.max(...at(15, 30).map((value) => Math.abs(value - 128)))).toBeLessThan(3);
  expect(Buffer.compare(Buffer.from(png), Buffer.from(await drawnDetections(file, picture, classes)))).toBe(0);
});
