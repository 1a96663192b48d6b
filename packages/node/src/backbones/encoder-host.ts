/** An encoder in a process of its own, which is ended where it takes too long or nobody wants its answer any more. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { cut } from "@innerloop/experiments";
import { DataError } from "../data/data-error.js";
import { readingLimits } from "../data/reading-limits.js";
import type {
  Encoded,
  EncoderReply,
  EncoderRequest,
  ImagesRequest,
  OpenedModel,
  OpenRequest,
  TextsRequest,
} from "./encoder-process.js";

/** The model that a process runs. */
export interface HostedModel {
  readonly file: string;
  readonly sha256: string;
  readonly suffix: Uint8Array;
}

/** Runs requests for one model, one after the other. */
export interface EncoderHost {
  /** Starts the process where it is not running. */
  open(signal: AbortSignal | undefined): Promise<OpenedModel>;
  /** @throws DataError ILD83; the signal's reason */
  encode(request: TextsRequest | ImagesRequest, signal: AbortSignal | undefined): Promise<Encoded>;
  close(): Promise<void>;
}

const timeVariable = "INNERLOOP_BACKBONE_SECONDS";
const usualSeconds = 120;
/** Threads that share one operator; sentences are short, and more of them would wait for each other. */
const mostThreads = 4;

/** Milliseconds that one request may take: some thousand tokens, or a few images. */
function patienceMs(where: string): number {
  const given = process.env[timeVariable];
  if (given === undefined || given === "") return usualSeconds * 1000;
  const seconds = Number(given);
  if (!(seconds > 0 && seconds <= 86_400))
    throw new DataError("ILD83", where, `${timeVariable} is ${cut(given, 40)}`, "Set it to seconds, from 1 to 86400.");
  return seconds * 1000;
}

type Sent<R> = R extends EncoderRequest ? Omit<R, "id"> : never;

export function encoderHost(model: HostedModel): EncoderHost {
  const where = model.file;
  let child: ChildProcess | undefined;
  let opened: Promise<OpenedModel> | undefined;
  let lastId = 0;
  let queue: Promise<unknown> = Promise.resolve();

  const end = (): void => {
    child?.kill("SIGKILL");
    child = undefined;
    opened = undefined;
  };

  const start = (): ChildProcess => {
    if (child) return child;
    // Flags of this process (loaders, inspectors, test runners) are not meant for one that only computes.
    const started = fork(programFile(), [], {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    started.unref();
    started.channel?.unref();
    started.on("exit", () => {
      if (child !== started) return;
      child = undefined;
      opened = undefined;
    });
    child = started;
    return started;
  };

  const ask = (request: Sent<EncoderRequest>, signal: AbortSignal | undefined): Promise<EncoderReply> => {
    signal?.throwIfAborted();
    const limit = patienceMs(where);
    const process = start();
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const fail = (problem: string, remedy: string): void => {
        // A process that was ended may fail once more, when another runs in its place.
        if (isSettled) return;
        settle(() => reject(new DataError("ILD83", where, problem, remedy)));
        end();
      };
      const timer = setTimeout(
        () =>
          fail(
            `it gave no answer within ${limit / 1000} s`,
            `Is it an encoder that this machine can run? Set ${timeVariable} to more seconds where it is only slow.`,
          ),
        limit,
      );
      const take = (reply: EncoderReply): void => {
        if (reply.id === id) settle(() => resolve(reply));
      };
      const ended = (code: number | null, by: string | null): void =>
        fail(
          `the process that ran it ended (${by ?? code})`,
          "It may need more memory than there is, or be damaged: export it again, or take another.",
        );
      const failed = (error: Error): void =>
        fail(`its process cannot be run (${error.message})`, "See that this user may start processes.");
      const stop = (): void => {
        settle(() => reject(signal!.reason));
        end();
      };
      const settle = (how: () => void): void => {
        isSettled = true;
        clearTimeout(timer);
        process.off("message", take).off("exit", ended).off("error", failed);
        signal?.removeEventListener("abort", stop);
        // Nobody is kept waiting by a process that is idle.
        process.unref();
        process.channel?.unref();
        how();
      };
      process.ref();
      process.channel?.ref();
      process.on("message", take).on("exit", ended).on("error", failed);
      signal?.addEventListener("abort", stop, { once: true });
      process.send({ ...request, id }, (error) => {
        if (error) failed(error);
      });
    });
  };

  const open = (signal: AbortSignal | undefined): Promise<OpenedModel> => {
    if (opened && child) return opened;
    const request: Sent<OpenRequest & { readonly id: number }> = {
      kind: "open",
      ...model,
      most: readingLimits.backboneModelBytes,
      threads: Math.min(availableParallelism(), mostThreads),
    };
    const opening = ask(request, signal).then((reply) => {
      if ("opened" in reply) return reply.opened;
      end();
      const problem = `onnxruntime cannot load it: ${"failure" in reply ? cut(reply.failure, 300) : ""}`;
      throw new DataError(
        "ILD81",
        where,
        problem,
        "Export it again, for a version of ONNX that this onnxruntime reads.",
      );
    });
    opened = opening;
    opening.catch(() => {
      if (opened === opening) opened = undefined;
    });
    return opening;
  };

  return {
    open,
    encode(request, signal) {
      const work = async (): Promise<Encoded> => {
        await open(signal);
        const reply = await ask(request, signal);
        if ("encoded" in reply) return reply.encoded;
        throw new DataError(
          "ILD83",
          where,
          `onnxruntime cannot run it: ${"failure" in reply ? cut(reply.failure, 300) : ""}`,
          "See that model, tokenizer and backbone.json belong together.",
        );
      };
      const result = queue.then(work, work);
      queue = result.catch(() => undefined);
      return result;
    },
    async close() {
      await queue;
      end();
    },
  };
}

/** As compiled JavaScript: Node starts no process from TypeScript. */
function programFile(): string {
  const here = import.meta.url as string | undefined;
  const fromSource = here?.endsWith(".ts");
  // Bundlers leave it alone: as an asset by itself, it would lack the modules that it imports.
  const path = fromSource ? "../../dist/backbones/encoder-process.js" : "./encoder-process.js";
  const file = here && new URL(/* webpackIgnore: true */ path, here);
  if (file && existsSync(file)) return fileURLToPath(file);
  const remedy = fromSource
    ? "Build first: npm run build."
    : "Leave @innerloop/node out of the bundle, as an external package.";
  throw new DataError("ILD83", "encoder-process.js", "the program that runs encoders is not there", remedy);
}
