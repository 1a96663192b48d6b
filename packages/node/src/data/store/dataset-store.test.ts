import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { npyFiles } from "../formats/numpy-files.fixture.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { knownSets } from "../sets/registry.js";
import { readDatasetFile, writeDatasetFile } from "./dataset-file.js";
import { dataFolder, getDataset, importDataset, listDatasets, loadDataset, verifyDataset } from "./dataset-store.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

const bytes: LabelledExamples = {
  name: "points",
  exampleShape: [2, 2, 1],
  classes: [
    { name: "a", count: 2, examples: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) },
    { name: "b/ü", count: 1, examples: Uint8Array.from([9, 10, 11, 12]) },
  ],
};
const floats: LabelledExamples = {
  name: "curves",
  exampleShape: [3],
  classes: [
    { name: "x", count: 1, examples: Float32Array.from([0.5, -1, 2]) },
    { name: "y", count: 2, examples: new Float32Array(8).subarray(1, 7) },
  ],
};
const store = (examples: LabelledExamples, name = "points") =>
  importDataset(name, { kind: "examples", examples }, { folder });

describe("the data folder", () => {
  it("is INNERLOOP_DATA, or in the user's cache", () => {
    expect(dataFolder({ INNERLOOP_DATA: "/data", XDG_CACHE_HOME: "/cache" })).toBe("/data");
    expect(dataFolder({ XDG_CACHE_HOME: "/cache" })).toBe("/cache/innerloop/data");
    expect(dataFolder({ XDG_CACHE_HOME: "relative" })).toBe(join(homedir(), ".cache/innerloop/data"));
  });
});

describe("stored data sets", () => {
  it("come back as they were, bytes and floats", async () => {
    const info = await store(bytes);
    expect(info).toMatchObject({
      name: "points",
      classes: 2,
      examples: 3,
      elementType: "uint8",
      exampleShape: [2, 2, 1],
    });
    expect(await loadDataset("points", { folder })).toEqual(bytes);
    await store(floats, "curves");
    expect(await loadDataset("curves", { folder })).toEqual(floats);
    expect(await verifyDataset("points", { folder })).toEqual(info);
    expect((await readdir(folder)).sort()).toEqual(["curves.examples", "points.examples"]);
  });

  it("keep which part of a split a class belongs to", async () => {
    const parts = ["train", "test"] as const;
    const split = { ...bytes, classes: bytes.classes.map((entry, i) => ({ ...entry, split: parts[i]! })) };
    expect(await store(split)).toMatchObject({ splits: { train: 1, validation: 0, test: 1 } });
    expect(await loadDataset("points", { folder })).toEqual(split);
    const partly = { ...bytes, classes: [split.classes[0]!, bytes.classes[1]!] };
    expect(await store(partly)).not.toHaveProperty("splits");
    expect(await loadDataset("points", { folder })).toEqual(partly);
  });

  it("are the file that the comment describes", async () => {
    const { file, sha256 } = await store(bytes);
    const stored = await readFile(file);
    const headerLength = stored.readUInt32LE(12);
    expect(stored.subarray(0, 12).toString("latin1")).toBe("ILDATA\0\0\x01\0\0\0");
    expect(createHash("sha256").update(stored.subarray(48)).digest("hex")).toBe(sha256);
    expect(stored.subarray(16, 48).toString("hex")).toBe(sha256);
    expect(JSON.parse(stored.subarray(48, 48 + headerLength).toString()).classes[1]).toEqual({ name: "b/ü", count: 1 });
    expect([...stored.subarray(48 + headerLength)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it("are refused, and never crash the reader, whichever byte is changed or wherever they are cut", async () => {
    const { file } = await store(bytes);
    const stored = await readFile(file);
    for (let index = 0; index < stored.length; index++) {
      const changed = Buffer.from(stored);
      changed[index]! ^= 1 << (index % 8);
      await writeFile(file, changed);
      await expect(loadDataset("points", { folder }), `byte ${index}`).rejects.toMatchObject({
        code: expect.stringMatching(/^ILD0[45]$/),
      });
      await writeFile(file, stored.subarray(0, index));
      await expect(loadDataset("points", { folder }), `cut at ${index}`).rejects.toMatchObject({ code: "ILD04" });
    }
  });

  it.each<[string, unknown]>([
    ["no object", [1]],
    [
      "a size beyond the file",
      {
        name: "points",
        exampleShape: [1e9, 1e9],
        elementType: "uint8",
        classes: [{ name: "a", count: 1e6 }],
        source: { kind: "x" },
      },
    ],
    [
      "a negative count",
      {
        name: "points",
        exampleShape: [2],
        elementType: "uint8",
        classes: [
          { name: "a", count: -1 },
          { name: "b", count: 7 },
        ],
        source: { kind: "x" },
      },
    ],
    [
      "a fractional shape",
      {
        name: "points",
        exampleShape: [0.5],
        elementType: "uint8",
        classes: [{ name: "a", count: 24 }],
        source: { kind: "x" },
      },
    ],
    [
      "the same class twice",
      {
        name: "points",
        exampleShape: [2],
        elementType: "uint8",
        classes: [
          { name: "a", count: 3 },
          { name: "a", count: 3 },
        ],
        source: { kind: "x" },
      },
    ],
    [
      "an unknown split",
      {
        name: "points",
        exampleShape: [2],
        elementType: "uint8",
        classes: [{ name: "a", count: 6, split: "dev" }],
        source: { kind: "x" },
      },
    ],
    ["no source", { name: "points", exampleShape: [2], elementType: "uint8", classes: [{ name: "a", count: 6 }] }],
  ])("are refused with a well-hashed header that holds %s", async (_, header) => {
    const json = Buffer.from(JSON.stringify(header));
    const body = Buffer.concat([json, Buffer.alloc(12)]);
    const preamble = Buffer.alloc(16);
    preamble.write("ILDATA", 0);
    preamble.writeUInt32LE(1, 8);
    preamble.writeUInt32LE(json.length, 12);
    const file = join(folder, "points.examples");
    await writeFile(file, Buffer.concat([preamble, createHash("sha256").update(body).digest(), body]));
    await expect(loadDataset("points", { folder })).rejects.toThrow(/^ILD04 .*points\.examples: .*`innerloop data/);
  });

  it("are not stored when their examples do not fit together", async () => {
    const [a, b] = bytes.classes as [LabelledExamples["classes"][0], LabelledExamples["classes"][0]];
    for (const classes of [[], [a, a], [a, { ...b, count: 2 }], [a, { ...b, examples: new Float32Array(4) }]]) {
      await expect(store({ ...bytes, classes })).rejects.toThrow(/^ILD06 /);
    }
    const rotated = { ...a, name: "turned", rotation: 1 as const };
    await expect(store({ ...bytes, classes: [a, rotated] })).rejects.toThrow(/^ILD06 .*rotated view/);
    await expect(store({ ...bytes, exampleShape: [0] })).rejects.toThrow(/^ILD06 /);
    const ids = { name: "requests", count: 2, examples: Int32Array.from({ length: 8 }, (_, i) => i) };
    await expect(store({ ...bytes, ids: { count: 8 }, classes: [ids] })).rejects.toThrow(/^ILD06 .*ids of words/);
    await expect(store({ ...bytes, classes: [ids] })).rejects.toThrow(/^ILD06 .*different types/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("stay as they were when a second import fails or is stopped", async () => {
    await store(bytes);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stopped by the test"));
    const options = { folder, onProgress, signal: controller.signal };
    await expect(importDataset("points", { kind: "examples", examples: floats }, options)).rejects.toThrow("stopped");
    expect(await readdir(folder)).toEqual(["points.examples"]);
    expect(await loadDataset("points", { folder })).toEqual(bytes);
  });

  it("are refused under another name than they were stored under", async () => {
    const { file } = await store(bytes);
    await rename(file, join(folder, "other.examples"));
    await expect(loadDataset("other", { folder })).rejects.toThrow(/ILD04 .*its name is "points"/);
  });

  it.each(["../evil", "a/b", "", ".hidden", "Upper", "a.b", "x".repeat(65), "nul\0"])(
    "cannot be called %j",
    async (name) => {
      await expect(store(bytes, name)).rejects.toThrow(/^ILD01 /);
      await expect(loadDataset(name, { folder })).rejects.toThrow(/^ILD01 /);
    },
  );

  it("cannot take the name of a built-in one, and are unknown until imported", async () => {
    await expect(store(bytes, "mnist")).rejects.toThrow(/^ILD01 mnist: .*built-in/);
    await expect(loadDataset("flowers", { folder })).rejects.toThrow(
      /ILD02 flowers: .*`innerloop data import flowers DIR\|ZIP`/,
    );
    await expect(getDataset("constructor", { folder })).rejects.toThrow(/ILD02/);
  });

  it("take from a folder of images what the options say", async () => {
    const images = join(folder, "pictures");
    for (const name of ["cat", "dog"]) {
      await mkdir(join(images, name), { recursive: true });
      const pixels = Buffer.from(name.repeat(64));
      await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } }).toFile(join(images, name, "1.png"));
    }
    const source = { kind: "image-folder", folder: images, size: [4, 5], channels: 3, invert: true } as const;
    const info = await importDataset("pets", source, { folder });
    expect(info).toMatchObject({
      exampleShape: [4, 5, 3],
      source: { kind: "image-folder", from: "pictures", invert: true },
    });
    expect((await loadDataset("pets", { folder })).name).toBe("pets");
  });

  it("take arrays and tables, and say what of", async () => {
    await writeFile(join(folder, "a.npz"), Buffer.from(npyFiles.npz, "base64"));
    const arrays = await importDataset("arrays", { kind: "arrays", paths: [join(folder, "a.npz")] }, { folder });
    expect(arrays).toMatchObject({ classes: 3, elementType: "uint8", source: { kind: "arrays", from: ["a.npz"] } });
    await writeFile(join(folder, "t.csv"), "x,y\n1,a\n2,b\n");
    const table = { kind: "table", path: join(folder, "t.csv"), labelColumn: "y" } as const;
    expect(await importDataset("table", table, { folder })).toMatchObject({
      exampleShape: [1],
      elementType: "float32",
      source: { kind: "table", from: "t.csv", labelColumn: "y" },
    });
    expect((await loadDataset("table", { folder })).classes[1]).toEqual({
      name: "b",
      count: 1,
      examples: Float32Array.of(2),
    });
  });

  it("survive writers and readers of the same one at once", async () => {
    await store(bytes);
    const others = Array.from({ length: 8 }, async (_, index) => {
      for (let round = 0; round < 5; round++) {
        if (index % 2) await store(round % 2 ? bytes : { ...floats, name: "points" });
        else expect(["points"]).toContain((await loadDataset("points", { folder })).name);
      }
    });
    await Promise.all(others);
    expect(await readdir(folder)).toEqual(["points.examples"]);
  });

  it("are cleared of what a killed process left, a day later", async () => {
    const left = join(folder, "points.examples.partial-1-abc");
    const fresh = join(folder, "points.examples.partial-2-def");
    await writeFile(left, "half");
    await writeFile(fresh, "half");
    await utimes(left, new Date(0), new Date(0));
    await store(bytes);
    expect((await readdir(folder)).sort()).toEqual(["points.examples", "points.examples.partial-2-def"]);
  });
});

describe("built-in data sets", () => {
  it("prepare themselves on first use without network, and say what omniglot needs", async () => {
    const listed = await listDatasets({ folder: join(folder, "none yet") });
    const states = new Map(listed.map(({ name, state }) => [name, state]));
    expect([...states.keys()]).toEqual(Object.keys(knownSets).sort());
    const prepared = ["glosses", "hanzi", "mnist"];
    for (const [name, state] of states) {
      expect(state, name).toBe(prepared.includes(name) ? "prepared on first use" : "not here");
    }
    const mnist = await loadDataset("mnist", { folder });
    expect(mnist.classes.reduce((sum, { count }) => sum + count, 0)).toBe(70_000);
    expect(await readdir(folder)).toEqual(["mnist.examples"]);
    const again = await loadDataset("mnist", { folder });
    expect(again.classes.map(({ count }) => count)).toEqual(mnist.classes.map(({ count }) => count));
    await expect(loadDataset("omniglot", { folder })).rejects.toThrow(/`innerloop data get omniglot`/);
  });

  it("are replaced by get when damaged, and listed as damaged until then", async () => {
    await writeFile(join(folder, "mnist.examples"), "ruined".repeat(20));
    await store(bytes);
    const before = await listDatasets({ folder });
    const states = new Map(before.map(({ name, state }) => [name, state]));
    expect(["hanzi", "mnist", "omniglot", "points"].map((name) => states.get(name))).toEqual([
      "prepared on first use",
      "damaged",
      "not here",
      "ready",
    ]);
    await expect(loadDataset("mnist", { folder })).rejects.toThrow(/ILD04/);
    expect(await getDataset("mnist", { folder })).toMatchObject({ classes: 10, examples: 70_000 });
    expect((await listDatasets({ folder })).find(({ name }) => name === "mnist")).toMatchObject({
      state: "ready",
      info: { examples: 70_000 },
    });
  });

  it("are fetched where they have an address, and say where else they are found", async () => {
    const body = Buffer.from("no archive");
    const server = createServer((_, response) => response.end(body)).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cifar-100-binary.tar.gz`;
      const archive = { url, maximumBytes: 100, md5: createHash("md5").update(body).digest("hex") };
      await expect(getDataset("fc100", { folder, archives: [archive] })).rejects.toThrow(
        /^ILD11 .*cifar-100-binary\.tar\.gz: the archive is corrupt/,
      );
      const other = { ...archive, url: url.replace("cifar", "other"), md5: "0".repeat(32) };
      await expect(getDataset("cifar-fs", { folder, archives: [other] })).rejects.toThrow(/^ILD23 /);
      expect(await readdir(join(folder, "downloads"))).toEqual(["cifar-100-binary.tar.gz"]);
    } finally {
      server.close();
    }
    await expect(getDataset("mini-imagenet", { folder })).rejects.toThrow(
      /^ILD02 mini-imagenet: .*few-shot-ssl-public.*`innerloop data import mini-imagenet DIR`/,
    );
  });

  it("say where the trouble is when the folder cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const inFile = join(folder, "file", "data");
    await expect(importDataset("p", { kind: "examples", examples: bytes }, { folder: inFile })).rejects.toThrow(
      /ILD03 .*INNERLOOP_DATA/,
    );
  });

  it("refuse numbers that are not finite, whoever stored them", async () => {
    const file = join(folder, "own.innerloop");
    const [x, ...others] = floats.classes;
    const spoilt = { ...floats, classes: [{ ...x!, examples: Float32Array.from([0, Number.NaN, 1]) }, ...others] };
    await writeDatasetFile(file, spoilt, { kind: "examples" });
    await expect(readDatasetFile(file)).rejects.toThrow(/^ILD04 .*damaged: class "x" holds NaN\./);
  });
});
