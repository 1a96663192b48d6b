import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { machineIo } from "./machine-io.js";
import { importDataset } from "./store/dataset-store.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-machine-texts-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  await writeFile(join(folder, "intents.csv"), "words,kind,part\nhi,greet,train\nbye,leave,test\nhey,greet,train\n");
  for (const name of ["a/1.txt", "a/2.txt", "b/1.txt"]) {
    await mkdir(join(folder, "folders", name, ".."), { recursive: true });
    await writeFile(join(folder, "folders", name), name);
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const columns = { textColumn: "words", labelColumn: "kind" };

it("texts are found by path and by name, the same contents under one digest", async () => {
  const path = join(folder, "intents.csv");
  const ofFile = await machineIo.texts(path, columns, {});
  expect(ofFile).toMatchObject({ folder: path, texts: { name: "intents", texts: ["hi", "bye", "hey"] } });
  await importDataset("mine", { kind: "text-table", path, ...columns });
  const ofName = await machineIo.texts("mine", {}, {});
  expect(ofName).toMatchObject({ texts: { name: "mine", texts: ["hi", "bye", "hey"] }, sha256: ofFile.sha256 });
  expect(ofName).not.toHaveProperty("folder");
  const split = await machineIo.texts(path, { ...columns, splitColumn: "part" }, {});
  expect(split.sha256).not.toBe(ofFile.sha256);
  const ofFolder = await machineIo.texts(join(folder, "folders"), {}, {});
  expect(ofFolder).toMatchObject({ folder: join(folder, "folders"), texts: { name: "folders" } });
  expect(ofFolder.texts.texts).toEqual(["a/1.txt", "a/2.txt", "b/1.txt"]);
});

it("definitions come with the package, whoever asks first", async () => {
  const { texts } = await machineIo.texts("glosses", {}, {});
  expect(texts.classes.names).toContain("verb.motion");
  expect(Object.keys(texts.folds ?? {})).toEqual(["thirds"]);
});

it("what cannot be read is refused with what to do", async () => {
  await expect(machineIo.texts("no-such-thing", {}, {})).rejects.toThrow(
    /there is no data set, file or folder no-such-thing\. Give a table.*clinc150/,
  );
  await expect(machineIo.texts("clinc150", {}, {})).rejects.toThrow(
    /^ILD02 clinc150: the data set is not on this machine .*`innerloop data get clinc150`/,
  );
  await expect(machineIo.dataset("clinc150", {})).rejects.toThrow(
    "ILD08 clinc150: the data set holds texts, where images or rows of numbers are expected. Train on it with `innerloop train clinc150`.",
  );
  await expect(machineIo.texts("hanzi", {}, {})).rejects.toThrow(/^ILD08 hanzi: .*`innerloop train hanzi`/);
  await expect(machineIo.texts("glosses", { textColumn: "x" }, {})).rejects.toThrow(
    "--text-column means nothing for the data set glosses",
  );
  await expect(machineIo.texts(join(folder, "folders"), { labelColumn: "x" }, {})).rejects.toThrow(
    "--label-column means nothing for a folder",
  );
  await writeFile(join(folder, "x.pdf"), "");
  await expect(machineIo.texts(join(folder, "x.pdf"), {}, {})).rejects.toThrow(
    /of a kind that texts are not read from/,
  );
});
