import { createHash } from "node:crypto";
import { get as getByHttp, type IncomingMessage } from "node:http";
import { get as getByHttps } from "node:https";
import type { LongWork } from "@innerloop/experiments";
import { cut, reasonOf } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { writeAtomically, writeFully } from "./atomic-write.js";

/** What the bytes of a file must have. */
type Checksum =
  | { readonly md5: string; readonly sha256?: never }
  | { readonly sha256: string; readonly md5?: never }
  /** Nobody has said: what it is, is told. */
  | { readonly sha256: "unknown"; readonly md5?: never };

export type DownloadOptions = LongWork & Checksum & FileOptions;

interface FileOptions {
  readonly url: string;
  /** Where the file goes, once it is complete and its checksum is right. */
  readonly file: string;
  readonly maximumBytes: number;
  /** The download fails when nothing arrives for this long. */
  readonly idleTimeoutMs?: number;
  /** What a person can do when the network does not work. */
  readonly remedy: string;
}

/** The checksum of a file in hex, or undefined when it cannot be read. */
async function checksumOf(file: string, algorithm: "md5" | "sha256"): Promise<string | undefined> {
  const hash = createHash(algorithm);
  const options = { most: readingLimits.archiveFileBytes, links: "followed" } as const;
  try {
    await withRegularFile(file, options, async (handle) => {
      for await (const chunk of handle.createReadStream({ autoClose: false, start: 0 })) hash.update(chunk as Buffer);
    });
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
  return hash.digest("hex");
}

/**
 * Fetches a file unless it is there with the right checksum. Streams to a file aside, which is renamed when complete.
 * Throws DataError ILD21 (network, status, timeout), ILD22 (size limit) or ILD23 (checksum).
 *
 * @returns its checksum
 */
export async function downloadFile(options: DownloadOptions): Promise<string> {
  const { url, file, maximumBytes, remedy, signal, onProgress, idleTimeoutMs = 30_000 } = options;
  const algorithm = options.md5 === undefined ? "sha256" : "md5";
  const expected = options.md5 ?? options.sha256;
  signal?.throwIfAborted();
  const isKnown = expected !== "unknown";
  if (isKnown && (await checksumOf(file, algorithm)) === expected) return expected;

  const request = new AbortController();
  const timedOut = new DataError("ILD21", url, `nothing arrived for ${idleTimeoutMs / 1000} s`, remedy);
  let timer = setTimeout(() => request.abort(timedOut), idleTimeoutMs);
  const stop = () => request.abort(signal?.reason);
  // Said here: what a connection fails with looks like what a disk fails with.
  const failed = (error: unknown): never => {
    throw new DataError("ILD21", url, `the download failed: ${reasonOf(error)}`, remedy, { cause: error });
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await writeAtomically(file, async (handle) => {
      const response = await answerOf(url, request.signal).catch(failed);
      const { statusCode = 0, statusMessage = "", headers } = response;
      if (statusCode < 200 || statusCode > 299) {
        const answer = `${statusCode} ${cut(statusMessage, 80)}`.trim();
        throw new DataError("ILD21", url, `the server answered ${answer}`, remedy);
      }
      const declared = Number(headers["content-length"] ?? 0);
      if (declared > maximumBytes) throw tooLarge(url, declared, maximumBytes);
      const hash = createHash(algorithm);
      let size = 0;
      for await (const chunk of bodyOf(response, failed)) {
        clearTimeout(timer);
        timer = setTimeout(() => request.abort(timedOut), idleTimeoutMs);
        size += chunk.length;
        if (size > maximumBytes) throw tooLarge(url, size, maximumBytes);
        hash.update(chunk);
        await writeFully(handle, chunk);
        onProgress?.(size, Math.max(declared, size), `download ${url}`);
      }
      const found = hash.digest("hex");
      if (isKnown && found !== expected) {
        throw new DataError(
          "ILD23",
          url,
          `the ${algorithm} of the ${size} bytes is ${found}, expected ${expected}`,
          "Try again; if it stays so, the file has changed or a proxy alters it. Nothing of it was kept.",
        );
      }
      return found;
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (request.signal.aborted) throw request.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    request.abort(); // stops the body of a response that was refused half way
  }
}

const mostRedirects = 5;

/**
 * What a server answers, redirects followed. (`fetch` of Node 20 and 22 ends the process at some malformed answers, by an
 * assertion that nobody can catch.)
 */
async function answerOf(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  let at = new URL(url);
  for (let redirects = 0; ; redirects++) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const get = at.protocol === "https:" ? getByHttps : getByHttp;
      // What goes wrong once the answer has begun arrives where its body is read.
      get(at, { signal }, resolve).on("error", reject);
    });
    const { statusCode = 0, headers } = response;
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return response;
    response.destroy();
    if (redirects === mostRedirects) throw new Error(`it was redirected more than ${mostRedirects} times`);
    const next = new URL(headers.location, at);
    // To another host only where that proves who it is.
    const isSame = next.protocol === "http:" && at.protocol === "http:" && next.host === at.host;
    const isSafe = next.protocol === "https:" || isSame;
    if (!isSafe) throw new Error(`it was redirected to ${cut(next.href, 80)}`);
    at = next;
  }
}

async function* bodyOf(response: IncomingMessage, failed: (error: unknown) => never): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (error) {
    failed(error);
  }
}

function tooLarge(url: string, size: number, maximumBytes: number): DataError {
  return new DataError(
    "ILD22",
    url,
    `the file has at least ${size} bytes, at most ${maximumBytes} were expected`,
    "The address does not serve the official file; check your proxy. Nothing of it was kept.",
  );
}
