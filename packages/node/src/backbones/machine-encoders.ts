/** What encodes texts and images on this machine. */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { idsAbovePadding, type LongWork, type TextIo, type Tokenizer } from "@innerloop/experiments";
import { readingLimits } from "../data/reading-limits.js";
import { readRegularFile } from "../data/regular-file.js";
import { backboneAt, isAddress } from "./backbone-address.js";
import { backboneFiles, locateBackbone, readBackboneFolder, sha256Of } from "./backbone-folder.js";
import { openImageBackbone } from "./image-backbone.js";
import { knownBackbones } from "./known/registry.js";
import { openTextBackbone } from "./text-backbone.js";
import { parseTokenizer } from "./tokenizer-file.js";

/** The folder of a name or path, or of what an address brings. */
const located = (source: string, work: LongWork) =>
  isAddress(source) ? backboneAt(source, work) : locateBackbone(source, Object.keys(knownBackbones));

/** Backbones and tokenizers of this machine. */
export const machineEncoders: Pick<TextIo, "textBackbone" | "imageBackbone" | "pieces" | "tokenizer"> = {
  textBackbone: async (source, work) => {
    const { name, folder } = await located(source, work);
    return openTextBackbone(await readBackboneFolder(folder, { name }), work);
  },
  imageBackbone: async (source, { output }, work) => {
    const { name, folder } = await located(source, work);
    const chosen = { name, ...(output === undefined ? {} : { output }) };
    return openImageBackbone(await readBackboneFolder(folder, chosen), work);
  },
  pieces: (bytes, where) => parseTokenizer(bytes, where),
  tokenizer: async (source, work) => {
    const given = resolve(source);
    const isFile = await stat(given).then(
      (found) => !found.isDirectory(),
      () => false,
    );
    const found = isFile ? { name: basename(dirname(given)), folder: dirname(given) } : await located(source, work);
    const file = isFile ? given : join(found.folder, backboneFiles.tokenizer);
    // A path that the user wrote may be a link; what lies in a folder may not.
    const links = isFile ? "followed" : "refused";
    const bytes = await readRegularFile(file, { most: readingLimits.tokenizerBytes, links });
    return tokenizerOf(bytes, { name: found.name, file, folder: isFile ? file : found.folder });
  },
};

function tokenizerOf(
  bytes: Uint8Array,
  { name, file, folder }: { readonly name: string; readonly file: string; readonly folder: string },
): Tokenizer {
  const parsed = parseTokenizer(bytes, file);
  // Where 0 is a piece of its own, all ids move up by one: 0 is padding for those who read them.
  const shift = parsed.zeroIsPadding ? 0 : 1;
  return {
    name,
    folder,
    sha256: sha256Of(bytes),
    pieces: parsed.vocabulary + shift,
    shift,
    file: bytes,
    encode: (text) => idsAbovePadding(parsed.split([text])[0]!, shift),
  };
}
