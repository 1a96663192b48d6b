/** The worker of `workerExecutor`: an engine of its own, by messages. */
import type { PortableArrays, TensorType, TypedArray } from "@innerloop/graph";
import { type Engine, type EngineSetting, localEngine, type PortableSlots } from "./engine.js";
import { answerRequests, held } from "./worker-answers.js";

/** A request to the worker. Each is answered once, by a reply of the same id. */
export type WebWorkerRequest = { readonly id: number } & (
  | {
      readonly kind: "open";
      readonly setting: EngineSetting;
      /** Of onnxruntime's module, where the page's import map says it. */
      readonly address: string | undefined;
      /** A lock that this worker holds as long as it lives; undefined where the browser has none. */
      readonly lock: string | undefined;
    }
  | {
      readonly kind: "load";
      readonly session: number;
      readonly model: Uint8Array;
      readonly inputs: readonly TensorType[];
      readonly outputs: number;
    }
  | { readonly kind: "run"; readonly session: number; readonly feeds: readonly TypedArray[] }
  | { readonly kind: "open model"; readonly session: number; readonly model: Uint8Array }
  | { readonly kind: "call"; readonly session: number; readonly feeds: PortableArrays }
  | { readonly kind: "release"; readonly session: number }
);

/** An answer of the worker: results of a run or of a portable model's, or what such a model's file tells. */
export type WebWorkerAnswer =
  | { readonly outputs: readonly TypedArray[] }
  | { readonly arrays: PortableArrays }
  | { readonly slots: PortableSlots };

let opened: Promise<Engine> | undefined;

const done: WebWorkerAnswer = { outputs: [] };

async function answer(request: WebWorkerRequest): Promise<WebWorkerAnswer> {
  if (request.kind === "open") {
    if (request.lock !== undefined) await held(request.lock);
    opened = localEngine(request.setting, request.address);
    await opened;
    return done;
  }
  const engine = await opened;
  if (!engine) throw new Error("the worker was not opened");
  const { session } = request;
  switch (request.kind) {
    case "run":
      return { outputs: await engine.run(session, request.feeds) };
    case "call":
      return { arrays: await engine.call(session, request.feeds) };
    case "open model":
      return { slots: await engine.open(session, request.model) };
    case "load":
      await engine.load(session, request.model, request.inputs, request.outputs);
      return done;
    case "release":
      await engine.release(session);
      return done;
  }
}

/** The arrays of an answer. */
function arraysOf(answered: WebWorkerAnswer): readonly TypedArray[] {
  if ("outputs" in answered) return answered.outputs;
  return "arrays" in answered ? Object.values(answered.arrays).map(({ data }) => data) : [];
}

answerRequests(answer, arraysOf);
