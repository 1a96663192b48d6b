/** Frozen encoders of images before programs: bytes of a size in, features out. onnx/backbone.onnx of the folder. */
import { isRecord } from "../options/outside-text.js";
import {
  backboneFile,
  encodedBy,
  encoderFault,
  type InputEncoder,
  normalizeParts,
  openBackbone,
  probeFeatures,
  probeInputs,
  probeNames,
} from "./input-encoder.js";
import { isInputShape } from "./input-form.js";
import { isWhole } from "./kind-values.js";

/** An encoder of images as config.json tells it: it takes (byte - mean) / scale of each channel. */
export interface ImageBackboneTold {
  readonly name: string;
  /** Names within the model. */
  readonly input: string;
  readonly output: string;
  readonly size: readonly [height: number, width: number];
  readonly channels: 1 | 3;
  readonly layout: "NCHW" | "NHWC";
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  /** mean: the mean over the positions of a map. */
  readonly pooling: "output" | "mean";
  /** Whether features are divided by their length. */
  readonly normalize: boolean;
}

/** What is told of inputs that are features of an encoder of images. */
export interface ImageFeatures {
  /** Of the features of one. */
  readonly shape: readonly number[];
  readonly backbone: ImageBackboneTold;
}

const longestName = 1024;
const mostSide = 4096;
/** Images of one run. */
const imagesAtOnce = 16;

const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= longestName && !value.includes("\0");

/** The features in an object of config.json, which anyone may have written; undefined where they are none. */
export function imageFeaturesIn({ shape, backbone }: Readonly<Record<string, unknown>>): ImageFeatures | undefined {
  const told = backboneIn(backbone);
  return told && isInputShape(shape) && isInputShape(imageShape(told)) ? { shape, backbone: told } : undefined;
}

function backboneIn(value: unknown): ImageBackboneTold | undefined {
  if (!isRecord(value)) return undefined;
  const { name, input, output, size, channels, layout, mean, scale, pooling, normalize } = value;
  if (![name, input, output].every(isName) || !Array.isArray(size) || size.length !== 2) return undefined;
  if (!size.every((side) => isWhole(side, 1, mostSide)) || (channels !== 1 && channels !== 3)) return undefined;
  if ((layout !== "NCHW" && layout !== "NHWC") || (pooling !== "output" && pooling !== "mean")) return undefined;
  const areNumbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length === channels && list.every((each) => Number.isFinite(each));
  if (!areNumbers(mean) || !areNumbers(scale) || scale.includes(0) || typeof normalize !== "boolean") return undefined;
  const [height, width] = size as [number, number];
  const names = { name, input, output } as { readonly name: string; readonly input: string; readonly output: string };
  return { ...names, size: [height, width], channels, layout, mean, scale, pooling, normalize };
}

/** The shape of the images that an encoder takes. */
export const imageShape = ({ size, channels }: ImageBackboneTold) =>
  [...size, channels] as unknown as readonly [number, number, number];
const bytesOf = ({ size, channels }: ImageBackboneTold): number => size[0] * size[1] * channels;

/** The tensor of images, as the model takes it. */
function tensorOf(
  images: readonly Uint8Array[],
  { size, channels, layout, mean, scale }: ImageBackboneTold,
): Float32Array {
  const area = size[0] * size[1];
  const data = new Float32Array(images.length * area * channels);
  images.forEach((image, i) => {
    for (let p = 0; p < area; p++)
      for (let c = 0; c < channels; c++)
        data[layout === "NHWC" ? (i * area + p) * channels + c : (i * channels + c) * area + p] =
          (image[p * channels + c]! - mean[c]!) / scale[c]!;
  });
  return data;
}

/** The features of each of some images: rows, means over maps, or maps with their channels last. */
function rowsOf(
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
  count: number,
  { layout, pooling, normalize }: ImageBackboneTold,
): readonly Float32Array[] {
  const size = data.length / count;
  const [height, width, channels] = (
    shape.length === 2 ? [1, 1, shape[1]] : layout === "NHWC" ? shape.slice(1) : [shape[2], shape[3], shape[1]]
  ) as [number, number, number];
  const area = height * width;
  const isMean = pooling === "mean" || area === 1;
  return Array.from({ length: count }, (_, i) => {
    const row = new Float32Array(isMean ? channels : size);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let p = 0; p < area; p++) {
        const value = data[i * size + (layout === "NHWC" || shape.length === 2 ? p * channels + c : c * area + p)]!;
        if (isMean) sum += value;
        else row[p * channels + c] = value;
      }
      if (isMean) row[c] = sum / area;
    }
    if (normalize) normalizeParts(row, channels);
    return row;
  });
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** @internal */
export const imageEncoder: InputEncoder<ImageFeatures> = {
  files: [backboneFile],
  open: async ({ backbone, shape }, files, machine, shown) => {
    const session = await openBackbone(files, machine, shown);
    const [input] = session.inputs;
    const fits = session.inputs.length === 1 && input?.name === backbone.input && input.dtype === "float32";
    if (!fits || !session.outputs.some(({ name }) => name === backbone.output)) {
      await session.close();
      throw encoderFault(
        shown,
        `it has no input ${backbone.input.slice(0, 80)} or no output ${backbone.output.slice(0, 80)}`,
      );
    }
    const [height, width] = backbone.size;
    const { channels, layout } = backbone;
    const one = layout === "NHWC" ? [height, width, channels] : [channels, height, width];
    const atOnce = typeof input.shape[0] === "number" && input.shape[0] > 0 ? 1 : imagesAtOnce;
    return {
      encode: async (read) => {
        const images = read as readonly Uint8Array[];
        const rows: Float32Array[] = [];
        for (let from = 0; from < images.length; from += atOnce) {
          const some = images.slice(from, from + atOnce);
          const data = tensorOf(some, backbone);
          const feeds = { [backbone.input]: { dtype: "float32" as const, shape: [some.length, ...one], data } };
          const found = await encodedBy(session, feeds, backbone.output, shown);
          const isMap = found.shape.length === 2 || found.shape.length === 4;
          const made = isMap && found.shape[0] === some.length ? rowsOf(found, some.length, backbone) : [];
          if (!made[0] || made[0].length !== sizeOf(shape))
            throw encoderFault(
              shown,
              `its output is [${found.shape.join(", ")}], and config.json tells features [${shape.join(", ")}]`,
            );
          rows.push(...made);
        }
        return rows;
      },
      close: () => session.close(),
    };
  },
  tried: ({ backbone }) =>
    // Of noise of which nothing is the same twice, so that channels and places that are mixed up show.
    Array.from({ length: probeInputs }, (_, i) =>
      Uint8Array.from({ length: bytesOf(backbone) }, (__, p) =>
        Math.floor(128 + 127 * Math.sin(1 + (i + 1) * p * 0.37 + p * p * 0.011)),
      ),
    ),
  kept: ({ inputs, features }, { backbone, shape }) => {
    const bytes = new Uint8Array(inputs.length * bytesOf(backbone));
    (inputs as readonly Uint8Array[]).forEach((image, i) => {
      bytes.set(image, i * image.length);
    });
    return {
      arrays: {
        [probeNames.inputs]: { dtype: "uint8", shape: [inputs.length, ...imageShape(backbone)], data: bytes },
        [probeNames.features]: { dtype: "float32", shape: [inputs.length, ...shape], data: features },
      },
      metadata: {},
    };
  },
  restored: ({ arrays }, { backbone, shape }) => {
    const found = Object.hasOwn(arrays, probeNames.inputs) ? arrays[probeNames.inputs] : undefined;
    const features = probeFeatures(arrays, probeInputs, shape);
    if (found?.dtype !== "uint8" || found.shape.join() !== [probeInputs, ...imageShape(backbone)].join() || !features)
      return undefined;
    const size = bytesOf(backbone);
    const images = Array.from({ length: probeInputs }, (_, i) =>
      (found.data as Uint8Array).slice(i * size, (i + 1) * size),
    );
    return { inputs: images, features };
  },
};

/** Fields of preprocessor_config.json that say what an encoder does with bytes. */
export const imageScaling = ({ mean, scale }: ImageBackboneTold): object => ({
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: mean.map((each) => each / 255),
  image_std: scale.map((each) => each / 255),
});

/** The function of a model card that makes features of images, `features`. */
export function pythonImageFeatures({
  input,
  output,
  layout,
  mean,
  scale,
  pooling,
  normalize,
}: ImageBackboneTold): readonly string[] {
  const isFirst = layout === "NCHW";
  return [
    'backbone = ort.InferenceSession("onnx/backbone.onnx")',
    "",
    "def features(images):  # uint8 [n, height, width, channels]",
    `    x = ((images - np.array([${mean.join(", ")}])) / np.array([${scale.join(", ")}])).astype(np.float32)`,
    ...(isFirst ? ["    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))"] : []),
    // One by one: some encoders take no other number of them.
    `    y = np.concatenate([backbone.run([${JSON.stringify(output)}], {${JSON.stringify(input)}: x[i:i + 1]})[0] for i in range(len(x))])`,
    "    if y.ndim == 4:",
    ...(isFirst ? ["        y = y.transpose(0, 2, 3, 1)"] : []),
    pooling === "mean"
      ? "        y = y.mean(axis=(1, 2))"
      : "        y = y[:, 0, 0] if y.shape[1] * y.shape[2] == 1 else y",
    ...(normalize ? ["    y = y / np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-30)"] : []),
    "    return y",
    "",
  ];
}
