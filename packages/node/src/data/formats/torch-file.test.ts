/** Tensors of files as PyTorch wrote them before 1.6: read as data, never executed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withPickle } from "./pickle.js";
import { readTorchTensors } from "./torch-file.js";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const byte = (value: number): string => `K${String.fromCharCode(value)}`;
const tuple = (values: readonly number[]): string => `(${values.map(byte).join("")}t`;

interface Part {
  readonly key: string;
  readonly count: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset?: number;
  readonly type?: string;
}

const tensor = ({ key, count, shape, strides, offset = 0, type = "FloatStorage" }: Part): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}ctorch\n${type}\n${text(key)}${text("cpu")}${byte(count)}NtQ${byte(offset)}${tuple(shape)}${tuple(strides)}\x89ccollections\nOrderedDict\n)RtR`;

const numbers = Array.from({ length: 6 }, (_, i) => i + 1);
const weight: Part = { key: "7", count: 6, shape: [2, 3], strides: [1, 2] };

/** A file of one tensor of float32 and a counter. */
function torchFile(
  part: Partial<Part> = {},
  about: { readonly order?: string; readonly object?: string } = {},
): Buffer {
  const { order = "\x88", object } = about;
  const dictionary = `ccollections\nOrderedDict\n)R(${text("weight")}${tensor({ ...weight, ...part })}${text("steps")}${tensor({ key: "9", count: 1, shape: [1], strides: [1], type: "LongStorage" })}u}${text("_metadata")}}sb.`;
  const pickles = [
    "\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
    "M\xe9\x03.",
    `}(${text("little_endian")}${order}u.`,
    object ?? dictionary,
    `](${text("7")}${text("9")}e.`,
  ].map((pickle) => `\x80\x02${pickle}`);
  const data = Buffer.alloc(8 + 24 + 8 + 8);
  data.writeUInt32LE(6, 0);
  for (const [i, value] of numbers.entries()) data.writeFloatLE(value, 8 + 4 * i);
  data.writeUInt32LE(1, 32);
  return Buffer.concat([latin1(pickles.join("")), data]);
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-torch-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(bytes: Uint8Array) {
  const path = join(folder, "x.pth");
  await writeFile(path, bytes);
  return readTorchTensors(path);
}

it("reads tensors in row-major order, whatever their steps, and leaves counters out", async () => {
  const found = await read(torchFile());
  expect([...found.keys()]).toEqual(["weight"]);
  expect(found.get("weight")).toEqual({ shape: [2, 3], data: Float32Array.of(1, 3, 5, 2, 4, 6) });
  const part = await read(torchFile({ shape: [2, 2], strides: [2, 1], offset: 2 }));
  expect(part.get("weight")!.data).toEqual(Float32Array.of(3, 4, 5, 6));
});

describe("a file that cannot be", () => {
  it.each([
    ["a tensor beyond its storage", torchFile({ strides: [1, 3] }), /outside its storage/],
    ["one that begins too late", torchFile({ offset: 1 }), /outside its storage/],
    ["one of more numbers than there are", torchFile({ shape: [100, 3], strides: [0, 0] }), /outside its storage/],
    ["one of another type", torchFile({ type: "IntStorage" }), /the name "torch.IntStorage", which could run code/],
    ["another byte order", torchFile({}, { order: "\x89" }), /another byte order/],
    ["a call", torchFile({}, { object: `cos\nsystem\n(${text("true")}tR.` }), /"os.system", which could run code/],
    ["something else", torchFile({}, { object: "K\x05." }), /no dictionary of tensors/],
    ["an end within a storage", torchFile().subarray(0, -10), /ILD73/],
    ["a newer file", Buffer.from("PK\x03\x04 and more of it"), /ILD73/],
  ])("is refused: %s", async (_, bytes, expected) => {
    await expect(read(bytes)).rejects.toThrow(expected);
  });
});

it("knows tensors in its own files alone", async () => {
  const path = join(folder, "x.pkl");
  await writeFile(path, latin1(`\x80\x02${tensor(weight)}.`));
  await expect(withPickle(path, async (value) => value)).rejects.toThrow(/ILD73 .*could run code/);
  await writeFile(path, latin1("\x80\x02NQ."));
  await expect(withPickle(path, async (value) => value)).rejects.toThrow(/references to elsewhere/);
});
