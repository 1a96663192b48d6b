/** Pictures of any size whose squares a frozen encoder makes cells of, before programs: onnx/backbone.onnx of the folder. */
import {
  type ImageFeatures,
  imageEncoder,
  imageFeaturesIn,
  imageScaling,
  imageShape,
  pythonImageFeatures,
} from "./image-encoder.js";
import type { InputForm } from "./input-form.js";
import { type ReadPicture, readPictures, squareFields, squareText } from "./picture-inputs.js";

/** Pictures, as cells [rows, columns, features] that an encoder of squares in colours makes of them. */
export interface EncodedPictureInputs extends ImageFeatures {
  readonly kind: "encoded-picture";
}

/** A picture as it was read: its own sides, and the cells of its square. */
interface SeenPicture extends Pick<ReadPicture, "width" | "height"> {
  readonly cells: Float32Array;
}

/** @internal */
export const encodedPictureForm: InputForm<EncodedPictureInputs, SeenPicture> = {
  parse: (value) => {
    const features = imageFeaturesIn(value);
    if (features?.shape.length !== 3) return undefined;
    const { size, channels } = features.backbone;
    return size[0] === size[1] && channels === 3 ? { kind: "encoded-picture", ...features } : undefined;
  },
  encoder: imageEncoder,
  side: ({ backbone }) => backbone.size[0],
  slots: ({ shape }) => [{ name: "", dtype: "float32", shape }],
  isOne: () => false,
  read: async (given, { backbone }, io) => {
    const pictures = await readPictures(given, backbone.size[0], io);
    const cells = await io.encode!(pictures.map(({ pixels }) => pixels));
    return pictures.map(({ width, height }, i) => ({ width, height, cells: cells[i] as Float32Array }));
  },
  readingOf: () => ({ invert: false }),
  rows: ({ cells }) => [[cells]],
  preprocessor: ({ backbone }) => ({ ...squareFields(backbone.size[0]), ...imageScaling(backbone) }),
  about: ({ backbone, shape }) =>
    `${squareText(backbone.size[0])}, of whose bytes of red, green and blue onnx/backbone.onnx (${backbone.name}) makes cells [${shape.join(", ")}]: programs take these.`,
  pythonFirst: ({ backbone }) => pythonImageFeatures(backbone),
  inPython: ({ backbone }, rows = 2) => ({
    "": `features(np.random.randint(0, 256, (${rows}, ${imageShape(backbone).join(", ")})).astype(np.uint8))`,
  }),
  inJavaScript: () => `"one.png"`,
};
