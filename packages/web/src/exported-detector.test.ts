/** An exported detector in a real Chromium: it finds in pictures of a page what it finds in the same files in Node. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cellEncoder } from "./testing/cell-encoder.js";
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
const objectsOf = (shift: number) => [
  { label: "bar", box: [26, 26 + shift, 28, 8] },
  { label: "square", box: [70, 40 - shift, 20, 20] },
];
const examples = [-6, 5].map((shift, i) => ({ input: `${"ab"[i]}.png`, objects: objectsOf(shift) }));

/** Marked photos in COCO's form. */
async function writePhotos(place: string): Promise<void> {
  await mkdir(place);
  const shifts = Array.from({ length: 12 }, (_, i) => i - 6);
  for (const shift of shifts) await writeFile(join(place, `${shift}.png`), await pictureOf(shift).png().toBuffer());
  const names = ["bar", "square"];
  const marks = {
    images: shifts.map((shift, i) => ({ id: i + 1, file_name: `${shift}.png`, width, height })),
    annotations: shifts.flatMap((shift, i) =>
      objectsOf(shift).map(({ label, box }, k) => ({
        ...{ id: 2 * i + k + 1, image_id: i + 1, category_id: names.indexOf(label) + 1, bbox: box },
      })),
    ),
    categories: names.map((name, i) => ({ id: i + 1, name })),
  };
  await writeFile(join(place, "marks.json"), JSON.stringify(marks));
}

/** Of scenes, and of photos whose cells an encoder makes. */
const learners = ["exported", "encoded"] as const;

describe.skipIf(chromiumMissing())("an exported detector in Chromium", () => {
  let folder: string;
  let browser: Browser;
  let site: Site;
  let page: AskedPage;
  const native: Record<string, readonly (readonly ObjectAnswer[])[]> = {};
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
    const small = "--iterations 3 --meta-batch 1 --validate-every 0 --workers 1 --skip-evaluation".split(" ");
    await command("train", "scenes", "--filters", "8", ...small, "--run", join(folder, "run"));
    await command("export", join(folder, "run"), "-o", join(folder, "exported"), "--max-support", "3");
    await writePhotos(join(folder, "photos"));
    await mkdir(join(folder, "encoder"));
    await writeFile(join(folder, "encoder/model.onnx"), cellEncoder(width, 8, 3));
    const settings = { kind: "image", size: [width, width], channels: 3, layout: "NCHW", mean: 127, scale: 128 };
    await writeFile(join(folder, "encoder/backbone.json"), JSON.stringify(settings));
    const seen = ["--data", join(folder, "photos"), "--backbone", join(folder, "encoder"), "--shots", "2"];
    await command("train", "photos", ...seen, "--queries", "2", ...small, "--run", join(folder, "seen"));
    await command("export", join(folder, "seen"), "-o", join(folder, "encoded"), "--max-support", "4");
    const script = `import { loadExported } from "@innerloop/node";
const { name, examples, asked, folder } = JSON.parse(process.argv[1]);
const learner = await loadExported(folder + "/" + name);
const at = (name) => folder + "/" + name;
const task = await learner.adapt(examples.map(({ input, objects }) => ({ input: at(input), objects })));
process.stdout.write(JSON.stringify(await task.predict(asked.map(at))));`;
    const names: string[] = [];
    for (const name of learners) {
      const inNode = ["--input-type=module", "--eval", script, JSON.stringify({ name, examples, asked, folder })];
      native[name] = JSON.parse((await run(process.execPath, inNode, { cwd: root })).stdout);
      const entries = await readdir(join(folder, name), { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      names.push(...files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)));
    }
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

  it.each(learners)("finds what it finds in Node, in files, canvases and behind addresses: %s", async (name) => {
    const found = await page.ask<{
      readonly answers: Readonly<Record<"address" | "file" | "bytes" | "canvas", readonly (readonly ObjectAnswer[])[]>>;
      readonly restored: readonly ObjectAnswer[];
      readonly ms: Readonly<Record<string, number>>;
    }>("exportedDetector", { address: name, examples, asked });
    const own = native[name]!;
    console.log(`a detector in a page, ${name}: ${JSON.stringify(found.ms)}`);
    const { address } = found.answers;
    expect(own[0]!.length).toBeGreaterThan(0);
    // As large as the detector sees it, a picture is the same bytes here and there.
    expect(address[0]!.map(({ label }) => label)).toEqual(own[0]!.map(({ label }) => label));
    address[0]!.forEach(({ probability, box }, i) => {
      expect(Math.abs(probability - own[0]![i]!.probability)).toBeLessThan(1e-3);
      box.forEach((number, at) => {
        expect(Math.abs(number - own[0]![i]!.box[at]!)).toBeLessThan(0.1);
      });
    });
    // Twice as large it is resampled, which differs by a few of 255: the same objects, in the picture's own pixels.
    expect(address[1]!.length).toBeGreaterThan(0);
    expect(Math.abs(address[1]![0]!.probability - own[1]![0]!.probability)).toBeLessThan(0.05);
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
