/** The network that is written from weights is the one that plain loops say: padding, folding and order of blocks. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { machineEncoders } from "../machine-encoders.js";
import { backboneFolder } from "../made-up-backbones.fixture.js";
import { efficientNetLite0 } from "./efficientnet-lite0.js";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "innerloop-efficientnet-"));
  vi.stubEnv("INNERLOOP_CACHE", "off");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

const side = 32;
const tensors = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>();
let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return state / 2 ** 32 - 0.5;
};
const made = (name: string, shape: readonly number[], spread: number, middle = 0): void => {
  const length = shape.reduce((product, axis) => product * axis, 1);
  tensors.set(name, { shape, data: Float32Array.from({ length }, () => middle + spread * random()) });
};
/** Maps as [height, width, channels]. */
interface Maps {
  readonly size: number;
  readonly channels: number;
  readonly values: Float64Array;
}

/** Makes the weights of a layer and applies it by its definition, "same" padding as TensorFlow has it. */
function layer(
  x: Maps,
  filters: string,
  norm: string,
  {
    channels,
    kernel,
    stride = 1,
    depthwise = false,
    clip = true,
  }: Record<"channels" | "kernel", number> & {
    readonly stride?: number;
    readonly depthwise?: boolean;
    readonly clip?: boolean;
  },
): Maps {
  const each = depthwise ? 1 : x.channels;
  made(`${filters}.weight`, [channels, each, kernel, kernel], 4 / Math.sqrt(each * kernel * kernel));
  made(`${norm}.weight`, [channels], 0.4, 1);
  made(`${norm}.bias`, [channels], 0.8);
  made(`${norm}.running_mean`, [channels], 0.5);
  made(`${norm}.running_var`, [channels], 0.5, 1);
  const w = tensors.get(`${filters}.weight`)!.data;
  const [gain, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => tensors.get(`${norm}.${part}`)!.data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const size = Math.ceil(x.size / stride);
  const all = Math.max(0, (size - 1) * stride + kernel - x.size);
  const before = Math.floor(all / 2);
  const values = new Float64Array(size * size * channels);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      for (let o = 0; o < channels; o++) {
        let sum = 0;
        for (let i = 0; i < kernel; i++)
          for (let j = 0; j < kernel; j++) {
            const [y, z] = [row * stride + i - before, column * stride + j - before];
            if (y < 0 || z < 0 || y >= x.size || z >= x.size) continue;
            const at = (y * x.size + z) * x.channels;
            for (let c = 0; c < each; c++)
              sum += x.values[at + (depthwise ? o : c)]! * w[((o * each + c) * kernel + i) * kernel + j]!;
          }
        const normal = ((sum - mean[o]!) / Math.sqrt(variance[o]! + 1e-3)) * gain[o]! + bias[o]!;
        values[(row * size + column) * channels + o] = clip ? Math.min(6, Math.max(0, normal)) : normal;
      }
  return { size, channels, values };
}

it("gives the features of the network's definition, at other weights than the published", async () => {
  const image = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 31 + (i >> 3) * 17) % 256);
  const input = { size: side, channels: 3, values: Float64Array.from(image, (byte) => (byte - 127) / 128) };
  let x: Maps = layer(input, "_conv_stem", "_bn0", { channels: 32, kernel: 3, stride: 2 });
  let block = 0;
  for (const [repeats, kernel, first, expansion, channels] of [
    ...[[1, 3, 1, 1, 16] as const, [2, 3, 2, 6, 24] as const, [2, 5, 2, 6, 40] as const, [3, 3, 2, 6, 80] as const],
    ...[[3, 5, 1, 6, 112] as const, [4, 5, 2, 6, 192] as const, [1, 3, 1, 6, 320] as const],
  ]) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `_blocks.${block++}`;
      const inner = x.channels * expansion;
      const stride = repeat === 0 ? first : 1;
      let y = x;
      if (expansion > 1) y = layer(y, `${name}._expand_conv`, `${name}._bn0`, { channels: inner, kernel: 1 });
      const spatial = { channels: inner, kernel, stride, depthwise: true };
      y = layer(y, `${name}._depthwise_conv`, `${name}._bn1`, spatial);
      y = layer(y, `${name}._project_conv`, `${name}._bn2`, { channels, kernel: 1, clip: false });
      const skipped = x.values;
      x = repeat > 0 ? { ...y, values: y.values.map((value, i) => value + skipped[i]!) } : y;
    }
  }
  const head = layer(x, "_conv_head", "_bn1", { channels: 1280, kernel: 1 });
  const expected = Array.from({ length: 1280 }, (_, c) => {
    const places = Array.from({ length: head.size ** 2 }, (_, p) => head.values[p * 1280 + c]!);
    return places.reduce((sum, value) => sum + value, 0) / places.length;
  });
  const folder = await backboneFolder(place, {
    model: efficientNetLite0(tensors, { side, output: "features" }, "weights"),
    settings: { kind: "image", size: [side, side], channels: 3, layout: "NCHW", mean: 127, scale: 128 },
  });
  const backbone = await machineEncoders.imageBackbone(folder, {}, {});
  const found = await backbone.encode([image], {});
  await backbone.close();
  expect(backbone.outputShape).toEqual([1280]);
  // Enough of them are neither 0 nor 6 to tell networks apart.
  expect(expected.filter((value) => value > 0.01 && value < 5.99).length).toBeGreaterThan(300);
  for (const [c, value] of expected.entries()) expect(Math.abs(found[c]! - value), `feature ${c}`).toBeLessThan(2e-3);
  const stages = await machineEncoders.imageBackbone(folder, { output: "stage5" }, {});
  expect(stages.outputShape).toEqual([2, 2, 112]);
  await stages.close();
});

it("refuses weights of another network, by name and shape", () => {
  expect(() => efficientNetLite0(new Map(), { side, output: "features" }, "x.pth")).toThrow(
    /ILD73 x\.pth: "_conv_stem\.weight" is not there, expected \[32, 3, 3, 3\]/,
  );
});
