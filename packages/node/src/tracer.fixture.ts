/** For tests: what a process and its children asked the system for, by strace. */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/**
 * Why processes cannot be traced here, to be given to vitest's `context.skip`; undefined where they can.
 *
 * @throws Error in CI, where strace must be there
 */
export function tracerMissing(): string | undefined {
  const { status, stderr, error } = spawnSync("strace", ["-f", "true"], { encoding: "utf8" });
  if (status === 0) return undefined;
  const reason = `no strace (${error?.message ?? stderr.trim()}); on Debian or Ubuntu: apt-get install strace`;
  if (process.env.CI) throw new Error(reason);
  console.warn(`skipped, ${reason}`);
  return reason;
}

export interface Trace {
  readonly code: number | null;
  /** What it printed. */
  readonly output: string;
  /** Calls that reach for another machine: sockets but those within the machine (AF_UNIX). */
  readonly network: readonly string[];
  /** Paths that it created, opened for writing, renamed or linked to, each once. */
  readonly written: readonly string[];
}

const networkCalls = ["socket", "connect", "bind", "sendto", "sendmsg", "sendmmsg"];
/** Calls that write at all of their paths; `open` and its kin where they open for writing. */
const writingCalls = ["creat", "mkdir", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"];
const otherWritingCalls = ["mkdirat", "mknod", "mknodat", "truncate", "open", "openat", "openat2"];

/** Runs a command in a folder under strace, with no more than this environment. */
export async function traced(
  command: readonly string[],
  setting: { readonly folder: string; readonly environment: Readonly<Record<string, string>>; readonly log: string },
): Promise<Trace> {
  const { folder, environment, log } = setting;
  // One that a system lacks (there are more on older processors) is not asked for.
  const calls = [...networkCalls, ...writingCalls, ...otherWritingCalls].map((name) => `?${name}`).join(",");
  const child = spawn("strace", ["-f", "-q", "-o", log, "-e", `trace=${calls}`, ...command], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text.toString();
    });
  }
  const code = await new Promise<number | null>((done, fail) => child.on("close", done).on("error", fail));
  return { code, output, ...callsOf(readFileSync(log, "utf8"), folder) };
}

function callsOf(log: string, folder: string): Pick<Trace, "network" | "written"> {
  const network: string[] = [];
  const written = new Set<string>();
  for (const line of log.split("\n")) {
    const [, name, given] = /^\d+ +(\w+)\((.*)/.exec(line) ?? [];
    if (name === undefined || given === undefined) continue;
    if (networkCalls.includes(name)) {
      if (!/^(AF_UNIX|\d+, \{sa_family=AF_UNIX|\d+, .*msg_name=NULL)/.test(given)) network.push(line);
      continue;
    }
    const opens = name.startsWith("open");
    if (opens && !/O_WRONLY|O_RDWR|O_CREAT/.test(given)) continue;
    // Of the calls that take two paths, the second is the new one; a rename also removes the first.
    for (const [, path] of given.matchAll(/"((?:[^"\\]|\\.)*)"/g)) written.add(resolve(folder, path!));
  }
  return { network, written: [...written] };
}
