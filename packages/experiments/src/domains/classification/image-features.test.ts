/** Images by a frozen encoder: learners see its features, a run keeps which it was, and another is refused. */
import { defaultsOf } from "@innerloop/core/learners";
import { toNumbers } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import type { DataIo } from "../../io.js";
import { madeUpImages, memoryIo } from "../../made-up.fixture.js";
import type { ImageBackbone } from "../../text-io.js";
import type { LearnerNeeds } from "../domain.js";
import { classificationAdaptation } from "./adaptation.js";
import { requireBackboneUse } from "./image-features.js";
import { type ClassificationValues, classificationOptions } from "./options.js";
import { loadClasses, loadOtherClasses } from "./reading.js";
import { type ClassificationSpec, parseClassificationSpec } from "./spec.js";

/** Sum and first byte of images of 4 x 4 x 3. */
const featuresOf = (image: Uint8Array): number[] => [image.reduce((sum, byte) => sum + byte, 0), image[0]!];

const bytesOf = (value: number): Uint8Array => Uint8Array.from({ length: 48 }, (_, i) => (value + i) % 256);

/** A machine with one set of grey images of 8 x 8 and an encoder, of which it counts how often it is opened. */
function machine(sha256 = "ab") {
  const opened: (readonly [source: string, output: string | undefined])[] = [];
  const encoders = {
    imageBackbone: async (source: string, { output }: { readonly output?: string }): Promise<ImageBackbone> => {
      opened.push([source, output]);
      return {
        ...{ name: "tiny", sha256, folder: "/backbones/tiny", size: [4, 4], channels: 3, outputShape: [2] },
        encode: async (images) => Float32Array.from(images.flatMap(featuresOf)),
        close: async () => undefined,
      };
    },
  };
  const base = memoryIo({ datasets: { made: madeUpImages(20, 6) }, encoders });
  const io: DataIo = {
    ...base,
    images: async (paths, { size, channels }) => {
      expect([size, channels]).toEqual([[4, 4], 3]);
      return paths.map((name) => ({ name, bytes: bytesOf(name.length) }));
    },
  };
  return { io, opened };
}

const optionsWith = (chosen: Partial<ClassificationValues> = {}): ClassificationValues => ({
  ...defaultsOf(classificationOptions),
  data: "made",
  backbone: "tiny",
  ...chosen,
});
const needs = { training: { kind: "episodes" }, learner: { variableWays: true } } as unknown as LearnerNeeds;

describe("a data set of images with a backbone", () => {
  it("becomes one of features, as they are, which the spec says", async () => {
    const { io, opened } = machine();
    const { data, spec } = await loadClasses(optionsWith({ backboneOutput: "map" }), io, {}, needs);
    expect(spec).toMatchObject({
      exampleShape: [2],
      backbone: { name: "tiny", sha256: "ab", folder: "/backbones/tiny", output: "map" },
    });
    expect([spec!.scales, spec!.darkOnLight]).toEqual([undefined, undefined]);
    expect(opened).toEqual([["tiny", "map"]]);
    const [entry] = data.train.classes;
    expect(entry!.examples).toHaveLength(2 * entry!.count);
    // Grey images of 8 x 8 become colour of 4 x 4: three equal channels.
    const sums = [...entry!.examples].filter((_, i) => i % 2 === 0);
    expect(sums.every((sum) => sum > 0 && sum % 3 === 0)).toBe(true);
  });

  it("is read by no other backbone that the record of a run names beside, and by none of an address", async () => {
    const { spec } = await loadClasses(optionsWith(), machine().io, {}, needs);
    const load = (backbone: object, { io, opened }: ReturnType<typeof machine>) => {
      const changed = { ...spec, backbone: { ...spec!.backbone, ...backbone } };
      const own = { options: optionsWith(), spec: parseClassificationSpec(JSON.parse(JSON.stringify(changed)))! };
      return loadOtherClasses(optionsWith(), io, {}, { ...needs, own }).then(
        () => opened.map(([source]) => source),
        (error: unknown) => [String(error), ...opened],
      );
    };
    expect(await load({ source: "elsewhere" }, machine())).toEqual(["/backbones/tiny"]);
    const bare = { options: optionsWith() };
    await expect(loadClasses(bare.options, machine().io, {}, { ...needs, own: bare })).rejects.toThrow(
      /no record of it/,
    );
    expect(await load({ folder: "https://example.org/x.zip" }, machine())).toEqual([
      expect.stringMatching(/nothing is fetched/),
    ]);
  });

  it("is read by the run's own backbone later, and refused where that is another", async () => {
    const { spec } = await loadClasses(optionsWith(), machine().io, {}, needs);
    const kept = parseClassificationSpec(JSON.parse(JSON.stringify(spec)))!;
    const own = { options: optionsWith(), spec: kept };
    const again = machine();
    const other = await loadOtherClasses(optionsWith(), again.io, {}, { ...needs, own });
    expect(again.opened[0]).toEqual(["/backbones/tiny", undefined]);
    expect(other.data.test.exampleShape).toEqual([2]);
    await expect(loadOtherClasses(optionsWith(), machine("cd").io, {}, { ...needs, own })).rejects.toThrow(
      /the image backbone.* is another .* than tiny, which the run was trained with .*Put that one back, or train again/,
    );
  });
});

describe("examples to adapt to, of a run with a backbone", () => {
  const spec: ClassificationSpec = {
    ...{ name: "made", sha256: "", exampleShape: [2] },
    backbone: { name: "tiny", sha256: "ab", folder: "/backbones/tiny" },
  };
  const own = { options: optionsWith(), spec };

  it("are files and bytes of images, or features; what a program changes meanwhile is not seen", async () => {
    const { io } = machine();
    const features = Float32Array.of(5, 7);
    const reading = classificationAdaptation.readSupport(
      { a: ["one.png", bytesOf(9)], b: [features] },
      own,
      {},
      io,
      {},
    );
    features.fill(0);
    const support = await reading;
    expect(toNumbers(support.x)).toEqual([...featuresOf(bytesOf(7)), ...featuresOf(bytesOf(9)), 5, 7]);
    const asked = await classificationAdaptation.readInputs(["three.png", [1, 2]], support, own, io, {});
    expect(toNumbers(asked.x)).toEqual([...featuresOf(bytesOf(9)), 1, 2]);
  });

  it("are not inverted, and of the run's backbone alone", async () => {
    const given = { a: ["one.png"], b: ["three.png"] };
    await expect(classificationAdaptation.readSupport(given, own, { invert: "yes" }, machine().io, {})).rejects.toThrow(
      /--invert yes for a run with the backbone tiny/,
    );
    await expect(classificationAdaptation.readSupport(given, own, {}, machine("cd").io, {})).rejects.toThrow(
      /is another/,
    );
  });
});

describe("options beside --backbone", () => {
  const classes = defaultsOf(classificationOptions).split as Extract<
    ClassificationValues["split"],
    { name: "classes" }
  >;
  it.each([
    [{ augment: "shift" }, /--augment shift with --backbone tiny/],
    [{ invert: "yes" }, /--invert yes with/],
    [{ split: { ...classes, rotations: "yes" } }, /--rotations yes with/],
    [{ backbone: undefined, backboneOutput: "map" }, /--backbone-output without --backbone/],
  ] as const)("that change images are refused: %j", (chosen, expected) => {
    expect(() => requireBackboneUse(optionsWith(chosen as Partial<ClassificationValues>))).toThrow(expected);
  });
  it("that say how folders are read are taken", () => {
    expect(() => requireBackboneUse(optionsWith({ invert: "no", skipBad: true }))).not.toThrow();
  });
});

it.each([
  [{ name: "x", sha256: "y" }],
  [{ name: "x", sha256: "y", folder: "a\0b" }],
  [{ name: "x", sha256: "y", folder: "z".repeat(5000) }],
  ["tiny"],
])("a spec whose backbone is %j is none", (backbone) => {
  expect(parseClassificationSpec({ name: "a", sha256: "", exampleShape: [2], backbone })).toBeUndefined();
});
