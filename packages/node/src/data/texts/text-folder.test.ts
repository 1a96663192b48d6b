import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readImageFolder } from "../images/image-folder.js";
import { isFolderOfTexts, readTextFolder } from "./text-folder.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-text-folder-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, contents] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
  }
}

async function found(options = {}) {
  const { texts, notes } = await readTextFolder(folder, options);
  const classes = Array.from(texts.classes.of, (place) => texts.classes.names[place] ?? "none");
  return { ...texts, classes, notes };
}

const four = { "praise/1.txt": "good\n", "praise/2.txt": "very\ngood", "blame/1.txt": "bad", "blame/2.TXT": "worse" };

describe("folders of texts", () => {
  it("have a folder for each class, and a text in each file", async () => {
    await put({ ...four, "praise/.hidden.txt": "no", ".git/x.txt": "no", "praise/notes.md": "no" });
    const { texts, classes, notes } = await found();
    expect(texts).toEqual(["bad", "worse", "good", "very\ngood"]);
    expect(classes).toEqual(["blame", "blame", "praise", "praise"]);
    expect(notes).toEqual([]);
  });

  it("have a file for each class where they lie in the folder itself, and a text in each line", async () => {
    await put({ "praise.txt": "\ufeffgood\r\n\r\nvery good\n", "blame.txt": "bad\nworse" });
    const { texts, classes } = await found();
    expect(texts).toEqual(["bad", "worse", "good", "very good"]);
    expect(classes).toEqual(["blame", "blame", "praise", "praise"]);
  });

  it("have parts where train and test lie around the classes, or hold a file for each", async () => {
    await put({ "x/train/a/1.txt": "p", "x/train/b/1.txt": "q", "x/test/a/1.txt": "r", "x/test/b/1.txt": "s" });
    expect(await found()).toMatchObject({
      texts: ["r", "s", "p", "q"],
      classes: ["a", "b", "a", "b"],
      parts: ["test", "test", "train", "train"],
    });
    await rm(join(folder, "x"), { recursive: true });
    await put({ "train/a.txt": "p\nq", "train/b.txt": "r", "dev/a.txt": "s", "dev/b.txt": "t" });
    expect(await found()).toMatchObject({
      texts: ["s", "t", "p", "q", "r"],
      classes: ["a", "b", "a", "a", "b"],
      parts: ["validation", "validation", "train", "train", "train"],
    });
  });

  it("have a split of the classes where no class is in two parts", async () => {
    await put({ "train/a/1.txt": "p", "train/a/2.txt": "q", "val/b/1.txt": "r", "test/c/1.txt": "s" });
    const { folds, parts } = await found();
    expect(folds).toEqual({ given: { a: "train", b: "validation", c: "test" } });
    expect(parts).toBeUndefined();
  });

  it("say what is left out beside folders of texts", async () => {
    await put({ ...four, "README.txt": "of this data" });
    const { texts, notes } = await found();
    expect(texts).toHaveLength(4);
    expect(notes).toEqual([`${join(folder, "README.txt")} is left out, since folders of texts lie beside it`]);
  });

  it("are a text a file where they are asked about", async () => {
    await put({ "b.txt": "one\ntwo", "more/a.txt": "three" });
    const { texts, classes } = await found({ unlabelled: true });
    expect(texts).toEqual(["one\ntwo", "three"]);
    expect(classes).toEqual(["none", "none"]);
  });

  it("tell all files that are wrong", async () => {
    await put({ ...four, "praise/3.txt": " \n", "blame/3.txt": Buffer.from("line\nna\xefve", "latin1") });
    await expect(found()).rejects.toThrow(
      /^ILD71 .*there are 2 problems\. [\s\S]*blame\/3\.txt:2: the text is not UTF-8\n[\s\S]*praise\/3\.txt: the text is empty/,
    );
  });

  it("refuse what has no classes, and say what it may be instead", async () => {
    await expect(found()).rejects.toThrow(/^ILD53 .*there are no \.txt files in it\. Make a folder/);
    await put({ "cat/1.png": "" });
    await expect(found()).rejects.toThrow(
      /^ILD53 .*It has images, such as 1\.png: train on them with `innerloop train --data/,
    );
    await put({ "a/1.txt": "x" });
    await expect(found()).rejects.toThrow(/^ILD53 .*a is the only folder of texts in it/);
    await put({ "train/b/1.txt": "x", "train/c/1.txt": "y" });
    await expect(found()).rejects.toThrow(
      /^ILD53 .*in train, which are parts of a split by their names, and others.*: a\./,
    );
    await put({ [`${"x/".repeat(14)}1.txt`]: "deep" });
    await expect(found()).rejects.toThrow(/^ILD53 .*more than 12 folders deep/);
  });

  it("are told from images, whose reader says what they are", async () => {
    await put(four);
    expect(await isFolderOfTexts(folder)).toBe(true);
    await expect(readImageFolder(folder)).rejects.toThrow(
      `ILD52 ${folder}: its folders hold texts (.txt), where images are expected. Train on them with \`innerloop train text --data ${folder}\`.`,
    );
    await put({ "praise/1.png": "" });
    expect(await isFolderOfTexts(folder)).toBe(false);
  });
});
