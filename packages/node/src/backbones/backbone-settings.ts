/** The file backbone.json: how inputs of an encoder are made, and what is taken of its output. */
import { quoted, reasonOf } from "@innerloop/experiments";
import { DataError } from "../data/data-error.js";

/** What is said of any backbone. */
interface SharedSettings {
  /** The tensor that is read; unless given, the model's only output, or that named `last_hidden_state`. */
  readonly output?: string;
  /** Divide features by their length. */
  readonly normalize: boolean;
  readonly licence?: string;
  readonly source?: string;
  /** Of model.onnx. */
  readonly sha256?: string;
}

/** An encoder of texts. */
export interface TextBackboneSettings extends SharedSettings {
  readonly kind: "text";
  /** mean: of the states of all tokens. cls: the state of the first. output: the model pools by itself. */
  readonly pooling: "mean" | "cls" | "output";
  /** Tokens of a text at most, those that begin and end it included; what is beyond is left out. */
  readonly maxTokens: number;
}

/** An encoder of images: it takes (byte - mean) / scale of each channel. */
export interface ImageBackboneSettings extends SharedSettings {
  readonly kind: "image";
  /** output: as the model gives it. mean: the mean over the positions of a map. */
  readonly pooling: "output" | "mean";
  readonly size: readonly [height: number, width: number];
  readonly channels: 1 | 3;
  readonly layout: "NCHW" | "NHWC";
  /** Of each channel. */
  readonly mean: readonly number[];
  readonly scale: readonly number[];
}

export type BackboneSettings = TextBackboneSettings | ImageBackboneSettings;

const form =
  '{ "pooling": "mean" | "cls" | "output", "normalize": true, "maxTokens": 256 } of a text encoder; { "kind": "image", "size": [224, 224], "channels": 3, "layout": "NCHW" | "NHWC", "mean": 127, "scale": 128 } of one of images';

const mostTokens = 8192;
const mostSide = 4096;

const known: Readonly<Record<BackboneSettings["kind"], readonly string[]>> = {
  text: ["kind", "pooling", "normalize", "maxTokens", "output", "licence", "source", "sha256"],
  image: [
    ...["kind", "pooling", "normalize", "size", "channels", "layout", "mean", "scale"],
    ...["output", "licence", "source", "sha256"],
  ],
};

/** @throws DataError ILD81 for anything but what such a file holds */
export function parseBackboneSettings(text: string, where: string): BackboneSettings {
  const refuse = (problem: string): DataError =>
    new DataError("ILD81", where, problem, `A backbone.json is ${form}; licence, source, sha256, output may be added.`);
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw refuse(`it is no JSON (${reasonOf(cause)})`);
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw refuse("it is no JSON object");
  const values = new Map<string, unknown>(Object.entries(found));
  const choice = <T>(name: string, choices: readonly T[], absent: T): T => {
    const value = values.get(name);
    if (value === undefined) return absent;
    if (!choices.includes(value as T)) throw refuse(`${name} is ${quoted(value)}, and not ${choices.join(" or ")}`);
    return value as T;
  };
  const whole = (name: string, value: unknown, most: number): number => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > most)
      throw refuse(`${name} is ${quoted(value)}, and not a whole number from 1 to ${most}`);
    return value as number;
  };
  const kind = choice("kind", ["text", "image"] as const, "text");
  const stranger = [...values.keys()].find((name) => !known[kind].includes(name));
  if (stranger !== undefined) throw refuse(`there is no setting ${quoted(stranger)} of a backbone of kind ${kind}`);
  const told = <Name extends string>(name: Name, most: number): { readonly [K in Name]?: string } => {
    const value = values.get(name);
    if (value === undefined) return {};
    if (typeof value !== "string" || value === "" || value.length > most)
      throw refuse(`${name} is ${quoted(value)}, and not a text of 1 to ${most} characters`);
    return { [name]: value } as { readonly [K in Name]?: string };
  };
  const shared = {
    normalize: choice("normalize", [true, false], false),
    ...told("output", 1024),
    ...told("licence", 1024),
    ...told("source", 1024),
    ...told("sha256", 64),
  };
  if (kind === "text") {
    const maxTokens = whole("maxTokens", values.get("maxTokens") ?? 256, mostTokens);
    return { kind, pooling: choice("pooling", ["mean", "cls", "output"] as const, "mean"), maxTokens, ...shared };
  }
  const size = values.get("size");
  if (!Array.isArray(size) || size.length !== 2) throw refuse(`size is ${quoted(size)}, and not [height, width]`);
  const channels = choice("channels", [1, 3] as const, 3);
  const perChannel = (name: string, absent: number): number[] => {
    const value = values.get(name) ?? absent;
    const list: unknown[] = Array.isArray(value) ? value : new Array<unknown>(channels).fill(value);
    const isFit = (each: unknown): boolean =>
      typeof each === "number" && Number.isFinite(each) && (name !== "scale" || each !== 0);
    if (list.length !== channels || !list.every(isFit))
      throw refuse(
        `${name} is ${quoted(value)}, and not a number${name === "scale" ? " but 0" : ""}, or one a channel`,
      );
    return list as number[];
  };
  return {
    kind,
    pooling: choice("pooling", ["output", "mean"] as const, "output"),
    size: [whole("height", size[0], mostSide), whole("width", size[1], mostSide)],
    channels,
    layout: choice("layout", ["NCHW", "NHWC"] as const, "NCHW"),
    mean: perChannel("mean", 0),
    scale: perChannel("scale", 1),
    ...shared,
  };
}

/** What of the settings changes features, as a text of one form. */
export const settingsKey = ({ licence: _, source: __, sha256: ___, ...settings }: BackboneSettings): string =>
  JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
