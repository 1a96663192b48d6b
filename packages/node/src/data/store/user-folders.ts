/** Where a user's own files are. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { DataError } from "../data-error.js";

/** The user's home folder; undefined for a user who has none, such as one of a container that is in no list of users. */
export function homeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** @throws DataError ILD03 that names the variable which says where to write instead, for a user without a home */
function requireHome(variable: string): string {
  const home = homeFolder();
  if (home !== undefined) return home;
  const remedy = `Set ${variable} to a folder that you may write to, or HOME.`;
  throw new DataError("ILD03", "~", "this user has no home folder, and HOME is not set", remedy);
}

/** The folder of prepared data sets: `$INNERLOOP_DATA`, else `innerloop/data` in `$XDG_CACHE_HOME` or `~/.cache`. */
export function dataFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  if (environment.INNERLOOP_DATA) return resolve(environment.INNERLOOP_DATA);
  // The XDG specification says to ignore relative paths.
  const cache = environment.XDG_CACHE_HOME?.startsWith("/")
    ? environment.XDG_CACHE_HOME
    : join(requireHome("INNERLOOP_DATA"), ".cache");
  return join(cache, "innerloop", "data");
}
