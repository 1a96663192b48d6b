/** Worker processes, and a watch over them: what an input may take holds, whatever it does to its process. */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FindingKind } from "./outcome.js";
import { type Answer, mostMs, mostProcessBytes, type Task } from "./protocol.js";

/** A task that its process did not live to answer. */
export interface Lost {
  readonly task: Task;
  /** The input that ran, counted from the first of the task. */
  readonly offset: number;
  readonly input: Uint8Array;
  readonly kind: Extract<FindingKind, "hang" | "memory" | "crash">;
  readonly detail: string;
}

export type Result = { readonly answer: Answer } | { readonly lost: Lost };

const script = fileURLToPath(new URL("worker.js", import.meta.url));
const lookEveryMs = 100;
/** Where an input takes no processor time it may be waiting for a machine that is busy with others; but not for ever. */
export const longestWaitMs = 20_000;
/** Less processor time within a wait is that of a process at rest: timers and the collector take some. */
const restingMs = 50;
/** Waits that an input may have in all, with work between them. */
const mostWaits = 10;
/** The kernel's clock ticks in a second: the same on every Linux of today. */
const ticksPerSecond = 100;

/** Processor time of a process; undefined where the system does not tell in /proc. */
function processorMs(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

function residentBytes(pid: number): number {
  try {
    return 4096 * Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  } catch {
    return 0;
  }
}

/** One worker process after another: where one is lost, the next task gets a new one. */
export class WorkerProcess {
  private child: ChildProcess | undefined;
  private ready: Promise<unknown> = Promise.resolve();
  private readonly folder: string;
  private errors = "";

  /** @param registry address of the module whose `readers` they are */
  constructor(
    root: string,
    name: string,
    private readonly registry: string,
    private readonly patienceMs = longestWaitMs,
  ) {
    this.folder = join(root, name);
    mkdirSync(join(this.folder, "home"), { recursive: true });
    for (const file of ["status", "input"]) writeFileSync(join(this.folder, file), "");
  }

  async run(task: Task): Promise<Result> {
    const child = this.child ?? this.start();
    await this.ready;
    return new Promise((resolve) => {
      let end: Pick<Lost, "kind" | "detail"> | undefined;
      const stop = (): void => {
        clearInterval(watch);
        child.off("message", onMessage);
        child.off("exit", onExit);
      };
      const onMessage = (answer: Answer): void => {
        stop();
        // What one process has taken is not to be held against later inputs.
        if (answer.peakBytes > mostProcessBytes) this.close();
        resolve({ answer });
      };
      const onExit = (code: number | null, signal: string | null): void => {
        stop();
        this.child = undefined;
        const kind = this.errors.includes("heap out of memory") ? ("memory" as const) : ("crash" as const);
        const crash = { kind, detail: `it ended with ${signal ?? `code ${code}`}: ${lastLines(this.errors)}` };
        const input = Uint8Array.from(readFileSync(join(this.folder, "input")));
        resolve({ lost: { task, offset: this.offsetOf(task), input, ...(end ?? crash) } });
      };
      const watch = this.watch(child, task, (found) => {
        end = found;
        child.kill("SIGKILL");
      });
      child.on("message", onMessage);
      child.on("exit", onExit);
      if (child.connected) child.send(task);
    });
  }

  close(): void {
    this.child?.removeAllListeners();
    this.child?.kill("SIGKILL");
    this.child = undefined;
  }

  private start(): ChildProcess {
    this.errors = "";
    const home = join(this.folder, "home");
    const child = fork(script, [this.folder, this.registry], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      cwd: this.folder,
      execArgv: ["--max-old-space-size=768"],
      // Nothing of this user is at hand, and what is written to a home shows.
      env: {
        PATH: process.env.PATH,
        HOME: home,
        INNERLOOP_CACHE: "off",
        INNERLOOP_DATA: join(home, "data"),
        TZ: "UTC",
      },
    });
    this.ready = new Promise((resolve) => {
      child.once("message", resolve);
      child.once("exit", resolve);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    this.child = child;
    return child;
  }

  /** Ends the process of an input that takes more than it may. */
  private watch(child: ChildProcess, task: Task, end: (found: Pick<Lost, "kind" | "detail">) => void): NodeJS.Timeout {
    const pid = child.pid!;
    let [offset, since, cpuBefore] = [-1, performance.now(), processorMs(pid)];
    let [restsSince, cpuAtRest] = [since, cpuBefore];
    return setInterval(() => {
      const resident = residentBytes(pid);
      if (resident > 1.25 * mostProcessBytes) {
        end({ kind: "memory", detail: `the process has ${Math.round(resident / 2 ** 20)} MiB` });
        return;
      }
      const now = this.offsetOf(task);
      if (now !== offset) {
        [offset, since, cpuBefore] = [now, performance.now(), processorMs(pid)];
        [restsSince, cpuAtRest] = [since, cpuBefore];
        return;
      }
      const waited = performance.now() - since;
      const cpu = processorMs(pid);
      const used = cpu === undefined || cpuBefore === undefined ? waited : cpu - cpuBefore;
      // On a busy machine one that works gets its time in small parts.
      if (cpu !== undefined && cpu - (cpuAtRest ?? 0) >= restingMs) [restsSince, cpuAtRest] = [performance.now(), cpu];
      const rested = performance.now() - restsSince;
      if (used <= mostMs && rested <= this.patienceMs && waited <= mostWaits * this.patienceMs) return;
      end({
        kind: "hang",
        detail: `not done after ${Math.round(used)} ms of processor time, ${Math.round(waited)} ms in all`,
      });
    }, lookEveryMs);
  }

  private offsetOf({ id }: Task): number {
    const bytes = Buffer.alloc(16);
    const file = openSync(join(this.folder, "status"), "r");
    try {
      readSync(file, bytes, 0, 16, 0);
    } finally {
      closeSync(file);
    }
    return bytes.readDoubleLE(0) === id ? bytes.readDoubleLE(8) : 0;
  }
}

const lastLines = (text: string): string =>
  text
    .trim()
    .split(/\s*\n\s*/)
    .slice(-12)
    .join(" | ")
    .slice(0, 400);
