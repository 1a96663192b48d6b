import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";

/** A peer in another process that answers one line of JSON for each line it is sent. */
export class Peer {
  private readonly lines: AsyncIterator<string>;
  private readonly reader: Interface;
  private stderr = "";

  private constructor(
    readonly header: Readonly<Record<string, unknown>>,
    private readonly child: ChildProcessWithoutNullStreams,
    reader: Interface,
    lines: AsyncIterator<string>,
  ) {
    this.reader = reader;
    this.lines = lines;
    child.stderr.on("data", (data: Buffer) => {
      this.stderr += data.toString();
    });
  }

  /** Starts a peer and reads the header that it introduces itself with. */
  static async start(command: string, args: readonly string[]): Promise<Peer> {
    const child = spawn(command, args, { stdio: "pipe" });
    const failed = once(child, "error").then(([error]) => {
      throw error;
    });
    const reader = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    const first = (await Promise.race([lines.next(), failed])) as IteratorResult<string>;
    if (first.done) throw new Error(`${command} ${args.join(" ")} ended without a word`);
    return new Peer(JSON.parse(first.value) as Record<string, unknown>, child, reader, lines);
  }

  async ask(message: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the peer ended: ${this.stderr.slice(-2000)}`);
    return JSON.parse(value as string) as Record<string, unknown>;
  }

  async quit(): Promise<void> {
    this.child.stdin.end(`${JSON.stringify({ command: "quit" })}\n`);
    this.reader.close();
    await once(this.child, "exit");
  }
}
