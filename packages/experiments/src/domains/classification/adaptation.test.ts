/** Examples of a user's, read for a trained model: files, bytes of files and numbers, of one look or of another. */
import { episodes, labelledExamples } from "@innerloop/core";
import { defaultsOf } from "@innerloop/core/learners";
import { toNumbers } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import type { Flags } from "../../config/index.js";
import type { DataIo } from "../../io.js";
import { memoryIo } from "../../made-up.fixture.js";
import type { Tasks } from "../domain.js";
import { classificationAdaptation } from "./adaptation.js";
import { classification } from "./domain.js";
import { classificationOptions } from "./options.js";
import type { ClassificationSpec } from "./spec.js";

/** A dot of ink 255 on an image of 3 by 3, and the same as dark ink on light paper. */
const dot = (at: number): Uint8Array => new Uint8Array(9).fill(255, at, at + 1);
const onPaper = (at: number): Uint8Array => dot(at).map((value) => 255 - value);
const numbers = (image: Uint8Array): Float32Array => Float32Array.from(image, (value) => value / 255);

const files: Readonly<Record<string, Uint8Array>> = { "a.png": onPaper(4), "b.png": onPaper(5) };
const io: DataIo = {
  ...memoryIo({}),
  images: async (paths) => paths.map((name) => ({ name, bytes: files[name]! })),
  decoded: async (images, { size: [height, width] }) =>
    images.map(() => new Uint8Array(height * width).fill(255, 1, 2)),
};

type Given = Readonly<Record<string, readonly (string | Uint8Array | Float32Array | readonly number[])[]>>;

async function adapted(
  given: Given,
  inputs: readonly unknown[] = [],
  spec: Partial<ClassificationSpec> = {},
  flags: Flags = {},
) {
  const own = {
    options: defaultsOf(classificationOptions),
    spec: { name: "made up", sha256: "", exampleShape: [3, 3, 1], darkOnLight: false, ...spec },
  };
  const support = await classificationAdaptation.readSupport(given, own, flags, io, {});
  const asked = await classificationAdaptation.readInputs(inputs, support, own, io, {});
  return { ...support, support: toNumbers(support.x), inputs: toNumbers(asked.x) };
}
const valuesOf = (...images: readonly Uint8Array[]): number[] => images.flatMap((image) => [...numbers(image)]);

describe("a support set of dark ink on light paper, for a run of the reverse", () => {
  it("is inverted, bytes and numbers alike, and so are the inputs", async () => {
    const found = await adapted({ a: ["a.png"], b: [numbers(onPaper(5))] }, [numbers(onPaper(6)), onPaper(7), "a.png"]);
    expect(found.support).toEqual(valuesOf(dot(4), dot(5)));
    expect(found.inputs).toEqual(valuesOf(dot(6), dot(7), dot(4)));
    expect([found.facts, found.notes]).toEqual([
      { classes: ["a", "b"], inverted: true },
      ["images inverted to match the run's data"],
    ]);
  });

  it("keeps what lies between black and white", async () => {
    const grey = [0.75, 0.75, 0, 0.75, 0.25, 0.5, 1, 0.75, 0.75];
    const { inputs } = await adapted({ a: ["a.png"], b: ["b.png"] }, [grey]);
    expect(inputs).toEqual(grey.map((value) => 1 - value));
  });

  it("is inverted or left as it is where that is asked for", async () => {
    const given = { a: [numbers(onPaper(4))], b: [numbers(onPaper(5))] };
    const asked = await adapted(given, [onPaper(6)], {}, { invert: "yes" });
    expect([asked.support, asked.inputs]).toEqual([valuesOf(dot(4), dot(5)), valuesOf(dot(6))]);
    const left = await adapted({ a: ["a.png"], b: ["b.png"] }, [onPaper(6)], {}, { invert: "no" });
    expect([left.support, left.inputs]).toEqual([valuesOf(onPaper(4), onPaper(5)), valuesOf(onPaper(6))]);
    expect(left.notes).toEqual([]);
  });

  it("is refused where it has numbers without black and white", async () => {
    const odd = { a: ["a.png"], b: [[255, 255, 255, 255, 0, 255, 255, 255, 255]] };
    await expect(adapted(odd)).rejects.toThrow(/example 2 has the value 255: numbers of images .* from 0 to 1\. Give/);
    const rows = { a: [[0, 1]], b: [[1, 0]] };
    await expect(adapted(rows, [], { exampleShape: [2] }, { invert: "yes" })).rejects.toThrow(
      /the shape \[2\], and are no images to be inverted\. Leave invert out/,
    );
  });
});

describe("a run whose look is unknown", () => {
  const given = { a: ["a.png"], b: ["b.png"] };
  const data = labelledExamples({
    name: "paper",
    exampleShape: [3, 3, 1],
    classes: [0, 1, 2].map((at) => ({ name: `dot${at}`, examples: [onPaper(at), onPaper(at), onPaper(at)] })),
  });
  const tasks = episodes(data, { ways: 2, shots: 1, queries: 1 });
  const adopted = classification.adopt!({ train: tasks, validation: tasks, test: tasks } as unknown as Tasks)!.spec;

  it.each([
    ["of a record without it", { name: "made up", sha256: "", exampleShape: [3, 3, 1] }],
    ["of a program", adopted],
  ])("%s inverts nothing unless asked", async (_name, spec) => {
    expect(spec).not.toHaveProperty("darkOnLight");
    expect(classification.parseSpec(spec)).toEqual(spec);
    const own = { options: defaultsOf(classificationOptions), spec };
    const read = async (images: Given, flags: Flags = {}): Promise<readonly number[]> =>
      toNumbers((await classificationAdaptation.readSupport(images, own, flags, io, {})).x);
    expect(await read(given)).toEqual(valuesOf(onPaper(4), onPaper(5)));
    expect(await read({ a: [dot(1)], b: [dot(2)] })).toEqual(valuesOf(dot(1), dot(2)));
    expect(await read(given, { invert: "yes" })).toEqual(valuesOf(dot(4), dot(5)));
  });

  it.each([
    ["dark on light", onPaper],
    ["light on dark", dot],
  ])("takes the classes of other data as they are: %s", async (_name, draw) => {
    const examples = labelledExamples({
      name: "others",
      exampleShape: [3, 3, 1],
      classes: [0, 1, 2, 3].map((at) => ({ name: `${at}`, examples: [draw(at), draw(at)] })),
    });
    const options = { ...defaultsOf(classificationOptions), data: "others" };
    const setting = { own: { options, spec: adopted }, variableWays: true } as unknown as Parameters<
      NonNullable<typeof classification.loadOther>
    >[3];
    const found = await classification.loadOther!(options, memoryIo({ datasets: { others: examples } }), {}, setting);
    expect([...found.data.test.classes[0]!.examples]).toEqual([...draw(0), ...draw(0)]);
  });
});

describe("bytes of a file", () => {
  it.each([
    ["PNG", "\x89PNG\r\n\x1a\n"],
    ["JPEG", "\xff\xd8\xff\xe0"],
    ["WebP", "RIFF\x24\0\0\0WEBP"],
    ["GIF", "GIF89a"],
    ["TIFF", "II*\0"],
    ["TIFF of the other order", "MM\0*"],
    ["AVIF", "\0\0\0\x1cftypavif"],
  ])("that are as many as an example has values are decoded: %s", async (_name, start) => {
    const file = Uint8Array.from(start.padEnd(12, "x"), (letter) => letter.charCodeAt(0));
    const found = await adapted({ a: [file], b: [file] }, [file], { exampleShape: [1, 12, 1] });
    const decoded = [0, 1, ...new Array<number>(10).fill(0)];
    expect([found.support, found.inputs]).toEqual([[...decoded, ...decoded], decoded]);
  });
});

it("takes numbers and bytes as they are at the call, whatever becomes of them while files are read", async () => {
  const bytes = dot(4);
  const values = [...numbers(dot(5))];
  const asked = adapted({ a: ["a.png", bytes], b: ["b.png", values] }, [], {}, { invert: "no" });
  bytes.fill(1);
  values.fill(1);
  expect((await asked).support).toEqual(valuesOf(onPaper(4), dot(4), onPaper(5), dot(5)));
});
