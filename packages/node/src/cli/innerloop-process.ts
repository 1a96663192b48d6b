/** A command of ours in a process of its own: what it takes and how it ends is its own as well. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
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
  if (onLine && child.stdout) createInterface({ input: child.stdout }).on("line", onLine);
  const stop = (): void => {
    if (child.connected) child.disconnect();
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    const [code, killedBy] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (...end) => resolve(end));
    });
    if (code === exitCodes.done) return { interrupted: false };
    if (code === exitCodes.interrupted) return { interrupted: true };
    const memory = killedBy === "SIGKILL" ? ", as the system does where memory runs out" : "";
    const how = killedBy === null ? `ended with code ${code}` : `was ended by ${killedBy}${memory}`;
    return { interrupted: false, problem: `innerloop ${args[0]} ${how}` };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
