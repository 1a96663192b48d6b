import { cacheLimit, clearModelCache, modelCacheContents, modelCacheFolder } from "../../cache/model-cache.js";
import {
  clearPrograms,
  mostProgramBytes,
  programContents,
  programFolder,
} from "../../executor/native/native-programs.js";
import type { Output } from "../output.js";
import { bytes, counted } from "../terminal.js";

export async function cacheInfoCommand(output: Output): Promise<void> {
  const folder = modelCacheFolder();
  if (folder === undefined) return tellOff(output);
  const contents = await modelCacheContents(folder);
  const programs = await programContents(programFolder());
  output.event({ type: "cache", state: "on", ...contents, limit: cacheLimit, ...some(programs) });
  output.result(`  ${counted(contents.entries, "model")}, ${bytes(contents.bytes)} of at most ${bytes(cacheLimit)}`);
  if (programs.entries > 0)
    output.result(
      `  ${counted(programs.entries, "native program")}, ${bytes(programs.bytes)} of at most ${bytes(mostProgramBytes)}`,
    );
  output.say(output.paint("dim", `  kept in ${folder} (INNERLOOP_CACHE sets another folder, or off)`));
}

export async function cacheClearCommand(output: Output): Promise<void> {
  const folder = modelCacheFolder();
  if (folder === undefined) return tellOff(output);
  const removed = await clearModelCache(folder);
  const programs = await clearPrograms(programFolder());
  output.event({ type: "cache", state: "cleared", ...removed, ...some(programs) });
  output.result(`  removed ${counted(removed.entries, "model")}, ${bytes(removed.bytes)}`);
  if (programs.entries > 0)
    output.result(`  removed ${counted(programs.entries, "native program")}, ${bytes(programs.bytes)}`);
}

/** Native programs, where there are any. */
const some = (programs: { readonly entries: number; readonly bytes: number }): object =>
  programs.entries > 0 ? { programs } : {};

function tellOff(output: Output): void {
  output.event({ type: "cache", state: "off" });
  const why = process.env.INNERLOOP_CACHE === "off" ? "INNERLOOP_CACHE is off" : "this user has no home folder";
  output.result(`  off: ${why}`);
}
