/**
 * Coverage of our own code while inputs run, block by block as V8 counts them. Between two inputs it costs nothing; to
 * take it costs half a millisecond, so it is taken for some inputs at once.
 */
import { type Profiler, Session } from "node:inspector";

export class Coverage {
  private readonly session = new Session();
  private readonly seen = new Set<string>();

  constructor() {
    this.session.connect();
    this.post("Profiler.enable");
    this.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Blocks that ran since the last call, and never before. */
  take(): readonly string[] {
    const { result } = this.post("Profiler.takePreciseCoverage") as Profiler.TakePreciseCoverageReturnType;
    const fresh: string[] = [];
    for (const { url, functions } of result) {
      const file = /\/packages\/(\w+\/dist\/.+)$/.exec(url)?.[1];
      if (file === undefined) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${file}:${startOffset}-${endOffset}`;
          if (count === 0 || this.seen.has(block)) continue;
          this.seen.add(block);
          fresh.push(block);
        }
      }
    }
    return fresh;
  }

  /** As if these blocks had not run yet. */
  forget(blocks: readonly string[]): void {
    for (const block of blocks) this.seen.delete(block);
  }

  private post(method: string, params: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    // Calls of a session in its own process are answered at once.
    (
      this.session as {
        post(method: string, params: object, done: (error: Error | null, result: unknown) => void): void;
      }
    ).post(method, params, (error, result) => {
      [failure, answer] = [error, result];
    });
    if (failure) throw failure as Error;
    return answer;
  }
}
