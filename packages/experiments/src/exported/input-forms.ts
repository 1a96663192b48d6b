/** The inputs of exported programs: what a user gives, as the numbers that the program takes. A record for each kind. */
import type { ImageInput } from "@innerloop/core/training";
import { type EncodedImageInputs, encodedImageForm } from "./encoded-image-inputs.js";
import { type EncodedTextInputs, encodedTextForm } from "./encoded-text-inputs.js";
import type { ExportedFileName } from "./exported-config.js";
import type { ExportedAnswers } from "./exported-kinds.js";
import { type ImageInputs, imageForm } from "./image-inputs.js";
import type { EncoderProbe } from "./input-encoder.js";
import type { InputForm } from "./input-form.js";
import { type ItemInputs, itemForm } from "./item-inputs.js";
import { type NumberInputs, numberForm } from "./number-inputs.js";
import { type ObservationInputs, observationForm } from "./observation-inputs.js";
import { type PictureInputs, pictureForm } from "./picture-inputs.js";
import { type RowInputs, rowForm } from "./row-inputs.js";
import { type TextInputs, textForm } from "./text-inputs.js";
import { type WordInputs, wordForm } from "./word-inputs.js";

/** The way in which inputs enter, as config.json tells it. */
export type ExportedInputs =
  | ImageInputs
  | EncodedImageInputs
  | NumberInputs
  | PictureInputs
  | RowInputs
  | TextInputs
  | EncodedTextInputs
  | ItemInputs
  | WordInputs
  | ObservationInputs;

/** biome-ignore lint/suspicious/noExplicitAny: inputs that were read differ by kind. */
type FormOf<Inputs extends ExportedInputs> = InputForm<Inputs, any>;

const inputForms: { readonly [K in ExportedInputs["kind"]]: FormOf<Extract<ExportedInputs, { readonly kind: K }>> } = {
  image: imageForm,
  "encoded-image": encodedImageForm,
  numbers: numberForm,
  picture: pictureForm,
  row: rowForm,
  text: textForm,
  "encoded-text": encodedTextForm,
  item: itemForm,
  words: wordForm,
  observations: observationForm,
};

/** The kind of these inputs. */
export const formOf = (inputs: ExportedInputs): InputForm<ExportedInputs, unknown> =>
  inputForms[inputs.kind] as unknown as InputForm<ExportedInputs, unknown>;

/** The inputs in a value of config.json; undefined where they are none. */
export function inputsFrom(value: unknown): ExportedInputs | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { kind } = fields;
  if (typeof kind !== "string" || !Object.hasOwn(inputForms, kind)) return undefined;
  return inputForms[kind as ExportedInputs["kind"]].parse(fields);
}

/** The form in which a run's tasks enter programs: what its domain says of it. */
export interface ExportForm {
  readonly inputs: ExportedInputs;
  /** How programs make the learner's numbers of bytes, where images enter as bytes. */
  readonly imageInput?: ImageInput;
  /** What examples say beside their inputs, and what is answered. */
  readonly answers: ExportedAnswers;
  /** Examples of a step, where each step has examples of its own: support sets are of so many for each. */
  readonly ofStep?: number;
  /** The hub's name for tasks like these, "image-classification"; "other" unless given. */
  readonly pipelineTag?: string;
  /** Where inputs go through a frozen encoder first: its files, and what it makes of the inputs that one is tried on. */
  readonly encoder?: {
    readonly files: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>;
    readonly probe: EncoderProbe;
  };
}
