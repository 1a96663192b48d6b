import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";
import { getDataset, importDataset, loadDataset } from "../store/dataset-store.js";
import { omniglotAlphabets, omniglotCharacters, readOmniglot } from "./omniglot.js";

const alphabet = "Tagalog"; // 17 characters
const lastBackground = "Tifinagh";
let folder: string;
let drawings: Buffer[];

/** One official-looking image: 105 x 105, black ink on white; a bar whose row tells the drawer. */
function drawing(drawer: number, side = 105): Promise<Buffer> {
  const pixels = Buffer.alloc(side * side, 255);
  for (let y = drawer * 4; y < drawer * 4 + 8; y++) pixels.fill(0, y * side + 15, y * side + 75);
  return sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
    .png({ palette: true, colours: 2 })
    .toBuffer();
}

function tree(name = alphabet, characters = 17): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let character = 1; character <= characters; character++) {
    for (let drawer = 1; drawer <= 20; drawer++) {
      const file = `character${String(character).padStart(2, "0")}/09${character + 9}_${String(drawer).padStart(2, "0")}.png`;
      files.set(`images_background/${name}/${file}`, drawings[(drawer + character) % 20]!);
    }
  }
  return files;
}

let made = 0;
async function asZip(files: ReadonlyMap<string, Buffer>): Promise<string> {
  const path = join(folder, `made-${made++}.zip`);
  await writeFile(path, madeUpZip([...files].map(([name, data]) => ({ name, data, stored: true }))));
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-omniglot-"));
  drawings = await Promise.all(Array.from({ length: 20 }, (_, drawer) => drawing(drawer)));
});
afterAll(() => rm(folder, { recursive: true }));

describe("Omniglot", () => {
  it("has 964 and 659 characters in 30 and 20 alphabets, each part in alphabetical order", () => {
    const counts = { background: [0, 0], evaluation: [0, 0] };
    for (const { part, characters } of omniglotAlphabets) {
      counts[part][0]!++;
      counts[part][1]! += characters;
    }
    expect(counts).toEqual({ background: [30, 964], evaluation: [20, 659] });
    expect(omniglotCharacters).toBe(964 + 659);
    for (const part of ["background", "evaluation"] as const) {
      const names = omniglotAlphabets.filter((entry) => entry.part === part).map(({ name }) => name);
      expect(names).toEqual([...names].sort());
    }
  });

  it("reads the same from an archive and from a folder: ink 255, averaged over areas", async () => {
    const files = tree();
    files.set("__MACOSX/images_background/._junk.png", Buffer.from("junk"));
    files.set("images_background/README.txt", Buffer.from("text"));
    const unpacked = join(folder, "unpacked");
    for (const [name, data] of files) {
      await mkdir(dirname(join(unpacked, name)), { recursive: true });
      await writeFile(join(unpacked, name), data);
    }
    const { examples, contents } = await readOmniglot([await asZip(files)]);
    expect(contents).toEqual({ alphabets: 1, characters: 17, backgroundCharacters: 17, complete: false });
    expect(examples.exampleShape).toEqual([28, 28, 1]);
    expect(examples.classes.map(({ name }) => name).slice(0, 2)).toEqual([
      "Tagalog/character01",
      "Tagalog/character02",
    ]);
    const first = examples.classes[0]!.examples; // drawer 1 of character 1 is drawing 2: rows 8 to 15, columns 15 to 74
    expect(first.length).toBe(20 * 784);
    const pixel = (y: number, x: number) => first[y * 28 + x];
    // 28 pixels are 105: row 2 covers 7.5 to 11.25 (3.25 of 3.75 in ink), row 3 11.25 to 15 (all), row 4 1 of 3.75
    expect([pixel(1, 10), pixel(2, 10), pixel(3, 10), pixel(4, 10), pixel(5, 10)]).toEqual([0, 221, 255, 68, 0]);
    expect([pixel(3, 3), pixel(3, 4), pixel(3, 19), pixel(3, 20)]).toEqual([0, 255, 255, 0]);
    expect((await readOmniglot([unpacked])).examples).toEqual(examples);
  });

  it("keeps the fixed order and accepts the same class from two sources", async () => {
    const tifinagh = await asZip(tree(lastBackground, 55));
    const tagalog = await asZip(tree());
    const { examples } = await readOmniglot([tifinagh, tagalog, tagalog]);
    expect(examples.classes.map(({ name }) => name.split("/")[0])).toEqual([
      ...new Array(17).fill(alphabet),
      ...new Array(55).fill(lastBackground),
    ]);
  });

  const character = `images_background/${alphabet}/character05`;
  it.each<[string, string, RegExp, (files: Map<string, Buffer>) => void | Promise<void>]>([
    [
      "a missing class",
      "ILD32",
      /class Tagalog\/character05 is missing/,
      (files) => {
        for (const name of [...files.keys()]) if (name.startsWith(character)) files.delete(name);
      },
    ],
    ["a missing image", "ILD32", /no image of drawer 7/, (files) => void files.delete(`${character}/0914_07.png`)],
    [
      "a second image",
      "ILD31",
      /two images of drawer 7/,
      (files) => void files.set(`${character}/0915_07.png`, drawings[0]!),
    ],
    [
      "an unreadable image",
      "ILD51",
      /0914_07\.png/,
      (files) => void files.set(`${character}/0914_07.png`, Buffer.from("no image")),
    ],
    [
      "a truncated image",
      "ILD51",
      /0914_07\.png/,
      (files) => void files.set(`${character}/0914_07.png`, drawings[0]!.subarray(0, 90)),
    ],
    [
      "another size",
      "ILD31",
      /is 104 x 104, expected 105 x 105/,
      async (files) => void files.set(`${character}/0914_07.png`, await drawing(3, 104)),
    ],
    [
      "white ink on black",
      "ILD31",
      /0914_07\.png.*black/,
      async (files) => void files.set(`${character}/0914_07.png`, await sharp(drawings[0]!).negate().png().toBuffer()),
    ],
    ["another name", "ILD31", /cat\.png/, (files) => void files.set(`${character}/cat.png`, drawings[0]!)],
    [
      "an unknown alphabet",
      "ILD31",
      /Klingon/,
      (files) => void files.set("x/Klingon/character01/0001_01.png", drawings[0]!),
    ],
    [
      "a class too many",
      "ILD31",
      /01 to 17 only/,
      (files) => void files.set(`images_background/${alphabet}/character18/0001_01.png`, drawings[0]!),
    ],
    ["nothing in it", "ILD31", /no image/, (files) => files.clear()],
  ])("refuses %s, names the place and stores nothing", async (_, code, message, change) => {
    const files = tree();
    await change(files);
    const store = join(folder, `store-${made}`);
    const paths = [await asZip(files)];
    const failure = await importDataset("omniglot", { kind: "omniglot", paths }, { folder: store }).catch((e) => e);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await readdir(store).catch(() => [])).toEqual([]);
  });

  it("is downloaded on request only, checked, stored and loaded", async () => {
    const archives = new Map([
      ["/images_background.zip", madeUpZip([...tree()].map(([name, data]) => ({ name, data })))],
      ["/images_evaluation.zip", madeUpZip([...tree("Ge_ez", 26)].map(([name, data]) => ({ name, data })))],
    ]);
    const server = createServer((request, response) => response.end(archives.get(request.url ?? "")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = {
      folder: join(folder, "downloaded"),
      archives: [...archives].map(([path, bytes]) => ({
        url: origin + path,
        md5: createHash("md5").update(bytes).digest("hex"),
        maximumBytes: 10 ** 7,
      })),
    };
    try {
      await expect(loadDataset("omniglot", options)).rejects.toThrow(
        /ILD02 omniglot: .*`innerloop data get omniglot`.*`innerloop data import omniglot DIR\|ZIP\.\.\.`/,
      );
      const wrong = options.archives.map((archive) => ({ ...archive, md5: "0".repeat(32) }));
      await expect(getDataset("omniglot", { ...options, archives: wrong })).rejects.toThrow(/ILD23/);
      expect(await readdir(join(options.folder, "downloads"))).toEqual([]);
      const info = await getDataset("omniglot", options);
      expect(info).toMatchObject({ classes: 43, examples: 860, source: { kind: "omniglot", complete: false } });
      expect((await loadDataset("omniglot", options)).classes[17]!.name).toBe("Ge_ez/character01");
    } finally {
      server.close();
    }
  });
});
