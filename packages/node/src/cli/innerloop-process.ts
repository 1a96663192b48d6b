/** A command of ours in a process of its own: what it takes and how it ends is its own as well. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { exitCodes } from "./cli-error.js";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));

export interface ProcessEnd {
  /** Whether it was asked to stop, and has saved what it had. */
  readonly interrupted: boolean;
  /** What went wrong, where something did; its own message is on the error stream. */
  readonly problem?: string;
}

/**
 * Runs `innerloop` with the arguments, its output shown unless `onLine` takes it.
 *
 * The process has a channel to this one, and stops where it closes: at the signal, or because this process has died.
 */
export async function runInnerloop(
  args: readonly string[],
  { signal, onLine }: { readonly signal: AbortSignal; readonly onLine?: (line: string) => void },
): Promise<ProcessEnd> {
  const child = spawn(process.execPath, [...process.execArgv, bin, ...args], {
    stdio: ["ignore", onLine ? "pipe" : "inherit", "inherit", "ipc"],
  });
  if (onLine) {
    let rest = "";
    child.stdout!.on("data", (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split("\n");
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    });
  }
  const stop = (): void => {
    if (child.connected) child.disconnect();
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    // Not "close", which a process does not come to once its channel was closed from this side.
    const exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (...end) => resolve(end));
    });
    const drained = new Promise<void>((resolve) => {
      if (child.stdout) child.stdout.on("close", resolve);
      else resolve();
    });
    const [[code, killedBy]] = await Promise.all([exited, drained]);
    if (code === exitCodes.done) return { interrupted: false };
    if (code === exitCodes.interrupted) return { interrupted: true };
    const memory = killedBy === "SIGKILL" ? ", as the system does where memory runs out" : "";
    const how = killedBy === null ? `ended with code ${code}` : `was ended by ${killedBy}${memory}`;
    return { interrupted: false, problem: `innerloop ${args[0]} ${how}` };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
