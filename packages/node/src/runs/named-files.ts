/**
 * The experiment files that this user has named on a command line, by path and content. A run folder may come from anyone,
 * and so may the hash in it: only what is kept here, outside of run folders, says that a file is the user's own program.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, mkdir, open, readdir, realpath, rm, stat, utimes } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { makeFolder, writeAtomically, writeFully } from "../data/store/atomic-write.js";
import { homeFolder } from "../data/store/user-folders.js";

/** An experiment file by its real path, in which there is no link, and the SHA-256 of its text. */
export interface NamedFile {
  readonly path: string;
  readonly sha256: string;
}

/** More than anyone names; those named longest ago are forgotten. */
const mostKept = 2000;
const longestEntry = 16_384;

/**
 * The folder of what a user has settled: `$INNERLOOP_CONFIG`, else `innerloop` in the user's folder for configuration;
 * undefined for a user without a home folder.
 */
export function userConfigFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  if (environment.INNERLOOP_CONFIG) return resolve(environment.INNERLOOP_CONFIG);
  // The XDG specification says to ignore relative paths.
  if (environment.XDG_CONFIG_HOME?.startsWith("/")) return join(environment.XDG_CONFIG_HOME, "innerloop");
  if (platform === "win32" && environment.APPDATA) return join(environment.APPDATA, "innerloop");
  const home = homeFolder();
  if (home === undefined) return undefined;
  return platform === "darwin"
    ? join(home, "Library", "Application Support", "innerloop")
    : join(home, ".config", "innerloop");
}

/** Undefined, too, for a folder that would be another one wherever a command is given: an archive may hold one of its name. */
const storeFolder = (): string | undefined => {
  const { INNERLOOP_CONFIG: own } = process.env;
  const folder = own && !isAbsolute(own) ? undefined : userConfigFolder();
  return folder && join(folder, "experiment-files");
};

/** Whether what is kept of named files lies in a folder, as where that came with an archive. */
export async function keepsWithin(folder: string): Promise<boolean> {
  const store = storeFolder();
  if (store === undefined) return false;
  const [outer, inner] = await Promise.all([folder, store].map((path) => realpath(path).catch(() => resolve(path))));
  const within = relative(outer!, inner!);
  return within === "" || !(isAbsolute(within) || within.split(/[\\/]/)[0] === "..");
}

/** A file for each, so that processes that write at once do not lose each other's. */
const entryName = ({ path, sha256 }: NamedFile): string =>
  `${createHash("sha256").update(`${path}\0${sha256}`).digest("hex")}.json`;
const isEntry = (name: string): boolean => /^[0-9a-f]{64}\.json$/.test(name);

/**
 * Keeps that the user has named a file.
 *
 * @returns whether it could be kept: a home that is read-only, or not there, keeps nothing
 */
export async function rememberNamed(file: NamedFile): Promise<boolean> {
  const folder = storeFolder();
  if (folder === undefined) return false;
  try {
    await makeFolder(dirname(folder));
    await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
    await chmod(folder, 0o700);
    const text = Buffer.from(JSON.stringify({ path: file.path, sha256: file.sha256 }));
    const entry = join(folder, entryName(file));
    await writeAtomically(entry, async (handle) => {
      await handle.chmod(0o600);
      await writeFully(handle, text);
    });
    await forgetOldest(folder);
    return true;
  } catch {
    return false;
  }
}

/** Whether this user has named the file of this path and content before. */
export async function wasNamed(file: NamedFile): Promise<boolean> {
  const folder = storeFolder();
  if (folder === undefined) return false;
  try {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    const [above, handle] = [
      await stat(folder),
      await open(join(folder, entryName(file)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
    ];
    try {
      const found = await handle.stat();
      // What others may write says nothing of this user.
      if (!found.isFile() || found.size > longestEntry || ![above, found].every(isOwn)) return false;
      const kept = Object(JSON.parse(await handle.readFile("utf8"))) as Partial<NamedFile>;
      const now = new Date();
      await utimes(join(folder, entryName(file)), now, now).catch(() => undefined);
      return kept.path === file.path && kept.sha256 === file.sha256;
    } finally {
      await handle.close();
    }
  } catch {
    return false;
  }
}

const isOwn = ({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean =>
  process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);

async function forgetOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter(isEntry);
  if (names.length <= mostKept) return;
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  dated.sort((a, b) => b.at - a.at);
  for (const { name } of dated.slice(mostKept)) await rm(join(folder, name), { force: true });
}
