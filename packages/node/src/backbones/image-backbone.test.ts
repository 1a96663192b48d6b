/** Encoders of images: features and maps are what plain loops give. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { machineEncoders } from "./machine-encoders.js";
import { backboneFolder, imageMapOf, imageModel, imageSide } from "./made-up-backbones.fixture.js";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "innerloop-images-"));
  vi.stubEnv("INNERLOOP_DATA", join(place, "data"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

const usual = { kind: "image", size: [imageSide, imageSide], channels: 3, layout: "NCHW", mean: 127, scale: 128 };
const images = Array.from({ length: 20 }, (_, i) =>
  Uint8Array.from({ length: 3 * imageSide ** 2 }, (_, at) => (37 * at + 11 * i * at + 5 * i) % 256),
);
const meanOf = (map: readonly (readonly number[])[]): number[] =>
  [0, 1].map((c) => map.reduce((sum, row) => sum + row[c]!, 0) / map.length);

async function encoded(settings: object, output?: string) {
  const folder = await backboneFolder(place, { model: imageModel(), settings: { ...usual, ...settings } });
  const backbone = await machineEncoders.imageBackbone(folder, output === undefined ? {} : { output }, {});
  const features = await backbone.encode(images, {});
  const again = await backbone.encode(images.slice(3, 5), {});
  await backbone.close();
  const numbers = backbone.outputShape.reduce((product, axis) => product * axis, 1);
  expect(again).toEqual(features.slice(3 * numbers, 5 * numbers));
  return { shape: backbone.outputShape, features, sha256: backbone.sha256 };
}

const expectAll = (found: Float32Array, expected: readonly number[]): void => {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
};

it("gives the features of images, of more than one run", async () => {
  const { shape, features } = await encoded({});
  expect(shape).toEqual([2]);
  expectAll(
    features,
    images.flatMap((image) => meanOf(imageMapOf(image, 127, 128))),
  );
});

it("gives a tensor within the graph as a map, channels last, or its mean", async () => {
  const map = await encoded({}, "map");
  expect(map.shape).toEqual([imageSide, imageSide, 2]);
  expectAll(
    map.features,
    images.flatMap((image) => imageMapOf(image, 127, 128).flat()),
  );
  const mean = await encoded({ output: "map", pooling: "mean", mean: 0, scale: 255 });
  expect(mean.shape).toEqual([2]);
  expectAll(
    mean.features,
    images.flatMap((image) => meanOf(imageMapOf(image, 0, 255))),
  );
  expect(map.sha256).not.toBe(mean.sha256);
});

it.each([
  [{ size: [5, 4] }, /its input is \[.*3, 4, 4\], and backbone\.json says \[images, 3, 5, 4\]/],
  [{ layout: "NHWC" }, /backbone\.json says \[images, 4, 4, 3\]/],
  [{ size: [0, 4] }, /height is 0/],
  [{ scale: 0 }, /scale is 0, and not a number but 0/],
  [{ mean: [1, 2] }, /mean is/],
  [{ maxTokens: 5 }, /there is no setting "maxTokens" of a backbone of kind image/],
  [{ kind: "sound" }, /kind is "sound", and not text or image/],
  [{ output: "nowhere" }, /there is no tensor "nowhere"/],
])("refuses a folder that says %j", async (settings, expected) => {
  await expect(encoded(settings)).rejects.toThrow(expected);
});
