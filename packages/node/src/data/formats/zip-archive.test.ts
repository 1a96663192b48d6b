import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MadeUpEntry, madeUpZip } from "./made-up-archive.fixture.js";
import { defaultZipLimits, withZipArchive, type ZipLimits } from "./zip-archive.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-zip-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function readAll(bytes: Uint8Array, limits?: Partial<ZipLimits>): Promise<Record<string, string>> {
  const path = join(folder, "made-up.zip");
  await writeFile(path, bytes);
  return withZipArchive(
    path,
    async (entries) => {
      const contents: Record<string, string> = {};
      for (const entry of entries) contents[entry.name] = Buffer.from(await entry.read()).toString();
      return contents;
    },
    { ...defaultZipLimits, ...limits },
  );
}

const good: MadeUpEntry = { name: "a/good.txt", data: "good" };

describe("withZipArchive", () => {
  it("reads stored and deflated files and leaves out folders", async () => {
    const zip = madeUpZip([{ name: "a/", data: "", stored: true }, good, { name: "b", data: "stored", stored: true }]);
    expect(await readAll(zip)).toEqual({ "a/good.txt": "good", b: "stored" });
    expect(await readAll(madeUpZip([]))).toEqual({});
  });

  it("reads names with backslashes and dots as they would lie on disk", async () => {
    const names = ["./", ".\\a\\", "a\\b.txt", "./a/c.txt", "a//d.txt", "a/./e.txt"];
    const zip = madeUpZip(names.map((name) => ({ name, data: /[\\/]$/.test(name) ? "" : name })));
    expect(Object.keys(await readAll(zip))).toEqual(["a/b.txt", "a/c.txt", "a/d.txt", "a/e.txt"]);
  });

  it("refuses folders within folders without end, and claims beyond what it may make", async () => {
    await expect(readAll(madeUpZip([{ name: `${"a/".repeat(100)}b`, data: "x" }]))).rejects.toThrow(
      /^ILD13 .*more than 32 folders deep/,
    );
    const claims = { name: "b", data: "good", claimedBytes: 2 ** 31 };
    await expect(readAll(madeUpZip([claims]), { entryBytes: 2 ** 32, ratio: 2 ** 40 })).rejects.toThrow(
      /^ILD13 .*inflates to more than 268435456 bytes/,
    );
  });

  it.each<[string, MadeUpEntry]>([
    ["path traversal", { name: "../../evil.txt", data: "x" }],
    ["path traversal inside", { name: "a/../../evil.txt", data: "x" }],
    ["an absolute path", { name: "/etc/evil", data: "x" }],
    ["a drive", { name: "C:evil", data: "x" }],
    ["path traversal with backslashes", { name: "a\\..\\..\\evil", data: "x" }],
    ["an absolute path with a backslash", { name: "\\evil", data: "x" }],
    ["a name that is the same with slashes", { name: ".\\a//./good.txt", data: "x" }],
    ["a NUL", { name: "a\0b", data: "x" }],
    ["an empty name", { name: "", data: "x" }],
    ["a symbolic link", { name: "link", data: "/etc/passwd", unixMode: 0o120777 }],
    ["a device", { name: "device", data: "", unixMode: 0o060644 }],
    ["encryption", { name: "secret", data: "x", encrypted: true }],
    ["a duplicate name", good],
  ])("refuses %s before any file is read", async (_, entry) => {
    await expect(readAll(madeUpZip([good, entry]))).rejects.toMatchObject({ code: "ILD12" });
    expect(await readdir(folder)).toEqual(["made-up.zip"]);
  });

  it("refuses a bomb by what comes out, whatever the headers claim", async () => {
    const bomb = { name: "bomb", data: Buffer.alloc(2 ** 20) };
    await expect(readAll(madeUpZip([bomb]))).rejects.toThrow(/^ILD13 .*made-up\.zip > bomb: .*more than 200 times/);
    const liar = { name: "liar", data: Buffer.alloc(2 ** 20), claimedBytes: 10 };
    await expect(readAll(madeUpZip([liar]))).rejects.toMatchObject({ code: expect.stringMatching(/ILD1[13]/) });
    await expect(readAll(madeUpZip([bomb]), { entryBytes: 1000 })).rejects.toThrow(/ILD13 .*claims 1048576 bytes/);
    await expect(readAll(madeUpZip([good, { name: "b", data: "good" }]), { totalBytes: 7 })).rejects.toThrow(/ILD13/);
    await expect(readAll(madeUpZip([good, { name: "b", data: "good" }]), { entries: 1 })).rejects.toThrow(/2 entries/);
  });

  it("counts bytes that are read again against the total", async () => {
    const path = join(folder, "again.zip");
    await writeFile(path, madeUpZip([good]));
    const again = withZipArchive(
      path,
      async ([entry]) => {
        await entry!.read();
        await entry!.read();
      },
      { ...defaultZipLimits, totalBytes: 6 },
    );
    await expect(again).rejects.toMatchObject({ code: "ILD13" });
  });

  it("says that an archive is corrupt, wherever it is cut or changed", async () => {
    const zip = madeUpZip([good, { name: "b", data: "some more text ".repeat(20) }]);
    await expect(readAll(Buffer.from("not a zip archive at all, just text"))).rejects.toThrow(/ILD11/);
    await expect(readAll(new Uint8Array(0))).rejects.toThrow(/ILD11/);
    // A directory beyond 2^53, which the system throws for: in a callback of yauzl's, that would end the process.
    const plain = madeUpZip([good]);
    const locator = Buffer.alloc(20, 0xff);
    locator.write("PK\x06\x07", "latin1");
    const far = Buffer.concat([plain.subarray(0, -22), locator, plain.subarray(-22)]);
    await expect(readAll(far)).rejects.toThrow(/ILD11 .*it refers to bytes 18446744073709552000/);
    for (let length = 1; length < zip.length; length += 7) {
      await expect(readAll(zip.subarray(0, length)), `cut to ${length}`).rejects.toThrow(/ILD11/);
    }
    const changed = Buffer.from(zip);
    changed[zip.indexOf("good.txt") + "good.txt".length + 2]! ^= 0x55;
    await expect(readAll(changed)).rejects.toThrow(/ILD11/);
    await expect(readAll(madeUpZip([{ ...good, claimedCrc: 1 }]))).rejects.toThrow(/CRC-32 is .* expected 00000001/);
  });

  it("never fails in another way when single bytes are changed", async () => {
    const zip = madeUpZip([good, { name: "b", data: "stored", stored: true }]);
    for (let index = 0; index < zip.length; index++) {
      const changed = Buffer.from(zip);
      changed[index]! ^= 0xff;
      const outcome = await readAll(changed).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome.message, `byte ${index}`).toMatch(/^ILD1[123] /);
      else expect(outcome).toBeTypeOf("object");
    }
  });

  it("names a file that is not there", async () => {
    await expect(withZipArchive(join(folder, "absent.zip"), async () => 1)).rejects.toThrow(/^ILD03 .*absent\.zip/);
  });
});
