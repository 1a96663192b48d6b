import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";
import { type ImageFolderOptions, readImageFolder } from "../images/image-folder.js";
import { type ImageCacheOptions, readCachedImageFolder } from "./image-cache.js";

let folder: string;
let images: string;
let cache: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-pixels-"));
  [images, cache] = [join(folder, "images"), join(folder, "cache")];
  for (const [name, value] of Object.entries({ "train/a": 10, "train/b": 60, "test/c": 110 })) {
    await mkdir(join(images, name), { recursive: true });
    await writeFile(join(images, name, "1.png"), await grey(value));
  }
});
afterEach(() => rm(folder, { recursive: true }));

const grey = (value: number): Promise<Buffer> =>
  sharp({ create: { width: 9, height: 9, channels: 3, background: { r: value, g: value, b: value } } })
    .png()
    .toBuffer();

/** What is read, and how many images were decoded for it: decoding reports each folder of images. */
async function read(options: ImageFolderOptions = {}, how: Partial<ImageCacheOptions> = {}, path = images) {
  let decoded = 0;
  const examples = await readCachedImageFolder(
    path,
    {
      name: "greys",
      size: [4, 4],
      ...options,
      onProgress: (done, _, what) => {
        if (what.includes(".pixels")) return;
        decoded = done;
      },
    },
    { folder: cache, ...how },
  );
  return { examples, decoded };
}
const entries = async (): Promise<string[]> => (await readdir(cache)).map((name) => join(cache, name));

describe("readCachedImageFolder", () => {
  it("decodes once, and gives what readImageFolder gives", async () => {
    const expected = await readImageFolder(images, { name: "greys", size: [4, 4] });
    expect(await read()).toEqual({ examples: expected, decoded: 3 });
    expect(await read()).toEqual({ examples: expected, decoded: 0 });
    expect(expected.classes.map(({ split, examples }) => [split, examples[0]])).toEqual([
      ["train", 10],
      ["train", 60],
      ["test", 110],
    ]);
  });

  it("takes the pixels from the entry, not from the images", async () => {
    await read();
    const [entry] = await entries();
    // An entry of other images in its place: were anything decoded, it would not be these.
    await writeFile(join(images, "train/a/1.png"), await grey(200));
    const other = await read();
    const [second] = (await entries()).filter((file) => file !== entry);
    await rename(entry!, second!);
    const { examples, decoded } = await read();
    expect(decoded).toBe(0);
    expect([other.examples, examples].map(({ classes }) => classes[0]!.examples[0])).toEqual([200, 10]);
  });

  it("notices a changed, added, renamed and removed file, and one whose time was set back", async () => {
    await read();
    const file = join(images, "train/a/1.png");
    const { mtime, size } = await stat(file);
    const same = Buffer.concat([await grey(77), Buffer.alloc(size)]).subarray(0, size);
    await writeFile(file, same);
    await utimes(file, mtime, mtime);
    expect((await read()).decoded).toBe(3);
    await writeFile(join(images, "train/b/2.png"), await grey(99));
    expect((await read()).decoded).toBe(4);
    await rename(join(images, "train/b/2.png"), join(images, "train/b/0.png"));
    expect((await read()).examples.classes[1]!.examples[0]).toBe(99);
    await rm(join(images, "train/b/0.png"));
    expect((await read()).examples.classes[1]!.count).toBe(1);
    await rename(join(images, "test"), join(images, "val"));
    const { examples } = await read();
    expect(examples.classes.map(({ split }) => split)).toEqual(["train", "train", "validation"]);
  });

  it("keeps other options and other folders apart", async () => {
    await read();
    for (const options of [{ size: [5, 5] }, { channels: 3 }, { invert: true }, { fit: "fill" }] as const) {
      expect((await read(options)).decoded, JSON.stringify(options)).toBe(3);
      expect((await read(options)).decoded).toBe(0);
    }
    await rename(images, join(folder, "moved"));
    expect((await read({}, {}, join(folder, "moved"))).decoded).toBe(3);
  });

  it("makes a damaged entry anew", async () => {
    const { examples } = await read();
    const [entry] = await entries();
    const whole = await readFile(entry!);
    for (const bytes of [whole.subarray(0, whole.length - 1), Buffer.alloc(0), Buffer.from("no entry")]) {
      await writeFile(entry!, bytes);
      expect(await read()).toEqual({ examples, decoded: 3 });
    }
    whole[whole.length - 1]! ^= 1;
    await writeFile(entry!, whole);
    expect(await read()).toEqual({ examples, decoded: 3 });
    expect((await read()).decoded).toBe(0);
  });

  it("notices a changed archive", async () => {
    const path = join(folder, "images.zip");
    const zip = async (value: number) =>
      madeUpZip([
        { name: "a/1.png", data: await grey(value) },
        { name: "b/1.png", data: await grey(9) },
      ]);
    await writeFile(path, await zip(50));
    expect((await read({}, {}, path)).decoded).toBe(2);
    expect((await read({}, {}, path)).decoded).toBe(0);
    await writeFile(path, await zip(51));
    expect((await read({}, {}, path)).examples.classes[0]!.examples[0]).toBe(51);
  });

  it("keeps within its limit, the oldest go first, and other files stay", async () => {
    await mkdir(cache);
    await writeFile(join(cache, "notes.txt"), "mine");
    await read();
    const [first] = (await entries()).filter((file) => file.endsWith(".pixels"));
    const { size } = await stat(first!);
    await utimes(first!, 1, 1);
    await read({ invert: true }, { limit: 2.5 * size });
    await read({ fit: "fill" }, { limit: 2.5 * size });
    expect(await entries()).not.toContain(first);
    expect(await entries()).toHaveLength(3);
    expect(await readFile(join(cache, "notes.txt"), "utf8")).toBe("mine");
    await read({ size: [64, 64] }, { limit: 10_000 });
    expect((await read({ size: [64, 64] })).decoded).toBe(3);
  });

  it("reads all the same where it cannot write", async () => {
    await writeFile(cache, "a file where the folder would be");
    expect((await read()).decoded).toBe(3);
    expect((await read()).decoded).toBe(3);
  });

  it("tells again what was left out, and refuses it where that was not asked for", async () => {
    await writeFile(join(images, "train/a/bad.png"), "no image");
    for (const decoded of [4, 0]) {
      const told: string[] = [];
      const again = await read({ skipBad: true, onWarning: (text) => told.push(text) });
      expect(again.decoded).toBe(decoded);
      expect(again.examples.classes[0]!.count).toBe(1);
      expect(told.join()).toContain(`${join(images, "train/a/bad.png")}: the image cannot be read`);
    }
    await expect(read({ skipBad: false })).rejects.toThrow(
      /^ILD51 .*bad\.png: .*Replace or remove it, or .*--skip-bad/,
    );
  });
});
