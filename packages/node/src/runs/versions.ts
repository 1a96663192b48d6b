import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";

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
    processor: `${availableParallelism()} x ${cpus()[0]?.model.trim() || "unknown"}`,
    ...sourceCommit(),
  };
}

/** The commit of a checkout, followed by -dirty where files differ from it; nothing for an installed package. */
function sourceCommit(): { readonly commit?: string } {
  const checkout = fileURLToPath(new URL("../../../../", import.meta.url));
  if (!existsSync(`${checkout}.git`)) return {};
  // `git describe --dirty` would do both, but writes to the checkout's index.
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, {
      cwd: checkout,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: "0" },
    }).trim();
  try {
    const commit = git("rev-parse", "--short=12", "HEAD");
    return { commit: git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}-dirty` };
  } catch {
    return {}; // Git is not there, or does not trust the folder's owner: the run goes without.
  }
}

function versionIn(file: string | URL): string {
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version?: string };
  return version ?? "unknown";
}
