import { cacheLimit, clearModelCache, modelCacheContents, modelCacheFolder } from "../../cache/model-cache.js";
import type { Output } from "../output.js";
import { bytes, counted } from "../terminal.js";

export async function cacheInfoCommand(output: Output): Promise<void> {
  const folder = modelCacheFolder();
  if (folder === undefined) return tellOff(output);
  const contents = await modelCacheContents(folder);
  output.event({ type: "cache", state: "on", ...contents, limit: cacheLimit });
  output.result(`  ${counted(contents.entries, "model")}, ${bytes(contents.bytes)} of at most ${bytes(cacheLimit)}`);
  output.say(output.paint("dim", `  kept in ${folder} (INNERLOOP_CACHE sets another folder, or off)`));
}

export async function cacheClearCommand(output: Output): Promise<void> {
  const folder = modelCacheFolder();
  if (folder === undefined) return tellOff(output);
  const removed = await clearModelCache(folder);
  output.event({ type: "cache", state: "cleared", ...removed });
  output.result(`  removed ${counted(removed.entries, "model")}, ${bytes(removed.bytes)}`);
}

function tellOff(output: Output): void {
  output.event({ type: "cache", state: "off" });
  const why = process.env.INNERLOOP_CACHE === "off" ? "INNERLOOP_CACHE is off" : "this user has no home folder";
  output.result(`  off: ${why}`);
}
