/** The one place where onnxruntime is loaded: with its telemetry off. */

import { runInThisContext } from "node:vm";
import { isMainThread } from "node:worker_threads";
import { declareLibraryModule, GraphError, hasTag, type TypedArray, tagOf } from "@innerloop/graph";

declareLibraryModule(import.meta.url);

export type Onnxruntime = typeof import("onnxruntime-node");

/**
 * The realm that Node is in. A test runner gives programs another one, with arrays of other classes: onnxruntime is then
 * loaded in Node's, since its native part makes arrays of that and its JavaScript takes no others.
 */
const realm = runInThisContext("({ process, Float32Array, Float64Array, Int32Array, BigInt64Array, Uint8Array })") as {
  readonly process: NodeJS.Process;
} & Readonly<Record<string, TypedArrayClass>>;

interface TypedArrayClass {
  new (values: ArrayLike<number>): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
}

/** Left to Node by every bundler, esbuild too, which heeds no comments: its native part is found beside its JavaScript. */
const engine: string = "onnxruntime-node";

let loading: Promise<Onnxruntime> | undefined;

/**
 * onnxruntime, which is loaded when it is first needed and not imported: an import would run before its telemetry can be
 * switched off, and every other order of imports could undo it.
 *
 * @throws IL403 in a worker thread where the telemetry cannot be switched off
 */
export function loadOnnxruntime(): Promise<Onnxruntime> {
  loading ??= silenceTelemetry().then(() => {
    const { getBuiltinModule } = realm.process;
    if (realm.Float32Array !== Float32Array)
      return getBuiltinModule("node:module").createRequire(import.meta.url)(engine) as Onnxruntime;
    return import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ engine
    ) as Promise<Onnxruntime>;
  });
  // A failure is not remembered: the next call may succeed.
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

/**
 * An array as onnxruntime takes it: the same values, of a class of its realm. Those on shared memory are copied, others
 * are not.
 */
export function engineArray<T extends TypedArray>(array: T): T {
  const Native = realm[tagOf(array)]!;
  const { buffer, byteOffset, length } = array;
  if (array instanceof Native && buffer instanceof ArrayBuffer) return array;
  if (hasTag(buffer, "SharedArrayBuffer")) return new Native(array as ArrayLike<number>) as T;
  return new Native(buffer, byteOffset, length) as T;
}

/** Read once, by native code, when the library is loaded. */
const telemetrySwitch = "ORT_DISABLE_TELEMETRY";

/**
 * Switches off what onnxruntime sends to its maker and keeps for that below the user's cache folder (from 1.29 on, in the
 * builds for Linux and macOS), whatever the variable was before.
 *
 * Native code reads the environment of the process. `process.env` is that in the main thread alone: in a worker thread it
 * is a copy, and in the sandbox of a test runner it may be one.
 */
async function silenceTelemetry(): Promise<void> {
  if (isMainThread) realm.process.env[telemetrySwitch] = "1";
  else await silenceFromWorker();
}

/** Milliseconds after which a main thread that does not answer is given up. */
const patienceMs = 10_000;

/** Asks the main thread by the one way that needs no code of ours there, and that interrupts what it computes. */
async function silenceFromWorker(): Promise<void> {
  let answer: unknown;
  try {
    const { Session } = await import("node:inspector");
    const session = new Session();
    session.connectToMainThread();
    answer = await new Promise((resolve, reject) => {
      // It also keeps this thread until then.
      const timer = setTimeout(() => reject(new Error("the main thread does not answer")), patienceMs);
      const expression = `process.env.${telemetrySwitch} = "1"`;
      session.post("Runtime.evaluate", { expression, returnByValue: true }, (error, reply) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(reply.result.value);
      });
    }).finally(() => session.disconnect());
  } catch (cause) {
    answer = cause;
  }
  if (answer === "1" || environmentOfProcess()[telemetrySwitch] === "1") return;
  const reason = answer instanceof Error ? ` (${answer.message})` : "";
  throw new GraphError(
    "IL403",
    "load",
    `onnxruntime's telemetry cannot be switched off from this worker thread${reason}`,
    `Set ${telemetrySwitch}=1 where the process is started`,
  );
}

/** What native code reads, as a diagnostic report lists it. */
function environmentOfProcess(): Readonly<Record<string, string | undefined>> {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // It looks up names otherwise.
  report.excludeNetwork = true;
  const { environmentVariables } = report.getReport() as { environmentVariables?: Record<string, string> };
  return environmentVariables ?? {};
}
