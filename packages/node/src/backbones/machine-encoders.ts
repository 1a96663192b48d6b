/** What encodes texts and images on this machine. */
import type { TextIo } from "@innerloop/experiments";

const later = (): Promise<never> => Promise.reject(new Error("in the making"));

/** Backbones and tokenizers of this machine. */
export const machineEncoders: Pick<TextIo, "textBackbone" | "imageBackbone" | "tokenizer"> = {
  textBackbone: later,
  imageBackbone: later,
  tokenizer: later,
};
