/** Compiled programs: kept as files of a folder that nobody else can write, since they are code. */
import { createHash, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkFeeds,
  closedError,
  type ExecutorSession,
  GraphError,
  type NativeModel,
  type TensorType,
  type TypedArray,
} from "@innerloop/graph";
import { modelCacheFolder } from "../../cache/model-cache.js";
import { type CCompiler, compileC } from "./c-compiler.js";
import { moduleGlue } from "./module-glue.js";
import { ResultArrays } from "./result-arrays.js";

/** Where runs of a program are computed: threads, each with memory of its own. */
type Places = { readonly places: unique symbol };

/** A compiled program as this thread calls it. */
interface NativeModule {
  readonly open: (constants: Uint8Array, workspaceBytes: number, places: number, threads: number) => Places | undefined;
  /** 0 where all went well, 1 where an index is out of range, 2 where there is no memory. */
  readonly run: (
    places: Places,
    inputs: readonly TypedArray[],
    outputs: readonly TypedArray[],
  ) => Promise<number> | undefined;
  /** The same by this thread, at once. */
  readonly runHere: (
    places: Places,
    inputs: readonly TypedArray[],
    outputs: readonly TypedArray[],
  ) => number | undefined;
  readonly close: (places: Places) => void;
}

/** Bytes that compiled programs may take; those used longest ago are removed. */
export const mostProgramBytes = 256 * 2 ** 20;

let ownFolder: string | undefined;

/** The folder of compiled programs: in that of compiled models; one for this process where those are not kept. */
export function programFolder(): string {
  const models = modelCacheFolder();
  if (models !== undefined) return join(models, "programs");
  if (ownFolder === undefined) {
    const own = join(tmpdir(), `innerloop-programs-${randomUUID()}`);
    process.once("exit", () => rmSync(own, { recursive: true, force: true }));
    ownFolder = own;
  }
  return ownFolder;
}

/** How many compiled programs a folder holds, which need not exist, and their bytes. */
export async function programContents(folder: string): Promise<{ readonly entries: number; readonly bytes: number }> {
  const all = await programsIn(folder);
  return { entries: all.length, bytes: all.reduce((sum, { size }) => sum + size, 0) };
}

/** Removes all compiled programs of a folder. */
export async function clearPrograms(folder: string): Promise<{ readonly entries: number; readonly bytes: number }> {
  const contents = await programContents(folder);
  await Promise.all((await programsIn(folder)).map(({ file }) => removeProgram(file)));
  return contents;
}

/** The programs of a folder, those used last first. */
async function programsIn(folder: string) {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith(".node")).map((name) => join(folder, name));
  const found = await Promise.all(
    files.map(async (file) => ({ file, found: await stat(file).catch(() => undefined) })),
  );
  return found
    .flatMap(({ file, found: one }) => (one ? [{ file, size: one.size, used: one.mtimeMs }] : []))
    .sort((a, b) => b.used - a.used);
}

const removeProgram = (file: string): Promise<unknown> =>
  Promise.all([rm(file, { force: true }), rm(digestFile(file), { force: true })]);

/**
 * The file of a program, compiled where it is not there.
 *
 * @throws IL403 where it cannot be compiled, or others can write to the folder
 */
export async function compiledProgram(
  model: NativeModel,
  compiler: CCompiler,
  folder = programFolder(),
): Promise<string> {
  const source = `${model.source}${moduleGlue}`;
  const name = sha256(`${compiler.key} ${process.arch} ${source}`);
  const file = join(folder, `${name}.node`);
  const known = compiling.get(file);
  if (known) return known;
  const made = (async () => {
    await requirePrivate(folder);
    if (await isWhole(file)) {
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return file;
    }
    const aside = join(folder, `${name}-${randomUUID()}`);
    try {
      await writeFile(`${aside}.c`, source, { mode: 0o600 });
      await compileC(compiler, `${aside}.c`, `${aside}.node`);
      await chmod(`${aside}.node`, 0o600);
      // The digest goes first: what it does not fit is compiled again.
      await writeFile(`${aside}.sha256`, sha256(await readFile(`${aside}.node`)), { mode: 0o600 });
      await rename(`${aside}.sha256`, digestFile(file));
      await rename(`${aside}.node`, file);
      await trim(folder, file);
      return file;
    } finally {
      await Promise.all([".c", ".node", ".sha256"].map((end) => rm(`${aside}${end}`, { force: true })));
    }
  })();
  compiling.set(file, made);
  try {
    return await made;
  } catch (cause) {
    const error = new GraphError(
      "IL403",
      "load",
      cause instanceof Error ? cause.message : String(cause),
      "Use --engine onnxruntime, or another compiler (CC)",
    );
    error.cause = cause;
    throw error;
  } finally {
    compiling.delete(file);
  }
}

const compiling = new Map<string, Promise<string>>();

/** A folder of this user that no one else can write to; made where it is not there. */
async function requirePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const isOurs = process.getuid === undefined || found.uid === process.getuid();
  if (found.isDirectory() && isOurs && (process.platform === "win32" || (found.mode & 0o022) === 0)) return;
  throw new Error(`${folder} holds compiled programs, and others can write to it: remove it, or chmod 700`);
}

/** Whether a file is there as it was written: a damaged one would take the process with it when it is opened. */
async function isWhole(file: string): Promise<boolean> {
  try {
    const [found, digest, bytes] = await Promise.all([
      lstat(file),
      readFile(digestFile(file), "latin1"),
      readFile(file),
    ]);
    const isOurs = process.getuid === undefined || found.uid === process.getuid();
    const isPrivate = process.platform === "win32" || (found.mode & 0o022) === 0;
    return found.isFile() && isOurs && isPrivate && digest === sha256(bytes);
  } catch {
    return false;
  }
}

const digestFile = (file: string): string => `${file.slice(0, -".node".length)}.sha256`;
const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Removes what was used longest ago, where all together are too large. */
async function trim(folder: string, keep: string): Promise<void> {
  let total = 0;
  for (const { file, size } of await programsIn(folder)) {
    total += size;
    if (total > mostProgramBytes && file !== keep) await removeProgram(file);
  }
}

const opened = new Map<string, NativeModule>();

/** The functions of a compiled program, which this thread has opened once. */
function openProgram(file: string): NativeModule {
  let known = opened.get(file);
  if (!known) {
    const module: { exports: unknown } = { exports: {} };
    process.dlopen(module, file);
    known = module.exports as NativeModule;
    opened.set(file, known);
  }
  return known;
}

/** Options of `openNativeSession`. */
export interface NativeSessionOptions {
  /** Runs that are computed at once; 1 unless given. */
  readonly places?: number;
  /** Threads that share each run, where there is one place; 1 unless given. The result does not depend on it. */
  readonly threads?: number;
  /** Runs are computed by the calling thread: where they take no longer than to wake another. */
  readonly here?: boolean;
  /** Where results are written; arrays of its own unless given. */
  readonly arrays?: ResultArrays;
  readonly onClose?: () => void;
}

/**
 * A session of a compiled program. Its runs are computed by threads of their own, in the order in which they were asked for,
 * unless by the calling thread.
 */
export function openNativeSession(
  file: string,
  { constants, workspaceBytes }: Pick<NativeModel, "constants" | "workspaceBytes">,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  { places = 1, threads = 1, here = false, arrays = new ResultArrays(), onClose }: NativeSessionOptions = {},
): ExecutorSession {
  const program = openProgram(file);
  const opened = program.open(constants, workspaceBytes, places, threads);
  if (!opened) throw outOfMemory("load");
  const runs = new Set<Promise<number> | number>();
  let closing: Promise<void> | undefined;
  return {
    async run(feeds) {
      if (closing) throw closedError("run");
      checkFeeds(feeds, inputs);
      const results = arrays.take(outputs);
      const run = here ? program.runHere(opened, feeds, results) : program.run(opened, feeds, results);
      if (run === undefined) throw outOfMemory("run");
      runs.add(run);
      const status = await run;
      runs.delete(run);
      if (status === 2) throw outOfMemory("run");
      if (status !== 0)
        throw new GraphError(
          "IL403",
          "run",
          "an index is out of the range of its axis",
          "Use indices from 0 to below the axis's size",
        );
      return results;
    },
    close() {
      closing ??= Promise.all(runs).then(() => {
        program.close(opened);
        onClose?.();
      });
      return closing;
    },
  };
}

const outOfMemory = (operation: "load" | "run"): GraphError =>
  new GraphError(
    "IL403",
    operation,
    "there is no memory for it",
    "Use smaller chunks (--chunk-size), or another engine",
  );
