/** Images that a frozen encoder makes features of, before programs: onnx/backbone.onnx of the folder. */
import { isPixelReading } from "../domains/classification/spec.js";
import type { PixelReading } from "../io.js";
import {
  type ImageFeatures,
  imageEncoder,
  imageFeaturesIn,
  imageScaling,
  imageShape,
  pythonImageFeatures,
} from "./image-encoder.js";
import { readImage } from "./image-inputs.js";
import { type InputForm, isOneOf } from "./input-form.js";

/** Images, as features of an encoder. */
export interface EncodedImageInputs extends ImageFeatures {
  readonly kind: "encoded-image";
  /** How the pixels of files become bytes. */
  readonly pixels: PixelReading;
}

/** @internal */
export const encodedImageForm: InputForm<EncodedImageInputs> = {
  parse: (value) => {
    const features = imageFeaturesIn(value);
    const { pixels } = value;
    return features && isPixelReading(pixels) ? { kind: "encoded-image", ...features, pixels } : undefined;
  },
  encoder: imageEncoder,
  slots: ({ shape }) => [{ name: "", dtype: "float32", shape }],
  isOne: (list, { backbone }) => isOneOf(list, imageShape(backbone)),
  read: async (given, { backbone, pixels }, io) => {
    const asImages = { kind: "image", shape: imageShape(backbone), dtype: "uint8", inverted: false, pixels } as const;
    return io.encode!(await Promise.all(given.map((each, i) => readImage(each, i, asImages, io))));
  },
  readingOf: () => ({ invert: false }),
  rows: (read) => [[read]],
  preprocessor: ({ backbone }) => ({
    do_resize: true,
    size: { height: backbone.size[0], width: backbone.size[1] },
    resample: 4,
    do_convert_grayscale: backbone.channels === 1,
    ...imageScaling(backbone),
  }),
  about: ({ backbone, shape }) =>
    `Images of ${backbone.size.join(" x ")} pixels, ${backbone.channels === 1 ? "grey" : "3 channels"}, of which onnx/backbone.onnx (${backbone.name}) makes features [${shape.join(", ")}]: programs take these.`,
  pythonFirst: ({ backbone }) => pythonImageFeatures(backbone),
  inPython: ({ backbone }, rows = 2) => ({
    "": `features(np.random.randint(0, 256, (${rows}, ${imageShape(backbone).join(", ")})).astype(np.uint8))`,
  }),
  inJavaScript: () => `"one.png"`,
};
