/** The worker of `workerModules`: modules of exported learners, by messages, without onnxruntime. */
import type { PortableArrays, PortableSession, PortableSlot } from "@innerloop/graph";
import { answerRequests, held } from "./worker-answers.js";

/** A request to the worker. */
export type WasmWorkerRequest = { readonly id: number } & (
  | {
      readonly kind: "open";
      /** Of the entry point `wasm` of @innerloop/graph, where the page's import map says it. */
      readonly address: string | undefined;
      readonly lock: string | undefined;
    }
  | { readonly kind: "open module"; readonly module: number; readonly bytes: Uint8Array }
  | { readonly kind: "call"; readonly module: number; readonly name: string; readonly feeds: PortableArrays }
  | { readonly kind: "release"; readonly module: number }
);

/** The slots of a function. */
export interface FunctionSlots {
  readonly inputs: readonly PortableSlot[];
  readonly outputs: readonly PortableSlot[];
}

/** An answer of the worker. */
export type WasmWorkerAnswer =
  | { readonly done: true }
  | { readonly functions: Readonly<Record<string, FunctionSlots>>; readonly memoryBytes: number }
  | { readonly arrays: PortableArrays };

type Opener = typeof import("@innerloop/graph/wasm");

const modules = new Map<number, Readonly<Record<string, PortableSession>>>();
let opener: Promise<Opener> | undefined;

async function answer(request: WasmWorkerRequest): Promise<WasmWorkerAnswer> {
  switch (request.kind) {
    case "open": {
      const { address, lock } = request;
      if (lock !== undefined) await held(lock);
      opener =
        address === undefined
          ? import("@innerloop/graph/wasm")
          : (import(
              /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ address
            ) as Promise<Opener>);
      await opener;
      return { done: true };
    }
    case "open module": {
      if (!opener) throw new Error("the worker was not opened");
      const { functions, memoryBytes } = await (await opener).openWasmModule(request.bytes);
      modules.set(request.module, functions);
      const slots = Object.entries(functions).map(([name, { inputs, outputs }]) => [name, { inputs, outputs }]);
      return { functions: Object.fromEntries(slots), memoryBytes };
    }
    case "call": {
      const functions = modules.get(request.module);
      const called = functions && Object.hasOwn(functions, request.name) ? functions[request.name] : undefined;
      if (!called) throw new Error(`the function ${request.name} of module ${request.module} is not open`);
      return { arrays: await called.run(request.feeds) };
    }
    case "release":
      modules.delete(request.module);
      return { done: true };
  }
}

answerRequests(answer, (answered) =>
  "arrays" in answered ? Object.values(answered.arrays).map(({ data }) => data) : [],
);
