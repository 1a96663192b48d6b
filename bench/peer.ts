import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";

/** What a peer says of itself when it is warm. */
export interface PeerHeader {
  readonly threads: number;
  /** The first meta-step, which compiles, and the fastest of those that warmed it up. */
  readonly firstMilliseconds: number;
  readonly milliseconds: number;
  /** The largest resident size of its process up to now. */
  readonly peakBytes: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** A peer in another process that answers one line of JSON for each line it is sent. */
export class Peer {
  private stderr = "";
  readonly header: PeerHeader;

  private constructor(
    first: string,
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly reader: Interface,
    private readonly lines: AsyncIterator<string>,
    private readonly patienceMs: number,
  ) {
    this.header = JSON.parse(first) as PeerHeader;
    // What is written to a peer that died is answered by the end of its lines.
    child.stdin.on("error", () => undefined);
    child.stderr.on("data", (data: Buffer) => {
      this.stderr = (this.stderr + data.toString()).slice(-2000);
    });
  }

  /** Starts a peer, lets it warm up and reads its header. One that is not warm in time is ended, with an error. */
  static async start(command: string, args: readonly string[], patienceMs: number): Promise<Peer> {
    const child = spawn(command, args, { stdio: "pipe" });
    let stderr = "";
    const collect = (data: Buffer): void => {
      stderr = (stderr + data.toString()).slice(-2000);
    };
    child.stderr.on("data", collect);
    const failed = once(child, "error").then(([error]) => {
      throw error;
    });
    const reader = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    const late = timeLimit("two meta-steps", patienceMs);
    const give = (error: Error): never => {
      child.kill("SIGKILL");
      throw error;
    };
    try {
      for (;;) {
        const { value, done } = (await Promise.race([lines.next(), failed, late.passed])) as IteratorResult<string>;
        if (done) return give(new Error(lastLine(stderr) ?? "it ended without a word"));
        // Libraries greet on standard output too.
        if (!value.startsWith("{")) continue;
        const { error } = JSON.parse(value) as { error?: string };
        if (error !== undefined) return give(new Error(error));
        child.stderr.off("data", collect);
        return new Peer(value, child, reader, lines, patienceMs);
      }
    } catch (error) {
      return give(error as Error);
    } finally {
      late.clear();
    }
  }

  /** @throws Error where the peer answers with one, or ends, or does not answer in time: it is ended then */
  async ask(message: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
    const late = timeLimit("an answer", this.patienceMs);
    const { value, done } = await Promise.race([this.lines.next(), late.passed])
      .catch((error: unknown) => {
        this.child.kill("SIGKILL");
        throw error;
      })
      .finally(late.clear);
    if (done) throw new Error(`the peer ended: ${lastLine(this.stderr) ?? "without a word"}`);
    const answer = JSON.parse(value as string) as Record<string, unknown>;
    if (typeof answer.error === "string") throw new Error(answer.error);
    return answer;
  }

  /** Whole meta-steps, with the milliseconds of each. */
  async round(repeats: number): Promise<number[]> {
    return ((await this.ask({ command: "round", repeats })) as { milliseconds: number[] }).milliseconds;
  }

  /** Asks it to end, and ends it where it does not. */
  async quit(): Promise<void> {
    this.reader.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    this.child.stdin.end(`${JSON.stringify({ command: "quit" })}\n`);
    await ended;
    clearTimeout(timer);
  }
}

/** Fails once the time is over, unless it is cleared. */
function timeLimit(what: string, ms: number): { readonly passed: Promise<never>; readonly clear: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms / 1000} s`)), ms);
  });
  return { passed, clear: () => clearTimeout(timer) };
}

const lastLine = (text: string): string | undefined => text.trim().split("\n").at(-1) || undefined;
