import { CodedError } from "@innerloop/graph";

/** Every error of pictures in a page: what each code means. */
export const webImageErrorCodes = {
  ILW01: "a picture that cannot be read",
  ILW02: "a form that pictures cannot be brought to",
} as const;

/** Codes of `WebImageError`. */
export type WebImageErrorCode = keyof typeof webImageErrorCodes;

/** An error of a picture: `ILW01 image 2 (photo.tiff): what is wrong with it. Remedy.` */
export class WebImageError extends CodedError<WebImageErrorCode> {
  static {
    WebImageError.prototype.name = "WebImageError";
  }
}
