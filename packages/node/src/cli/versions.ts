import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** The version of this package. */
export function ownVersion(): string {
  return versionIn(new URL("../../package.json", import.meta.url));
}

/** What computed a run: results can differ in the last bits between engines. */
export function versions(): Record<string, string> {
  const own = createRequire(import.meta.url);
  let engine = "unknown";
  try {
    engine = versionIn(own.resolve("onnxruntime-node/package.json"));
  } catch {
    // The package does not show its package.json: the run goes without.
  }
  return {
    innerloop: ownVersion(),
    onnxruntime: engine,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
}

function versionIn(file: string | URL): string {
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version?: string };
  return version ?? "unknown";
}
