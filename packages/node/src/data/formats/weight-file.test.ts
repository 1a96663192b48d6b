/** Files of weights that other programs wrote: those of PyTorch as it writes them, and hostile ones. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "@innerloop/core";
import { CodedError } from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MadeUpEntry, madeUpZip } from "./made-up-archive.fixture.js";
import { readWeightFile, type WeightFile } from "./weight-file.js";

const fixtures = fileURLToPath(new URL("../../runs/fixtures/torch/", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-weights-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(bytes: Uint8Array, root?: readonly string[]): Promise<WeightFile> {
  const path = join(folder, "x.pt");
  await writeFile(path, bytes);
  return readWeightFile(path, root);
}

const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
/** Whole numbers, as pickles write those of any size. */
const whole = (value: number): string => `I${value}\n`;
const tuple = (values: readonly number[]): string => `(${values.map(whole).join("")}t`;

interface Part {
  readonly key?: string;
  readonly count?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly type?: string;
}

const tensor = ({
  key = "0",
  count = 6,
  shape = [2, 3],
  strides = [3, 1],
  offset = 0,
  type = "FloatStorage",
}: Part = {}) =>
  `ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}ctorch\n${type}\n${text(key)}${text("cpu")}${whole(count)}tQ${whole(offset)}${tuple(shape)}${tuple(strides)}\x89ccollections\nOrderedDict\n)RtR`;

const dictionary = (values: Readonly<Record<string, string>>): string =>
  `}(${Object.entries(values)
    .map(([name, value]) => text(name) + value)
    .join("")}u`;

const six = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

/** An archive with a pickle of protocol 2, and six numbers. */
const archive = (pickle: string, others: readonly MadeUpEntry[] = []): Buffer =>
  madeUpZip([
    { name: "x/data.pkl", data: Buffer.from(`\x80\x02${pickle}.`, "latin1"), stored: true },
    { name: "x/data/0", data: six, stored: true },
    ...others,
  ]);

const ofOne = (part: Part): Buffer => archive(dictionary({ w: tensor(part) }));

describe("what PyTorch writes", () => {
  it("of parts of one storage: strides, later beginnings, the same part twice", async () => {
    const { tensors, others } = await readWeightFile(join(fixtures, "views.pt"));
    expect(others).toEqual([]);
    const values = Object.fromEntries(
      [...tensors].map(([name, { shape, data }]) => [name, { shape, data: [...data] }]),
    );
    const transposed = [0, 6, 12, 18].map((first) => [0, 1, 2, 3, 4, 5].map((i) => first + i));
    expect(values).toEqual({
      transposed: { shape: [6, 4], data: [0, 1, 2, 3, 4, 5].flatMap((i) => transposed.map((row) => row[i])) },
      later: { shape: [4], data: [10, 11, 12, 13] },
      columns: { shape: [4, 3], data: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23] },
      again: { shape: [4], data: [10, 11, 12, 13] },
      expanded: { shape: [3], data: [5, 5, 5] },
      counter: { shape: [], data: [7n] },
      scalar: { shape: [], data: [0.5] },
    });
    expect(tensors.get("again")).toBe(tensors.get("later"));
  });

  it("beside other things, which are told by name", async () => {
    const found = await read(archive(dictionary({ w: tensor(), epoch: whole(3), names: "]" })));
    expect([...found.tensors.keys()]).toEqual(["w"]);
    expect(found.others).toEqual(["epoch", "names"]);
    expect(found.tensors.get("w")).toEqual({ type: "float32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  });

  it("within dictionaries, by their names", async () => {
    const nested = archive(dictionary({ model: dictionary({ weights: dictionary({ w: tensor() }) }) }));
    expect([...(await read(nested, ["model", "weights"])).tensors.keys()]).toEqual(["w"]);
    await expect(read(nested, ["model"])).rejects.toThrow(/ILD84 .*no tensors in "model".*There is "weights"/);
    await expect(read(nested, ["model", "w"])).rejects.toThrow(/ILD84 .*no dictionary "model > w" in it/);
  });
});

describe("a file is refused", () => {
  const calls = (name: string): string => `${dictionary({ w: `c${name.replace(".", "\n")}\n(${text("true")}tR` })}`;
  it.each([
    ["os.system", archive(calls("os.system")), /ILD73 .*"os\.system", which could run code/],
    ["builtins.eval", archive(calls("builtins.eval")), /ILD73 .*"builtins\.eval"/],
    ["a module", archive(`ctorch.nn.modules.linear\nLinear\n)\x81.`), /ILD73 .*"torch\.nn\.modules\.linear\.Linear"/],
    ["another rebuild", archive(calls("torch._utils._rebuild_device_tensor")), /ILD73/],
    ["an object", archive(`ccollections\nOrderedDict\n)\x81.`), /ILD73 .*objects, sets or references/],
    ["a set", archive("\x8f."), /ILD73 .*objects, sets or references/],
    ["numbers of a type that is not read", ofOne({ type: "ComplexFloatStorage" }), /ILD73 .*ComplexFloatStorage/],
    ["a tensor beyond its storage", ofOne({ strides: [4, 1] }), /ILD73 .*outside its storage/],
    ["one that begins too late", ofOne({ offset: 1 }), /ILD73 .*outside its storage/],
    [
      "one of more numbers than there are",
      ofOne({ shape: [1e6, 1e6], strides: [0, 0] }),
      /ILD73 .*outside its storage/,
    ],
    ["a shape beyond all numbers", ofOne({ shape: [2 ** 40, 2 ** 40] }), /ILD73 .*no valid shape/],
    ["one of no numbers", ofOne({ shape: [0, 3] }), /ILD73 .*empty/],
    ["a negative stride", ofOne({ strides: [-3, 1], offset: 3 }), /ILD73 .*no valid shape/],
    ["more numbers than the storage has", ofOne({ count: 7 }), /ILD84 .*24 bytes, where 7 of 4 should be/],
    ["a storage that is not there", ofOne({ key: "1" }), /ILD84 .*not in it/],
    ["a storage of a name elsewhere", ofOne({ key: "../../0" }), /ILD84 .*not in it/],
    ["nothing but numbers", archive(whole(3)), /ILD84 .*no dictionary of tensors/],
    ["a dictionary within itself", archive(`}q\0${text("a")}h\0s`), /ILD84 .*no tensors at the top/],
    [
      "another byte order",
      archive(dictionary({ w: tensor() }), [{ name: "x/byteorder", data: "big" }]),
      /ILD84 .*"big"/,
    ],
    ["TorchScript", archive("}", [{ name: "x/constants.pkl", data: "" }]), /ILD84 .*TorchScript/],
    ["two pickles", archive("}", [{ name: "y/data.pkl", data: "" }]), /ILD84 .*or with several/],
    ["no pickle", madeUpZip([{ name: "x/data/0", data: six }]), /ILD84 .*without a data\.pkl/],
    ["names outside", archive("}", [{ name: "../x", data: "" }]), /ILD12/],
    ["a wrong sum", archive("}", [{ name: "x/byteorder", data: "little", claimedCrc: 1 }]), /ILD11 .*CRC-32/],
    ["text", Buffer.from("weights of a network"), /ILD84 .*neither safetensors nor a file of PyTorch/],
    ["nothing", Buffer.alloc(0), /ILD84/],
  ])("with %s", async (_, bytes, expected) => {
    await expect(read(bytes)).rejects.toThrow(expected);
  });

  it("whose values would take more memory than they may", async () => {
    const many = archive(`(${"}".repeat(400_000)}t`);
    await expect(read(many)).rejects.toThrow(/ILD73 .*MiB of memory/);
    const deep = archive(`${"(".repeat(3_000_000)}}${"t".repeat(3_000_000)}`);
    await expect(read(deep)).rejects.toThrow(/ILD73 .*MiB of memory/);
  });

  it("that makes many tensors of the same numbers", async () => {
    const count = 2 ** 16;
    const numbers = Buffer.alloc(4 * count);
    const parts = Object.fromEntries(
      Array.from({ length: 600 }, (_, i) => [
        `w${i}`,
        tensor({ key: "big", count, shape: [count - i], strides: [1], offset: i }),
      ]),
    );
    const bytes = archive(dictionary(parts), [{ name: "x/data/big", data: numbers, stored: true }]);
    await expect(read(bytes)).rejects.toThrow(/ILD73 .*the same numbers again and again/);
  });
});

it("gives a result or an error with a code for every damage, and writes nothing", async () => {
  const source = random(16);
  const draws = (): number => source.uniform();
  const whole = await Promise.all(
    ["sinusoid-float32.pt", "checkpoint.ckpt", "sinusoid-before-1.6.pth", "sinusoid-bfloat16.safetensors"].map((name) =>
      readFile(join(fixtures, name)),
    ),
  );
  const outcome = async (bytes: Uint8Array): Promise<"read" | "refused"> => {
    try {
      for (const { shape, data } of (await read(bytes)).tensors.values())
        expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
      return "read";
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      expect(error.message.length).toBeLessThan(4000);
      return "refused";
    }
  };
  const found = { read: 0, refused: 0 };
  for (const file of whole) {
    for (let i = 0; i < 150; i++) {
      found[await outcome(file.subarray(0, Math.floor(draws() * file.length)))]++;
      const flipped = Uint8Array.from(file);
      for (let n = 0; n <= i % 3; n++) flipped[Math.floor(draws() * file.length)]! ^= 1 << Math.floor(draws() * 8);
      found[await outcome(flipped)]++;
    }
  }
  expect(found.refused).toBeGreaterThan(600);
  expect(await readdir(folder)).toEqual(["x.pt"]);
});
