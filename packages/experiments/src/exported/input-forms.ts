/**
 * The inputs of exported programs: what a user gives, as the numbers that the program takes. A record for each kind, whose
 * module is loaded when a folder of it is read or written.
 */
import type { ImageInput } from "@innerloop/core/training";
import type { EncodedImageInputs } from "./encoded-image-inputs.js";
import type { EncodedPictureInputs } from "./encoded-picture-inputs.js";
import type { EncodedTextInputs } from "./encoded-text-inputs.js";
import type { EncodedWordInputs } from "./encoded-word-inputs.js";
import type { ExportedFileName } from "./exported-config.js";
import type { ExportedAnswers } from "./exported-kinds.js";
import type { ImageInputs } from "./image-inputs.js";
import type { EncoderProbe } from "./input-encoder.js";
import type { InputForm } from "./input-form.js";
import type { ItemInputs } from "./item-inputs.js";
import type { NumberInputs } from "./number-inputs.js";
import type { ObservationInputs } from "./observation-inputs.js";
import type { PictureInputs } from "./picture-inputs.js";
import { recordsOnDemand } from "./records-on-demand.js";
import type { RowInputs } from "./row-inputs.js";
import type { TextInputs } from "./text-inputs.js";
import type { WordInputs } from "./word-inputs.js";

/** The way in which inputs enter, as config.json tells it. */
export type ExportedInputs =
  | ImageInputs
  | EncodedImageInputs
  | NumberInputs
  | PictureInputs
  | EncodedPictureInputs
  | RowInputs
  | TextInputs
  | EncodedTextInputs
  | ItemInputs
  | WordInputs
  | EncodedWordInputs
  | ObservationInputs;

/** biome-ignore lint/suspicious/noExplicitAny: inputs that were read differ by kind. */
type FormOf<Inputs extends ExportedInputs> = InputForm<Inputs, any>;

type Forms = {
  readonly [K in ExportedInputs["kind"]]: FormOf<Extract<ExportedInputs, { readonly kind: K }>>;
};

const inputForms = recordsOnDemand<Forms>("kind of inputs", {
  image: async () => (await import("./image-inputs.js")).imageForm,
  "encoded-image": async () => (await import("./encoded-image-inputs.js")).encodedImageForm,
  numbers: async () => (await import("./number-inputs.js")).numberForm,
  picture: async () => (await import("./picture-inputs.js")).pictureForm,
  "encoded-picture": async () => (await import("./encoded-picture-inputs.js")).encodedPictureForm,
  row: async () => (await import("./row-inputs.js")).rowForm,
  text: async () => (await import("./text-inputs.js")).textForm,
  "encoded-text": async () => (await import("./encoded-text-inputs.js")).encodedTextForm,
  item: async () => (await import("./item-inputs.js")).itemForm,
  words: async () => (await import("./word-inputs.js")).wordForm,
  "encoded-words": async () => (await import("./encoded-word-inputs.js")).encodedWordForm,
  observations: async () => (await import("./observation-inputs.js")).observationForm,
});

/** Loads the kind of inputs of this name; what is no name is left to `inputsFrom`. */
export const loadForm = (name: unknown): Promise<void> => inputForms.load(name);

/** Loads all of them. */
export const loadForms = async (): Promise<void> => {
  await inputForms.all();
};

/** The kind of these inputs, which has been loaded: those of a configuration that was read are. */
export const formOf = ({ kind }: ExportedInputs): InputForm<ExportedInputs, unknown> =>
  inputForms.of(kind) as unknown as InputForm<ExportedInputs, unknown>;

/** The inputs in a value of config.json, whose kind was loaded; undefined where they are none. */
export function inputsFrom(value: unknown): ExportedInputs | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  return inputForms.has(fields.kind) ? inputForms.of(fields.kind).parse(fields) : undefined;
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
