// What every script does first: a workspace that is installed and built.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Runs a command in the workspace, its output shown; returns its exit status. */
export function run(command, args, options = {}) {
  const shell = process.platform === "win32";
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", shell, ...options });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

/** Runs a command and ends this process with its status where it fails. */
export function must(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) process.exit(status);
}

/** The executable of an installed package. */
export const bin = (name) => join(root, "node_modules", ".bin", name);

/** Installs what package-lock.json says unless it is there, and compiles what has changed. */
export function prepare() {
  if (!existsSync(join(root, "node_modules", ".package-lock.json"))) {
    console.log("Installing the packages (once) ...");
    must("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"]);
  }
  must(bin("tsc"), ["--build"]);
}

/** Runs all tests and prints `N passed, N failed` as the last line. */
export async function runTests(args = []) {
  const folder = join(root, "node_modules", ".cache", "innerloop");
  mkdirSync(folder, { recursive: true });
  const report = join(folder, "tests.json");
  const { readFileSync, rmSync } = await import("node:fs");
  rmSync(report, { force: true });
  const status = run(bin("vitest"), [
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...args,
  ]);
  if (!existsSync(report)) {
    console.log("0 passed, 1 failed");
    return 1;
  }
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
  // A file that does not load has no tests of its own to fail.
  const broken = testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  ).length;
  const failed = numFailedTests + broken;
  console.log(`\n${numPassedTests} passed, ${failed === 0 && status !== 0 ? 1 : failed} failed`);
  return status;
}
