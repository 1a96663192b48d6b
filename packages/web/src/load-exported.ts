/** Exported learners in a page: from an address, or from files at hand. */
import {
  ExportError,
  type ExportedAnswer,
  type ExportedFiles,
  type ExportedIo,
  type ExportedLearner,
  filesAtHand,
  openExported,
} from "@innerloop/experiments";
import { decodeImages, type ImageDecoding, type ImageSource, letterboxedPictures } from "./images/decode-images.js";
import { type WebExecutor, workerExecutor } from "./web-executor.js";

/** Options of `loadExported`. */
export interface LoadExportedOptions {
  /** What computes: one in a worker, made once for the page, unless given. */
  readonly executor?: WebExecutor;
  /** Stops downloads. */
  readonly signal?: AbortSignal;
}

/**
 * The exported learner of a folder that `innerloop export` has written: at an address where it is served as it is, or its
 * files by their names below it. Images may be whatever a page has of them: a File or Blob, a canvas, ImageData, an
 * ImageBitmap, an address, or numbers.
 *
 * @typeParam A its answers: `ClassAnswer`, `ValueAnswer`, `RatingAnswer` and others, by the kind of its tasks
 * @throws ExportError ILE202 where files are missing, too large or not those that config.json tells; GraphError as of
 *   `workerExecutor`
 * @example
 * const learner = await loadExported("exported/symbols/");
 * const task = await learner.adapt([{ input: canvas, label: "thorn" }, { input: file, label: "ash" }]);
 * const { label, probability } = await task.predict(canvas);
 */
export async function loadExported<A = ExportedAnswer>(
  source: string | URL | Readonly<Record<string, Uint8Array>>,
  { executor, signal }: LoadExportedOptions = {},
): Promise<ExportedLearner<A>> {
  const files = typeof source === "string" || source instanceof URL ? filesAt(source, signal) : filesAtHand(source);
  const { portable } = executor ?? (await usualExecutor());
  return openExported<A>(files, { engine: portable, io: pageIo });
}

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

/** Files below an address. */
function filesAt(address: string | URL, signal: AbortSignal | undefined): ExportedFiles {
  const base = new URL(String(address).replace(/\/?$/, "/"), document.baseURI);
  return {
    shown: base.href,
    read: async (name, most) => {
      const response = await fetch(new URL(name, base), { ...(signal ? { signal } : {}) });
      if (response.status === 404) return undefined;
      const fail = (problem: string): never => {
        throw new ExportError(
          "ILE202",
          `${base.href}${name}`,
          problem,
          "See that the folder is served as it was written",
        );
      };
      if (!response.ok) fail(`the server answers ${response.status}`);
      return bytesWithin(response, most, fail);
    },
  };
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
