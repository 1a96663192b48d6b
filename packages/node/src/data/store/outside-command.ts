/** Commands that fetch packages with the user's own configuration, and the archives that they leave. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cut } from "@innerloop/experiments";
import { withRegularFile } from "../regular-file.js";

/** The end of a command: its code, and what it printed on its two streams, the first 4,000 characters or so of each. */
export interface CommandEnd {
  readonly code: number | null;
  readonly printed: string;
  readonly complaint: string;
}

const mostCharacters = 4000;

/** Runs a command to its end. @throws what starting it throws: there may be none of this name */
export async function runCommand(
  command: string,
  args: readonly string[],
  setting: {
    readonly signal: AbortSignal | undefined;
    readonly environment?: Readonly<Record<string, string>> | undefined;
    /** On Windows, for commands that are scripts. */
    readonly shell?: boolean;
  },
): Promise<CommandEnd> {
  const { signal, environment, shell = false } = setting;
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    shell,
    windowsHide: true,
    ...(signal ? { signal } : {}),
  });
  let [printed, complaint] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => {
    if (printed.length < mostCharacters) printed += bytes.toString();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    if (complaint.length < mostCharacters) complaint += bytes.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", (error) => reject(signal?.aborted ? signal.reason : error));
    child.on("close", resolve);
  });
  signal?.throwIfAborted();
  return { code, printed, complaint };
}

/** What a command says went wrong, in one line: what stands behind this mark, without what `isOf` leaves out. */
export const complaintIn = (text: string, mark: string, isOf: (line: string) => boolean = () => true): string =>
  cut(
    text
      .split("\n")
      .filter((line) => line.startsWith(mark) && isOf(line))
      .map((line) => line.slice(mark.length).trim().replace(/\.$/, ""))
      .filter((line) => line !== "")
      .join("; "),
    300,
  );

/** Size and hash of a file that was fetched: of one of another size than expected no hash. */
export async function fetchedFile(
  file: string,
  { bytes, hash }: { readonly bytes: number; readonly hash: "sha256" | "sha512" },
): Promise<{ readonly size: number; readonly digest?: Buffer }> {
  return withRegularFile(file, { most: 2 * bytes, links: "refused" }, async (handle, size) => {
    if (size !== bytes) return { size };
    const digest = createHash(hash);
    for await (const chunk of handle.createReadStream({ autoClose: false, start: 0 })) digest.update(chunk as Buffer);
    return { size, digest: digest.digest() };
  });
}
