/** An exported detector in a real Chromium: it finds in pictures of a page what it finds in the same files in Node. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AskedPage, chromiumMissing, openPage, startChromium } from "./testing/chromium.js";
import { importMap, plainPage, root } from "./testing/plain-page.js";
import { policyWith, type Site, startSite } from "./testing/site.js";

const run = promisify(execFile);

interface ObjectAnswer {
  readonly label: string;
  readonly probability: number;
  readonly box: readonly [x: number, y: number, width: number, height: number];
}

/** Sides of pictures: as large as the detector sees them, and twice that. */
const [width, height] = [112, 84];

/** Bars and squares in colours on dark ground. */
function drawn(shift: number): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isBar = Math.abs(y - 30 - shift) < 4 && Math.abs(x - 40) < 14;
      const isSquare = Math.abs(y - 50 + shift) < 10 && Math.abs(x - 80) < 10;
      const value = isBar ? 250 : isSquare ? 180 : (x * 7 + y * 11) % 40;
      pixels.set([value, isBar ? 90 : value, isSquare ? 60 : value], 3 * (y * width + x));
    }
  }
  return pixels;
}
const shifts = { "a.png": -6, "b.png": 5, "asked.png": 0 } as const;
const pictureOf = (shift: number) => sharp(drawn(shift), { raw: { width, height, channels: 3 } });
const examples = [-6, 5].map((shift, i) => ({
  input: `${"ab"[i]}.png`,
  objects: [
    { label: "bar", box: [26, 26 + shift, 28, 8] },
    { label: "square", box: [70, 40 - shift, 20, 20] },
  ],
}));

describe.skipIf(chromiumMissing())("an exported detector in Chromium", () => {
  let folder: string;
  let browser: Browser;
  let site: Site;
  let page: AskedPage;
  let native: readonly (readonly ObjectAnswer[])[];
  const asked = ["asked.png", "large.png"];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "innerloop-web-detector-"));
    for (const [name, shift] of Object.entries(shifts))
      await writeFile(join(folder, name), await pictureOf(shift).png().toBuffer());
    await writeFile(
      join(folder, "large.png"),
      await pictureOf(0)
        .resize(2 * width)
        .png()
        .toBuffer(),
    );
    const command = (...words: string[]): Promise<unknown> =>
      run(process.execPath, ["packages/node/bin/innerloop.js", ...words, "--quiet"], { cwd: root });
    const small = "--filters 8 --iterations 3 --meta-batch 1 --validate-every 0 --workers 1 --skip-evaluation".split(
      " ",
    );
    await command("train", "scenes", ...small, "--run", join(folder, "run"));
    await command("export", join(folder, "run"), "-o", join(folder, "exported"), "--max-support", "3");
    const script = `import { loadExported } from "@innerloop/node";
const { examples, asked, folder } = JSON.parse(process.argv[1]);
const learner = await loadExported(folder + "/exported");
const at = (name) => folder + "/" + name;
const task = await learner.adapt(examples.map(({ input, objects }) => ({ input: at(input), objects })));
process.stdout.write(JSON.stringify(await task.predict(asked.map(at))));`;
    const inNode = ["--input-type=module", "--eval", script, JSON.stringify({ examples, asked, folder })];
    native = JSON.parse((await run(process.execPath, inNode, { cwd: root })).stdout) as typeof native;

    const names = (await readdir(join(folder, "exported"), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    const served = [...names, ...asked, ...Object.keys(shifts)];
    const routes = Object.fromEntries(
      await Promise.all(
        served.map(async (name) => [`/${name.replaceAll("\\", "/")}`, await readFile(join(folder, name))] as const),
      ),
    );
    site = await startSite(root, { headers: policyWith(importMap), routes: { "/page.html": plainPage, ...routes } });
    browser = await startChromium();
    page = await openPage(browser, `${site.origin}/page.html`);
  });
  afterAll(async () => {
    await page?.close();
    await browser?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("finds what it finds in Node, in files, canvases and behind addresses", async () => {
    const found = await page.ask<{
      readonly answers: Readonly<Record<"address" | "file" | "bytes" | "canvas", readonly (readonly ObjectAnswer[])[]>>;
      readonly restored: readonly ObjectAnswer[];
      readonly ms: Readonly<Record<string, number>>;
    }>("exportedDetector", { address: "exported", examples, asked });
    console.log(`an exported detector in a page: ${JSON.stringify(found.ms)}`);
    const { address } = found.answers;
    expect(native[0]!.length).toBeGreaterThan(0);
    // As large as the detector sees it, a picture is the same bytes here and there.
    expect(address[0]!.map(({ label }) => label)).toEqual(native[0]!.map(({ label }) => label));
    address[0]!.forEach(({ probability, box }, i) => {
      expect(Math.abs(probability - native[0]![i]!.probability)).toBeLessThan(1e-3);
      box.forEach((number, at) => {
        expect(Math.abs(number - native[0]![i]!.box[at]!)).toBeLessThan(0.1);
      });
    });
    // Twice as large it is resampled, which differs by a few of 255: the same objects, in the picture's own pixels.
    expect(address[1]!.length).toBeGreaterThan(0);
    expect(Math.abs(address[1]![0]!.probability - native[1]![0]!.probability)).toBeLessThan(0.05);
    for (const { box } of address[1]!) {
      expect(Math.min(box[0], box[1])).toBeGreaterThanOrEqual(0);
      expect(box[0] + box[2]).toBeLessThanOrEqual(2 * width + 1e-9);
      expect(box[1] + box[3]).toBeLessThanOrEqual(2 * height + 1e-9);
    }
    for (const as of ["file", "bytes", "canvas"] as const) expect(found.answers[as], as).toEqual(address);
    expect(found.restored).toEqual(found.answers.address[0]);
  });

  it("refuses what is no picture", async () => {
    for (const [input, code] of [
      [5, "ILE206"],
      ["/nowhere.png", "ILW01"],
    ] as const)
      expect(
        await page.ask("notDetected", { address: "exported", input, objects: examples[0]!.objects }),
      ).toMatchObject({
        code,
      });
  });

  it("says nothing on the console but what was not found", () => {
    expect(page.complaints.filter((text) => !/404/.test(text))).toEqual([]);
  });
});
