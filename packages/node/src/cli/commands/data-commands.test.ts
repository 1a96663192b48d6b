/** What `innerloop data import` refuses and says, in this process. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownDomains } from "@innerloop/experiments";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { backboneFolder, imageModel, imageSide } from "../../backbones/made-up-backbones.fixture.js";
import { madeUpZip } from "../../data/formats/made-up-archive.fixture.js";
import { writeStoredFile } from "../../data/store/dataset-file.js";
import { Interrupted } from "../cli-error.js";
import { collected } from "../collected-output.fixture.js";
import type { Output } from "../output.js";
import { dataImportCommand, dataListCommand, dataVerifyCommand } from "./data-commands.js";

let folder: string;
let images: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-import-"));
  images = join(folder, "images");
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  const png = await sharp(Buffer.from("image".repeat(13)).subarray(0, 64), {
    raw: { width: 8, height: 8, channels: 1 },
  })
    .png()
    .toBuffer();
  for (const name of ["a", "b"]) {
    await mkdir(join(images, name), { recursive: true });
    for (let i = 0; i < 20; i++) await writeFile(join(images, name, `${i}.png`), png);
  }
  await writeFile(join(folder, "one.csv"), "x;kind\n1;p\n2;q\n3;r\n");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function imported(name: string, path: string, tables = {}): Promise<string> {
  const { output, text } = collected();
  await dataImportCommand(name, [path], {}, tables, output);
  return text();
}

it.each(ownDomains.curves.options.data.choices)("refuses the name %s, under which --data has curves", async (name) => {
  await expect(imported(name, images)).rejects.toThrow(
    `${name} is the name of a family of curves, which \`train --data ${name}\` trains on. Choose another name`,
  );
});

it("says which data set it has replaced, where it is another", async () => {
  expect(await imported("mine", images)).not.toContain("replaced");
  expect(await imported("mine", images)).not.toContain("replaced");
  expect(await imported("mine", join(folder, "one.csv"), { labelColumn: "kind" })).toMatch(
    /mine: imported, 3 classes[\s\S]*It replaced the data set mine of 2 classes and 40 examples\. Runs that were trained on that one need it again/,
  );
});

it("says what kinds of path are taken, of a file that is none", async () => {
  await expect(imported("x", join(images, "a/0.png"))).rejects.toThrow(
    /0\.png is a file of a kind that is not imported\. Give a folder or zip archive \(\.zip\) .*, a table .*, or arrays/,
  );
});

it("imports a table of texts, and a folder of them, which it tells from images", async () => {
  const table = join(folder, "intents.csv");
  await writeFile(table, "words,kind,part\nhi,greet,train\nhi,greet,train\nbye,leave,test\nciao,leave,test\n");
  const columns = { textColumn: "words", labelColumn: "kind", splitColumn: "part" };
  const text = await imported("intents", table, columns);
  expect(text).toMatch(/intents: imported, 2 classes, 4 texts, 1 split of the classes/);
  expect(text).toContain("1 text of 4 is as an earlier one of the same class (line 3 as line 2)");
  const texts = join(folder, "texts");
  for (const name of ["a/1.txt", "b/1.txt", "b/2.txt"]) {
    await mkdir(join(texts, name, ".."), { recursive: true });
    await writeFile(join(texts, name), `text ${name}`);
  }
  expect(await imported("folders", texts)).toMatch(/folders: imported, 2 classes, 3 texts/);
  const { output } = collected();
  await expect(dataImportCommand("folders", [texts], { imageSize: 12 }, {}, output)).rejects.toThrow(
    "--image-size means nothing for a folder of texts",
  );
});

it("says of columns of texts where a table has none, and of a table of texts how it is imported", async () => {
  const table = join(folder, "one.csv");
  await expect(imported("x", table, { labelColumn: "kind", domainColumn: "x" })).rejects.toThrow(
    "--domain-column means nothing for a table of numbers. Texts have a --text-column",
  );
  await expect(imported("x", table, { labelColumn: "kind", textColumn: "y" })).rejects.toThrow(
    /^ILD71 .*there is no column "y"\. It has x, kind/,
  );
  await expect(imported("x", table, { labelColumn: "kind", textColumn: "x", featureColumns: "x" })).rejects.toThrow(
    "--feature-columns means nothing for a table of texts",
  );
  const texts = join(folder, "texts.csv");
  await writeFile(texts, "text,label\nhi,a\nyo,b\nho,b\n");
  await expect(imported("x", texts, { labelColumn: "label" })).rejects.toThrow(/--text-column/);
});

it("lists texts with what they have, their licence and their source", async () => {
  const rows = { names: ["a", "b"], of: Int32Array.from([0, 1, -1]) };
  const texts = { name: "licensed", texts: ["x", "y", "z"], classes: rows };
  const file = join(folder, "data", "licensed.examples");
  await writeStoredFile(file, { texts }, { kind: "texts", licence: "CC BY 4.0", source: "its authors" });
  const { output, text } = collected();
  await dataListCommand(output);
  expect(text().replaceAll(/\s+/g, " ")).toMatch(
    /licensed ready 2 classes, 3 texts \(1 of no class\), \d+ B, CC BY 4\.0, from its authors/,
  );
});

it("says after an interruption that nothing was kept, and how to import again", async () => {
  const { output, text } = collected();
  let isStopped = false;
  const update = (): void => {
    if (!isStopped) process.emit("SIGINT");
    isStopped = true;
  };
  const stopping: Output = { ...output, progress: () => ({ update, resume: () => undefined, end: () => undefined }) };
  const choice = { imageSize: 12, channels: "3" } as const;
  await expect(dataImportCommand("half", [images], choice, {}, stopping)).rejects.toThrow(Interrupted);
  expect(text()).toContain("Stopped; nothing was kept of half. Import it with:");
  expect(text()).toContain(`innerloop data import half ${images} --image-size 12 --channels 3`);
  expect(await readdir(join(folder, "data"))).not.toContain("half.examples");
});

it("takes, lists and checks a backbone folder by what is in it", async () => {
  const settings = { kind: "image", size: [imageSide, imageSide], channels: 3, layout: "NCHW", licence: "MIT" };
  const path = await backboneFolder(join(folder, "backbones"), { model: imageModel(), settings });
  expect(await imported("tiny", path)).toMatch(/tiny: imported, backbone of images, .*, MIT/);
  await expect(dataImportCommand("tiny", [path], { imageSize: 12 }, {}, collected().output)).rejects.toThrow(
    /--image-size means nothing for/,
  );
  const listed = async (): Promise<string> => {
    const { output, text } = collected();
    await dataListCommand(output);
    return text();
  };
  expect(await listed()).toMatch(/tiny +ready +backbone of images, .*, MIT/);
  expect(await listed()).toMatch(/minilm +not here +backbone of texts, 22 MiB, Apache-2\.0\. Run/);
  const checked = collected();
  await dataVerifyCommand(["tiny"], checked.output);
  expect(checked.text()).toMatch(/tiny: complete and runs, backbone of images/);
  await writeFile(join(folder, "data/backbones/tiny/model.onnx"), imageModel().subarray(1));
  expect(await listed()).toMatch(/tiny +damaged +ILD81/);
  await expect(dataVerifyCommand(["tiny"], collected().output)).rejects.toThrow(/ILD81/);
});

it("imports ratings of MovieLens from an archive, and tells and lists what they are", async () => {
  const zip = join(folder, "ml-latest-small.zip");
  const ratings = "userId,movieId,rating,timestamp\n7,1,3.0,964982703\n7,2,5.0,964982704\n8,1,4.0,5\n";
  const movies = "movieId,title,genres\n1,Antz (1998),Comedy|Crime\n2,Heat (1995),Crime|Comedy\n";
  const entries = Object.entries({ "ratings.csv": ratings, "movies.csv": movies });
  await writeFile(zip, madeUpZip(entries.map(([name, data]) => ({ name: `ml-latest-small/${name}`, data }))));
  const text = await imported("movielens", zip);
  expect(text).toContain("columns of ratings: users userId, items movieId, ratings rating, times timestamp");
  expect(text).toMatch(/movielens: imported, 3 ratings, 2 users, 2 items, .*, for research, not to be passed on/);
  await expect(imported("movielens", zip, { labelColumn: "x" })).rejects.toThrow(/--label-column means nothing/);
  const { output, text: listed } = collected();
  await dataListCommand(output);
  expect(listed().replaceAll(/\s+/g, " ")).toMatch(
    /movielens ready 3 ratings from 3 to 5, 2 users, 2 items \(2 attributes\)/,
  );
  expect(listed().replaceAll(/\s+/g, " ")).toMatch(/x-wines not here Run `innerloop data get x-wines`/);
});
