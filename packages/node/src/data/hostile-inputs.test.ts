/** Small files that took seconds to years or gigabytes of memory: every reader meets each of them. */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import type { TableSpec } from "@innerloop/core/tasks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DataError } from "./data-error.js";
import { readCsv } from "./formats/csv.js";
import { readIdx } from "./formats/idx-format.js";
import { madeUpZip } from "./formats/made-up-archive.fixture.js";
import { readNpy } from "./formats/npy-file.js";
import { withPickle } from "./formats/pickle.js";
import { withZipArchive } from "./formats/zip-archive.js";
import { readArrays } from "./images/array-examples.js";
import { readCifar100 } from "./sets/cifar-100.js";
import { readOmniglot } from "./sets/omniglot.js";
import { readDatasetFile } from "./store/dataset-file.js";
import { readRegressionTable } from "./tables/regression-table.js";
import { readTable } from "./tables/table-file.js";
import { readTableRows } from "./tables/table-rows.js";

const spec: TableSpec = {
  groupColumn: "group",
  inputs: [{ name: "a", kind: "category", values: ["x"] }],
  targets: [{ name: "label", mean: 0, deviation: 1 }],
};

/** Readers by the ending that their files have. */
const readers: Readonly<Record<string, readonly [ending: string, read: (path: string) => Promise<unknown>]>> = {
  readNpy: ["npy", (path) => readNpy(path)],
  "readArrays of two": ["npy", (path) => readArrays([path, path])],
  "readArrays of an archive": ["npz", (path) => readArrays([path])],
  readCsv: ["csv", (path) => readCsv(path, () => () => undefined)],
  readTable: ["csv", (path) => readTable(path, { labelColumn: "label" })],
  "readTable of JSON": ["jsonl", (path) => readTable(path, { labelColumn: "label" })],
  readRegressionTable: ["csv", (path) => readRegressionTable(path, { groupColumn: "label", targets: ["a"] })],
  "readRegressionTable of JSON": [
    "jsonl",
    (path) => readRegressionTable(path, { groupColumn: "label", targets: ["a"] }),
  ],
  readTableRows: ["csv", (path) => readTableRows(path, spec, { needTargets: true })],
  "readTableRows of JSON": ["jsonl", (path) => readTableRows(path, spec, { needTargets: false })],
  readIdx: ["idx", (path) => readIdx(path, 3)],
  "readIdx of gzip": ["gz", (path) => readIdx(path, 3)],
  readCifar100: ["tar.gz", (path) => readCifar100("fc100", path)],
  withZipArchive: [
    "zip",
    (path) =>
      withZipArchive(path, async (entries) => {
        for (const entry of entries) await entry.read();
      }),
  ],
  readOmniglot: ["zip", (path) => readOmniglot([path])],
  withPickle: ["pkl", (path) => withPickle(path, async () => true)],
  readDatasetFile: ["examples", (path) => readDatasetFile(path)],
};

const many = (text: string, bytes = 400_000): Buffer => Buffer.alloc(bytes, text, "latin1");
const npy = (header: string, data = Buffer.alloc(0)): Buffer =>
  Buffer.concat([
    Buffer.from("\x93NUMPY\x01\0", "latin1"),
    Buffer.of(header.length & 255, header.length >> 8),
    Buffer.from(header),
    data,
  ]);
/** A gigabyte of zeros in a megabyte: gzip takes one after another for one file. */
const gzipBomb = (first: Uint8Array): Buffer => {
  const member = gzipSync(Buffer.alloc(2 ** 24));
  return Buffer.concat([gzipSync(first), ...new Array<Buffer>(64).fill(member)]);
};
const zipBomb = (name: string, head: Uint8Array, claimedBytes: number): Buffer => {
  const flush = { finishFlush: constants.Z_FULL_FLUSH };
  const block = deflateRawSync(Buffer.alloc(2 ** 24), flush);
  const blocks = [deflateRawSync(head, flush), ...new Array<Buffer>(64).fill(block), deflateRawSync(Buffer.alloc(0))];
  return madeUpZip([{ name, data: head, deflated: Buffer.concat(blocks), claimedBytes }]);
};
const header = (shape: string): string => `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(118);
const idxHeader = Buffer.from([0, 0, 8, 3, 0, 0, 64, 0, 0, 0, 64, 0, 0, 0, 4, 0]);

const inputs: Readonly<Record<string, () => Buffer>> = {
  nothing: () => Buffer.alloc(0),
  "a byte": () => Buffer.of(0x80),
  zeros: () => many("\0"),
  digits: () => Buffer.concat([Buffer.from("a,label\n1,x\n"), many("1"), Buffer.from("x,y\n")]),
  spaces: () => Buffer.concat([Buffer.from("a,label\n1,x\n"), many(" "), Buffer.from("x,y\n")]),
  quotes: () => many('"'),
  commas: () => Buffer.concat([Buffer.from("a,label"), many(","), Buffer.from("\n")]),
  columns: () => Buffer.from(`${Array.from({ length: 150_000 }, (_, i) => `c${i}`).join()},a,label\n`),
  "line breaks": () => many("\r\n"),
  brackets: () => many("["),
  "keys of JSON": () =>
    Buffer.from(`{"label":1,${Array.from({ length: 90_000 }, (_, i) => `"c${i}":1`).join()}}\n{"label":2,"a":1}\n`),
  "keys of JSON that are new in each line": () =>
    Buffer.from(Array.from({ length: 20_000 }, (_, i) => `{"label":${i % 2},"c${i}":1}`).join("\n")),
  "a long list in the first line": () =>
    Buffer.from(`{"label":1,"x":[${"1,".repeat(100_000)}1]}\n${'{"label":2}\n'.repeat(30_000)}`),
  "a shape without end": () => npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (${"1".repeat(60)}x), }\n`),
  "an array that is not there": () => npy(header("4294967296, 4294967296")),
  "an array of zeros in an archive": () => zipBomb("x.npy", npy(header("1073741824,")), 2 ** 30 + 128),
  "two such arrays": () =>
    madeUpZip(
      ["x", "y"].map((name) => ({ name: `${name}.npy`, data: npy(header("1,"), Buffer.of(1)), claimedBytes: 2 ** 31 })),
    ),
  "gzip of zeros": () => gzipBomb(Buffer.alloc(512)),
  "gzip of an image file": () => gzipBomb(idxHeader),
  "image file cut short": () => idxHeader,
  "paths without end": () =>
    madeUpZip(Array.from({ length: 500 }, (_, i) => ({ name: `${`${i}/`.repeat(200)}x.png`, data: "x" }))),
  "marks of a pickle": () => Buffer.concat([many("("), Buffer.from(".")]),
  "dictionaries of a pickle": () => Buffer.concat([Buffer.from("("), many("}"), Buffer.from("l.")]),
  "a text of a pickle": () => Buffer.concat([Buffer.from("S'"), many("\\"), Buffer.from("'\n.")]),
  "a data set of many bytes": () => {
    const json = Buffer.from(
      JSON.stringify({
        name: "x",
        exampleShape: [2 ** 30],
        elementType: "float32",
        classes: [{ name: "a", count: 2 ** 20 }],
        source: { kind: "x" },
      }).padEnd(160),
    );
    const preamble = Buffer.alloc(48);
    preamble.write("ILDATA\0\0", "latin1");
    preamble.writeUInt32LE(1, 8);
    preamble.writeUInt32LE(json.length, 12);
    return Buffer.concat([preamble, json]);
  },
};

let folder: string;
/** What is no plain file; Windows has no pipes and devices that are named. */
const others = process.platform === "win32" ? ["folder"] : ["folder", "pipe", "device"];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-hostile-"));
  for (const [ending] of Object.values(readers)) {
    await mkdir(join(folder, `folder.${ending}`), { recursive: true });
    if (!others.includes("pipe")) continue;
    spawnSync("mkfifo", [join(folder, `pipe.${ending}`)]);
    await symlink("/dev/zero", join(folder, `device.${ending}`)).catch(() => undefined);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of the processor's time: far above what any takes, and far below what they took. */
const mostMs = 5000;
/** Bytes outside of the heap that a reader may hold at once, beside those of others. */
const mostBytes = 300 * 2 ** 20;

async function meet(read: (path: string) => Promise<unknown>, path: string, what: string): Promise<void> {
  const start = process.cpuUsage();
  let peak = 0;
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers);
  };
  const watch = setInterval(look, 5);
  const outcome = await read(path).catch((error: unknown) => error);
  clearInterval(watch);
  if (outcome instanceof Error) {
    expect(outcome, what).toBeInstanceOf(DataError);
    expect(outcome.message.length, what).toBeLessThan(8000);
  }
  expect(process.cpuUsage(start).user / 1000, what).toBeLessThan(mostMs);
  expect(peak, what).toBeLessThan(mostBytes);
}

it.each(Object.entries(inputs))("every reader reads or refuses %s at once, with a code", async (_name, make) => {
  const bytes = make();
  for (const [reader, [ending, read]] of Object.entries(readers)) {
    const path = join(folder, `hostile.${ending}`);
    await writeFile(path, bytes);
    await meet(read, path, reader);
  }
});

it("no reader waits for a pipe, reads a device or takes a folder", async () => {
  for (const [reader, [ending, read]] of Object.entries(readers)) {
    for (const kind of others) {
      const outcome = await read(join(folder, `${kind}.${ending}`)).catch((error: unknown) => error);
      expect(outcome, `${reader}, ${kind}`).toBeInstanceOf(DataError);
    }
  }
});
