/** The same files as bytes, in Chromium and in Node. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AskedPage, chromiumMissing, openPage, startChromium } from "../testing/chromium.js";
import { importMap, plainPage, root } from "../testing/plain-page.js";
import { policyWith, type Site, startSite } from "../testing/site.js";
import type { ImageDecoding } from "./decode-images.js";

/** Waves, a ramp and squares: smooth parts, and edges that a kernel rings at. */
function scene(width: number, height: number, opacity?: (x: number, y: number) => number): Sharp {
  const channels = opacity ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * channels;
      const square = ((x >> 4) + (y >> 4)) % 2 === 0 ? 250 : 20;
      data.set([128 + 100 * Math.sin(x / 9 + y / 13), (255 * x) / width, square], at);
      if (opacity) data[at + 3] = opacity(x, y);
    }
  return sharp(data, { raw: { width, height, channels } });
}

const pictures: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  "plain.png": () => scene(300, 200).png().toBuffer(),
  "clear.png": () =>
    scene(120, 90, (x, y) => (x * 7 + y) % 256)
      .png()
      .toBuffer(),
  "small.png": () => scene(20, 11).png().toBuffer(),
  "grey.png": () => scene(105, 105).toColourspace("b-w").png().toBuffer(),
  "plain.webp": () => scene(301, 217).webp({ lossless: true }).toBuffer(),
  "plain.gif": () => scene(90, 64).gif().toBuffer(),
  ...Object.fromEntries(
    [2, 3, 4, 5, 6, 7, 8].map((orientation) => [
      `turned-${orientation}.jpg`,
      () => jpeg(203, 129, "4:4:4", orientation),
    ]),
  ),
  "turned-small.jpg": () => jpeg(61, 40, "4:4:4", 6),
  "large.jpg": () => jpeg(1200, 900, "4:4:4"),
  "coarse.jpg": () => jpeg(1203, 901, "4:2:0"),
};
/** Its blue squares are what coarse colours blur. */
const coarse = ["coarse.jpg"];

function jpeg(width: number, height: number, chromaSubsampling: string, orientation = 1): Promise<Uint8Array> {
  return scene(width, height).withMetadata({ orientation }).jpeg({ quality: 95, chromaSubsampling }).toBuffer();
}

const hostile: Readonly<Record<string, string | Uint8Array>> = {
  "drawing.png": `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="4" height="9"/></svg>`,
  "empty.png": "",
  "text.png": "not a picture",
};

/** Differences of two lists of bytes, of 255. */
function difference(found: ArrayLike<number>, expected: ArrayLike<number>): { most: number; mean: number } {
  expect(found.length).toBe(expected.length);
  const each = Array.from(expected, (value, i) => Math.abs(value - found[i]!));
  return { most: each.reduce((a, b) => Math.max(a, b)), mean: each.reduce((a, b) => a + b) / each.length };
}

const missing = chromiumMissing();

describe.skipIf(missing)("decodeImages in Chromium", () => {
  let browser: Browser;
  let site: Site;
  let page: AskedPage;
  let folder: string;
  let cut: Uint8Array;

  /** What the package for Node makes of files. */
  async function native(names: readonly string[], { size, channels }: ImageDecoding): Promise<number[][]> {
    const reading = { size, channels, pixels: { background: "white", depth: 16 } };
    const script = `import { machineIo } from "innerloop/node";
const found = await machineIo.images(${JSON.stringify(names.map((name) => join(folder, name)))}, ${JSON.stringify(reading)});
process.stdout.write(JSON.stringify(found.map(({ bytes }) => [...bytes])));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: root,
      maxBuffer: 2 ** 26,
    });
    return JSON.parse(stdout) as number[][];
  }
  const decoded = (names: readonly string[], options: ImageDecoding, as = "file"): Promise<number[][]> =>
    page.ask("decoded", { names, as, options });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "innerloop-pictures-"));
    const made = await Promise.all(Object.entries(pictures).map(async ([name, make]) => [name, await make()] as const));
    for (const [name, bytes] of made) await writeFile(join(folder, name), bytes);
    cut = Object.fromEntries(made)["plain.png"]!.subarray(0, 300);
    const files = [...made, ...Object.entries(hostile), ["cut.png", cut] as const];
    const routes = Object.fromEntries(files.map(([name, bytes]) => [`/pictures/${name}`, bytes]));
    site = await startSite(root, { headers: policyWith(importMap), routes: { ...routes, "/page.html": plainPage } });
    browser = await startChromium();
    page = await openPage(browser, `${site.origin}/page.html`);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it.each([
    { size: [28, 28], channels: 3 },
    { size: [84, 84], channels: 3 },
    { size: [28, 40], channels: 1 },
  ] as const)("gives what Node gives: %o", async (options) => {
    const names = Object.keys(pictures);
    const [found, expected] = await Promise.all([decoded(names, options), native(names, options)]);
    const differences = names.map((name, i) => ({ name, ...difference(found[i]!, expected[i]!) }));
    const shown = differences.map(({ name, most, mean }) => `${name} ${most} (${mean.toFixed(2)})`).join(", ");
    console.log(`[${options.size}] x ${options.channels}, of 255 at most (in the mean): ${shown}`);
    for (const { name, most, mean } of differences) {
      const [mostAllowed, meanAllowed] = coarse.includes(name) ? [20, 3] : [4, 1];
      expect(most, name).toBeLessThanOrEqual(mostAllowed);
      expect(mean, name).toBeLessThanOrEqual(meanAllowed);
    }
  });

  it("takes each kind of source", async () => {
    const options = { size: [28, 28], channels: 3 } as const;
    const names = ["plain.png", "clear.png", "turned-6.jpg"];
    const expected = await decoded(names, options);
    for (const as of ["blob", "url"]) expect(await decoded(names, options, as)).toEqual(expected);
    for (const as of ["bitmap", "canvas", "data", "offscreen"]) {
      const found = await decoded(names, options, as);
      expect(found[0]).toEqual(expected[0]);
      // A canvas keeps colours multiplied by their opacity.
      expect(difference(found[1]!, expected[1]!).most, as).toBeLessThanOrEqual(1);
      // It does not tell how a file was turned, and would have been shrunk: it is the same picture all the same.
      expect(difference(found[2]!, expected[2]!).mean, as).toBeLessThan(10);
    }
  });

  it("inverts, contains and lies on black where it is told to", async () => {
    const options = { size: [8, 8], channels: 1 } as const;
    const [plain] = await decoded(["grey.png"], options);
    const [inverted] = await decoded(["grey.png"], { ...options, invert: true });
    expect(inverted).toEqual(plain!.map((value) => 255 - value));
    // 300 x 200 in a square: a sixth of it above, and below.
    for (const [background, value] of [
      ["white", 255],
      ["black", 0],
    ] as const) {
      const [contained] = await decoded(["plain.png"], { size: [12, 12], channels: 1, fit: "contain", background });
      const rows = Array.from({ length: 12 }, (_, y) => contained!.slice(y * 12, y * 12 + 12));
      expect(rows.map((row) => row.every((each) => each === value))).toEqual(
        Array.from({ length: 12 }, (_, y) => y < 2 || y >= 10),
      );
    }
  });

  it("refuses what it cannot read, by its place and name", async () => {
    const options = { size: [4, 4], channels: 3 };
    const refusal = (name: string, as = "file") =>
      page.ask<{ code: string; message: string }>("undecoded", { names: ["plain.png", name], as, options });
    for (const [name, message] of [
      ["drawing.png", /none of the kinds/],
      ["text.png", /none of the kinds/],
      ["empty.png", /the file is empty/],
      ["cut.png", /the browser cannot decode it/],
    ] as const) {
      const found = await refusal(name);
      expect(found).toMatchObject({ code: "ILW01", message: expect.stringMatching(message) });
      expect(found.message).toContain(`image 1 ("${name}")`);
    }
    const absent = { code: "ILW01", message: expect.stringMatching(/pictures\/none.png.*its server answers 404/) };
    expect(await refusal("none.png", "url")).toMatchObject(absent);
    expect(await page.ask("undecodable", { source: "a path" })).toMatchObject({
      code: "ILW01",
      message: expect.stringMatching(/of kind String/),
    });
    for (const form of [
      { size: [0, 4], channels: 3 },
      { size: [4, 4], channels: 2 },
      { size: [4], channels: 1 },
    ])
      expect(await page.ask("undecoded", { names: ["plain.png"], options: form })).toMatchObject({ code: "ILW02" });
  });

  it("makes no complaints but of the file that is not there", () => {
    expect(page.complaints.filter((text) => !text.includes("404"))).toEqual([]);
  });
});
