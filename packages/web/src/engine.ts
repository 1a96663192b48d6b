/**
 * onnxruntime-web where it computes: in a page, or in a worker of ours, which imports this file and nothing else. So there
 * is no import of a package here but of onnxruntime: a worker that no bundler has seen knows no import map.
 */
import type { PortableArray, PortableArrays, PortableSlot, TensorType, TypedArray } from "@innerloop/graph";

/** Places where a browser computes: its processor through WebAssembly, or a GPU. */
export type WebDevice = "wasm" | "webgpu";

/** onnxruntime's builds, by the last part of their import. Those of WebGPU compute without it as well, and are larger. */
export type Build = "wasm" | "webgpu" | "jspi";

/** Addresses of a build's two files: `ort-wasm-simd-threaded.mjs` and `.wasm`, or with `.asyncify` or `.jspi` within. */
export interface RuntimeFiles {
  readonly mjs?: string;
  readonly wasm?: string;
}

/** All that an engine is made of: it goes to a worker as it is. */
export interface EngineSetting {
  readonly device: WebDevice;
  readonly build: Build;
  /** Threads that compute one run. */
  readonly threads: number;
  /** A folder's address, or those of the files; as onnxruntime or the bundler has them unless given. */
  readonly wasmPaths: string | RuntimeFiles | undefined;
}

/** The inputs and outputs that a portable model's file tells. */
export interface PortableSlots {
  readonly inputs: readonly PortableSlot[];
  readonly outputs: readonly PortableSlot[];
}

/** Models that are loaded, by numbers that the caller gives them. */
export interface Engine {
  /** Threads that compute one run: those of the first engine of a page, for all of it. */
  readonly threads: number;
  load(session: number, model: Uint8Array, inputs: readonly TensorType[], outputs: number): Promise<void>;
  /** Results that belong to the caller; the feeds are only read. */
  run(session: number, feeds: readonly TypedArray[]): Promise<readonly TypedArray[]>;
  /** Loads a portable model, of which only the file tells what it takes. */
  open(session: number, model: Uint8Array): Promise<PortableSlots>;
  /** A run of one, by names; the arrays of the result belong to the caller. */
  call(session: number, feeds: PortableArrays): Promise<PortableArrays>;
  release(session: number): Promise<void>;
  /** Frees all that is left. */
  end(): Promise<void>;
}

type Onnxruntime = typeof import("onnxruntime-web");
type NativeSession = Awaited<ReturnType<Onnxruntime["InferenceSession"]["create"]>>;

interface Runtime {
  readonly onnxruntime: Onnxruntime;
  readonly threads: number;
}

interface Loaded {
  readonly native: NativeSession;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly string[];
}

/** Imports that bundlers follow. */
const imports: Readonly<Record<Build, () => Promise<Onnxruntime>>> = {
  wasm: () => import("onnxruntime-web/wasm"),
  webgpu: () => import("onnxruntime-web/webgpu"),
  jspi: () => import("onnxruntime-web/jspi"),
};

/** Each build once: its threads are started with its first session, and are there for all. */
const runtimes = new Map<Build, Promise<Runtime>>();

/** It does one thing at a time: WebGPU's sessions must not be entered twice. */
let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work);
  last = result.catch(() => undefined);
  return result;
}

/**
 * onnxruntime in this page or worker.
 *
 * @param address of onnxruntime's module, where no bundler and no import map says it
 */
export async function localEngine(setting: EngineSetting, address?: string): Promise<Engine> {
  const { device, build } = setting;
  const runtime = runtimes.get(build) ?? startedRuntime(setting, address);
  runtimes.set(build, runtime);
  // One that was not found may be there the next time.
  runtime.catch(() => runtimes.delete(build));
  const { onnxruntime, threads } = await runtime;
  const sessions = new Map<number, Loaded>();
  const portable = new Map<number, NativeSession>();
  const release = async (session: number): Promise<void> => {
    const native = sessions.get(session)?.native ?? portable.get(session);
    sessions.delete(session);
    portable.delete(session);
    if (native) await inTurn(() => native.release());
  };
  const created = (model: Uint8Array): Promise<NativeSession> =>
    inTurn(() =>
      onnxruntime.InferenceSession.create(model, {
        executionProviders: [device],
        // Models of ours are emitted well, and load faster so.
        graphOptimizationLevel: "disabled",
        logSeverityLevel: 3,
      }),
    );
  return {
    threads,
    async load(session, model, inputs, outputs) {
      const native = await created(model);
      sessions.set(session, { native, inputs, outputs: Array.from({ length: outputs }, (_, i) => `output${i}`) });
    },
    async run(session, feeds) {
      const found = sessions.get(session);
      if (!found) throw new Error(`session ${session} is not loaded`);
      const tensors = found.inputs.map(({ dtype, shape }, i) => [
        `input${i}`,
        // That the array is of the dtype was checked.
        new onnxruntime.Tensor(dtype as "float32", feeds[i] as Float32Array, shape),
      ]);
      const results = await inTurn(() => found.native.run(Object.fromEntries(tensors), found.outputs));
      return found.outputs.map((name) => results[name]!.data as TypedArray);
    },
    async open(session, model) {
      const native = await created(model);
      portable.set(session, native);
      return { inputs: slotsOf(native.inputMetadata), outputs: slotsOf(native.outputMetadata) };
    },
    async call(session, feeds) {
      const native = portable.get(session);
      if (!native) throw new Error(`session ${session} is not open`);
      const tensors = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
        name,
        new onnxruntime.Tensor(dtype as "float32", data as Float32Array, shape),
      ]);
      const found = await inTurn(() => native.run(Object.fromEntries(tensors)));
      return Object.fromEntries(
        Object.entries(found).map(([name, { type, dims, data }]) => [
          name,
          { dtype: type as PortableArray["dtype"], shape: dims, data: data as TypedArray },
        ]),
      );
    },
    release,
    async end() {
      await Promise.all([...sessions.keys(), ...portable.keys()].map(release));
    },
  };
}

const slotsOf = (metadata: NativeSession["inputMetadata"]): readonly PortableSlot[] =>
  metadata.map((slot) => {
    if (!slot.isTensor) throw new Error(`its ${slot.name} is no tensor`);
    return { name: slot.name, dtype: slot.type as PortableSlot["dtype"], shape: [...slot.shape] };
  });

async function startedRuntime(setting: EngineSetting, address: string | undefined): Promise<Runtime> {
  const onnxruntime = await (address === undefined
    ? imports[setting.build]()
    : (import(
        /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ address
      ) as Promise<Onnxruntime>));
  const { env } = onnxruntime;
  env.wasm.numThreads = setting.threads;
  if (setting.wasmPaths !== undefined) env.wasm.wasmPaths = setting.wasmPaths;
  // Warnings would go to the console; failures arrive as errors.
  env.logLevel = "error";
  return { onnxruntime, threads: setting.threads };
}
