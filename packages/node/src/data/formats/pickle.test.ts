import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Pickled, PickledArray, PickledBytes, textOf, withPickle } from "./pickle.js";
import { hostilePickles, pickleOfProtocol, picklesOfPython2 } from "./pickles.fixture.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-pickle-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A value with everything in it read, bytes as Latin-1 text and arrays with their shapes. */
async function resolved(value: Pickled, within: readonly unknown[] = []): Promise<unknown> {
  // Changed references may lead round in a circle.
  if (within.includes(value) && typeof value === "object" && value !== null) return "circle";
  const inner = [...within, value];
  if (value instanceof PickledArray) return { shape: value.shape, values: [...(await value.read()).values] };
  if (value instanceof PickledBytes) return Buffer.from(await value.read()).toString("latin1");
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolved(item, inner)));
  if (value instanceof Map) {
    const entries = await Promise.all(
      [...value].map(async ([key, entry]) => [key, await resolved(entry, inner)] as const),
    );
    return new Map(entries);
  }
  return value;
}

async function read(bytes: Uint8Array): Promise<unknown> {
  const path = join(folder, "data.pkl");
  await writeFile(path, bytes);
  return withPickle(path, (value) => resolved(value));
}
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64");
const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

describe("withPickle", () => {
  it.each(pickleOfProtocol.map((file, protocol) => [protocol, file] as const))("reads protocol %s", async (_, file) => {
    const images = Array.from({ length: 24 }, (_, i) => 10 * i);
    expect(await read(bytesOf(file))).toEqual(
      new Map<string, unknown>([
        ["image_data", { shape: [2, 2, 2, 3], values: images.map((value) => value % 256) }],
        [
          "class_dict",
          new Map([
            ["n01", [0]],
            ["n02", [1]],
          ]),
        ],
        ["floats", { shape: [2, 3], values: [0, 1, 2, 3, 4, 5] }],
        [
          "list",
          [
            ...[1, -2, 2 ** 40, 2n ** 80n, -(2n ** 63n), true, false, null, 1.5, Number.POSITIVE_INFINITY],
            latin1("Text ü"),
            "by\0\xff\\\n",
            ...[[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4], ""],
          ],
        ],
        ["5", "five"],
        ["back\\slash\n", 0],
        ["shared", [[1], [1]]],
      ]),
    );
  });

  it("reads what Python 2 wrote", async () => {
    const found = (await read(bytesOf(picklesOfPython2.protocol2))) as Map<string, { shape: number[] }>;
    expect(found.get("image_data")?.shape).toEqual([2, 2, 2, 3]);
    expect([...found.keys()]).toEqual(["class_dict", "image_data"]);
    expect(await read(bytesOf(picklesOfPython2.protocol0))).toEqual(
      new Map<string, unknown>([
        ["a\0'\n\"", 7],
        ["list", [1.5, 12, true]],
      ]),
    );
  });

  it.each(Object.entries(hostilePickles))("refuses %s", async (_, file) => {
    await expect(read(bytesOf(file))).rejects.toThrow(/^ILD73 .*data\.pkl:\d+: the pickle holds /);
  });

  it("runs nothing, and says which name it refused", async () => {
    await expect(read(bytesOf(hostilePickles["os.system"]!))).rejects.toThrow(/"posix\.system", which could run code/);
    await expect(read(bytesOf(hostilePickles["os.system, protocol 4"]!))).rejects.toThrow(/"posix\.system"/);
    await expect(read(bytesOf(hostilePickles["builtins.eval"]!))).rejects.toThrow(/"__builtin__\.eval"/);
    await expect(read(bytesOf(hostilePickles["an ordered dictionary"]!))).rejects.toThrow(/"collections\.OrderedDict"/);
    await expect(stat("/tmp/innerloop-pickle-was-run")).rejects.toThrow(/ENOENT/);
  });

  it("reads or refuses any pickle with a byte changed or cut off, and never fails otherwise", async () => {
    for (const file of [pickleOfProtocol[0]!, pickleOfProtocol[2]!, pickleOfProtocol[5]!, picklesOfPython2.protocol2]) {
      const whole = bytesOf(file);
      for (let i = 0; i < whole.length; i += 3) {
        const changed = Buffer.from(whole);
        changed[i]! ^= 1 << (i % 8);
        for (const bytes of [changed, whole.subarray(0, i)]) {
          await read(bytes).catch((error: unknown) => expect(String(error), `byte ${i}`).toMatch(/DataError: ILD73/));
        }
      }
    }
  });

  it("takes neither depth nor circles nor many references for more than they are", async () => {
    const deep = Buffer.concat([Buffer.alloc(100_000, "]"), Buffer.alloc(99_999, "a"), Buffer.from(".")]);
    const path = join(folder, "deep.pkl");
    await writeFile(path, deep);
    expect(await withPickle(path, async (value) => Array.isArray(value))).toBe(true);
    await writeFile(path, "]q\0h\0a.");
    expect(await withPickle(path, async (value) => Array.isArray(value) && value[0] === value)).toBe(true);
    // Each list holds the one before twice: 2^200 items for those who count them.
    await writeFile(path, `]q\0${"0](h\0h\0eq\0".repeat(200)}.`);
    expect(await withPickle(path, async (value) => Array.isArray(value) && value.length)).toBe(2);
  });

  it.each([
    ["dictionaries", "(", "}", "l."],
    ["lists", "(", "]", "l."],
    ["tuples", "(", ")", "l."],
    ["bytes", "(", "C\0", "l."],
    ["texts", "(", "X\0\0\0\0", "l."],
    ["references", "]q\x000(", "h\0", "l."],
    ["places in lists", "]q\0", "(h\0h\0h\0h\0e", "."],
    ["names kept", "]", "q\0q\x01", "."],
    ["copies of a key", `X\x40\0\0\0${"k".repeat(64)}q\x000}`, "h\0Ns", "."],
  ])("takes no more memory than it may for %s", async (_, before, each, after) => {
    const path = join(folder, "many.pkl");
    const sized = async (count: number, memory: number): Promise<boolean> => {
      await writeFile(path, Buffer.from(before + each.repeat(count) + after, "latin1"));
      return withPickle(path, async () => true, { memory });
    };
    await expect(sized(30_000, 2 ** 17)).rejects.toThrow(
      /^ILD73 .*many\.pkl:\d+: the pickle holds values that would take more than 0 MiB of memory/,
    );
    // What stands in so few bytes is read where there is room.
    expect(await sized(100, 2 ** 17).catch(String)).toBe(true);
  });

  it("takes time in proportion to its size, whatever is in it", async () => {
    const path = join(folder, "slow.pkl");
    const number = (value: number): string => String.fromCharCode(value & 255, (value >> 8) & 255, value >> 16, 0);
    const times = (count: number, each: (i: number) => string): string =>
      Array.from({ length: count }, (_, i) => each(i)).join("");
    const key = `X\x64\0\0\0${"k".repeat(100)}q\x000}`;
    const slow: Readonly<Record<string, string>> = {
      // Each of these took seconds to minutes.
      "a key of a dictionary again and again, far behind it": `${key}${times(400_000, () => "h\0Ns")}.`,
      "whole numbers whose hashes are the same": `}${times(100_000, (i) => `\x8a\x0b\0\0\0\0\0\0\0\0${number(i).slice(0, 3)}Ns`)}.`,
      "a long list for a shape": `](${times(100_000, () => "K\x01")}eq\0${times(50_000, () => "cnumpy\ndtype\n(C\x02f4tRh\0b")}.`,
      "numbers without end": `](${times(400, () => `F${"1".repeat(4000)}x\n`)}e.`,
      "numbers kept under any place": `${times(150_000, (i) => `Nr${number((i * 65_537) % 2 ** 24)}0`)}N.`,
    };
    for (const [what, text] of Object.entries(slow)) {
      await writeFile(path, Buffer.from(text, "latin1"));
      const start = process.cpuUsage();
      const outcome = await withPickle(path, async () => "read").catch((error: unknown) => String(error));
      expect(outcome, what).toMatch(/^(read|DataError: ILD73 )/);
      expect(process.cpuUsage(start).user / 1000, what).toBeLessThan(3000);
    }
  });

  it("gives texts where they are", async () => {
    expect(await withPickleOf(pickleOfProtocol[4]!, async (map) => textOf(map.get("5"), "here"))).toBe("five");
    await expect(withPickleOf(pickleOfProtocol[4]!, async (map) => textOf(map.get("list"), "here"))).rejects.toThrow(
      /^ILD73 here: .*where a text should be/,
    );
  });
});

async function withPickleOf<T>(file: string, use: (value: ReadonlyMap<unknown, Pickled>) => Promise<T>): Promise<T> {
  const path = join(folder, "one.pkl");
  await writeFile(path, bytesOf(file));
  return withPickle(path, (value) => use(value as ReadonlyMap<unknown, Pickled>));
}
