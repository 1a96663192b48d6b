/** Exported learners in a page: from an address, or from files at hand. */
import {
  ExportError,
  type ExportedAnswer,
  type ExportedFiles,
  type ExportedIo,
  type ExportedLearner,
  filesAtHand,
  includedModel,
  isIncludedAddress,
  type OpenModule,
  openExported,
} from "@innerloop/experiments/exported";
import { decodeImages, type ImageDecoding, type ImageSource, letterboxedPictures } from "./images/decode-images.js";
import { type WebExecutor, workerExecutor } from "./web-executor.js";
import { openInWorker } from "./worker-modules.js";

/** Options of `loadExported`. */
export interface LoadExportedOptions {
  /** What computes: one in a worker, made once for the page, unless given. */
  readonly executor?: WebExecutor;
  /**
   * "wasm" for the module of an export with --wasm, which runs in a worker of its own, without onnxruntime; onnxruntime unless
   * given. The executor then runs encoders alone.
   */
  readonly engine?: "onnxruntime" | "wasm";
  /** Stops downloads. */
  readonly signal?: AbortSignal;
  /** What splits texts by the tokenizer.json of a folder whose texts go through an encoder: pages have none of their own. */
  readonly pieces?: NonNullable<ExportedIo["pieces"]>;
}

/**
 * The exported learner of a folder that `innerloop export` has written: at an address where it is served as it is, or its
 * files by their names below it; or one that comes trained, with @innerloop/models: "innerloop:symbols", whose files are read
 * from where that package's modules are. Images may be whatever a page has of them: a File or Blob, a canvas, ImageData, an
 * ImageBitmap, an address, or numbers.
 *
 * @typeParam A its answers: `ClassAnswer`, `ValueAnswer`, `RatingAnswer` and others, by the kind of its tasks
 * @throws ExportError ILE202 where files are missing, too large or not those that config.json tells, ILE209 where no learner of
 *   this name comes; GraphError as of `workerExecutor`
 * @example
 * const learner = await loadExported("exported/symbols/");
 * const task = await learner.adapt([{ input: canvas, label: "thorn" }, { input: file, label: "ash" }]);
 * const { label, probability } = await task.predict(canvas);
 */
export async function loadExported<A = ExportedAnswer>(
  source: string | URL | Readonly<Record<string, Uint8Array>>,
  { executor, engine, signal, pieces }: LoadExportedOptions = {},
): Promise<ExportedLearner<A>> {
  const files = await filesOf(source, signal);
  const started = async () => (executor ?? (await usualExecutor())).portable;
  // Where the module has the programs, onnxruntime is needed for an encoder alone.
  const isWasm = engine === "wasm";
  const portable = isWasm ? { open: async (bytes: Uint8Array) => (await started()).open(bytes) } : await started();
  const openModule = isWasm ? openAside : undefined;
  return openExported<A>(files, { engine: portable, openModule, io: pieces ? { ...pageIo, pieces } : pageIo });
}

/** Opens a module in a worker, so that the page stays smooth; in a worker it is there itself. */
const openAside: OpenModule = async (bytes) =>
  typeof document === "object" ? openInWorker(bytes) : (await import("@innerloop/graph/wasm")).openWasmModule(bytes);

let shared: Promise<WebExecutor> | undefined;

/** One worker for all exported learners of a page. */
function usualExecutor(): Promise<WebExecutor> {
  shared ??= workerExecutor();
  // One that did not start may do so the next time.
  shared.catch(() => {
    shared = undefined;
  });
  return shared;
}

async function filesOf(
  source: string | URL | Readonly<Record<string, Uint8Array>>,
  signal: AbortSignal | undefined,
): Promise<ExportedFiles> {
  if (isIncludedAddress(source)) {
    const { files } = includedModel(source, (await includedModels(source)).models);
    return fetched(source, (name) => files[name]?.(), signal);
  }
  if (typeof source !== "string" && !(source instanceof URL)) return filesAtHand(source);
  const base = new URL(String(source).replace(/\/?$/, "/"), document.baseURI);
  return fetched(base.href, (name) => new URL(name, base), signal);
}

/** The learners that come trained. Bundlers follow this import, and take along the files that its modules name. */
async function includedModels(address: string): Promise<typeof import("@innerloop/models")> {
  try {
    return await import("@innerloop/models");
  } catch (cause) {
    throw new ExportError(
      "ILE202",
      address,
      "the package @innerloop/models is not where the page looks for it",
      "Name it in the page's import map; or serve a folder of its learners, and give its address",
      { cause },
    );
  }
}

/** Files by the addresses of their names. */
function fetched(
  shown: string,
  addressOf: (name: string) => URL | undefined,
  signal: AbortSignal | undefined,
): ExportedFiles {
  return {
    shown,
    read: async (name, most) => {
      const address = addressOf(name);
      if (!address) return undefined;
      // Bundlers write small files into their modules, which a page's policy need not let it fetch.
      if (address.protocol === "data:") return bytesIn(address);
      const response = await fetch(address, { ...(signal ? { signal } : {}) });
      if (response.status === 404) return undefined;
      const fail = (problem: string): never => {
        throw new ExportError("ILE202", address.href, problem, "See that the folder is served as it was written");
      };
      if (!response.ok) fail(`the server answers ${response.status}`);
      return bytesWithin(response, most, fail);
    },
  };
}

/** The bytes of an address that holds them. */
function bytesIn({ href }: URL): Uint8Array {
  const comma = href.indexOf(",");
  const text = href.slice(comma + 1);
  if (!href.slice(0, comma).endsWith(";base64")) return new TextEncoder().encode(decodeURIComponent(text));
  return Uint8Array.from(atob(decodeURIComponent(text)), (letter) => letter.charCodeAt(0));
}

/** The bytes of an answer, of which no more are taken than asked for. */
async function bytesWithin(response: Response, most: number, fail: (problem: string) => never): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader?.read(); part && !part.done; part = await reader!.read()) {
    length += part.value.length;
    if (length > most) {
      await reader!.cancel();
      fail(`it has more than ${most} bytes`);
    }
    parts.push(part.value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

type Reading = Parameters<ExportedIo["decoded"]>[1];

const decodingOf = ({ size, channels, pixels }: Reading): ImageDecoding => ({
  size,
  channels,
  background: pixels.background,
});

const pageIo: ExportedIo = {
  images: async (paths, reading) => {
    const bytes = await decodeImages(paths.map(addressOf), decodingOf(reading));
    return bytes.map((each, i) => ({ name: paths[i]!, bytes: each }));
  },
  decoded: (images, reading) => decodeImages(images.map(fileOf), decodingOf(reading)),
  letterboxedImages: async (images, size) => {
    const found = await letterboxedPictures(
      images.map((image) => (typeof image === "string" ? addressOf(image) : fileOf(image))),
      size,
    );
    return found.map((each, i) => {
      const image = images[i]!;
      return { name: typeof image === "string" ? image : `image ${i + 1}`, ...each };
    });
  },
  picture: (given, reading) =>
    isPicture(given) ? decodeImages([given], decodingOf(reading)).then(([bytes]) => bytes!) : undefined,
  squarePicture: (given, size) =>
    isPicture(given) ? letterboxedPictures([given], size).then(([picture]) => picture!) : undefined,
};

const addressOf = (path: string): URL => new URL(path, document.baseURI);
const fileOf = (bytes: Uint8Array): Blob => new Blob([bytes.slice()]);

/** Classes of pictures that a page has; not all browsers know all of them. */
const pictureClasses = ["Blob", "ImageData", "ImageBitmap", "HTMLCanvasElement", "OffscreenCanvas", "URL"] as const;

const isPicture = (given: unknown): given is ImageSource =>
  pictureClasses.some((name) => {
    const known = (globalThis as Readonly<Record<string, unknown>>)[name];
    return typeof known === "function" && given instanceof known;
  });
