/** Sessions followed on a terminal, with what this machine reads. */
import type { PreparingHost, SessionPhase, SessionProgress } from "@innerloop/experiments";
import { machineIo } from "../data/machine-io.js";
import type { RunFolder } from "../runs/run-folder.js";
import type { Output, ProgressLine } from "./output.js";
import { loadRunExperiment } from "./run-experiment-file.js";
import { hanging, roomIn } from "./terminal.js";

const lines: Readonly<Record<SessionPhase, readonly [label: string, unit?: string]>> = {
  preparing: ["Preparing data"],
  "choosing steps": ["Choosing adaptation steps", "tasks"],
  evaluating: ["Evaluating", "adaptation steps"],
  comparing: ["Comparing", "tasks"],
  rejecting: ["Evaluating", "tasks"],
};

/** What a session has from a command, but for what computes. */
export interface CommandHost extends PreparingHost {
  /** Ends the progress line, where there is one: before anything is said, and where the session has failed. */
  endProgress(): void;
}

/**
 * @param setting.named the experiment file as the user gives it, in place of the recorded one
 */
export function commandHost(
  output: Output,
  { signal, named }: { readonly signal?: AbortSignal | undefined; readonly named?: string | undefined } = {},
): CommandHost {
  let line: ProgressLine | undefined;
  let current = "";
  const endProgress = (): void => {
    line?.end();
    line = undefined;
  };
  const onProgress = ({ phase, at }: SessionProgress): void => {
    if (!at) {
      endProgress();
      const [label, unit] = lines[phase];
      current = "";
      line = output.progress(label, unit === undefined ? {} : { unit });
      return;
    }
    // What compiling the next method took says nothing about how long its tasks take.
    if (phase === "evaluating" && at.what !== current) line?.resume();
    current = at.what;
    line?.update(at.done, at.total, at.what);
  };
  return {
    io: machineIo,
    signal,
    onProgress,
    onNote: (text) => {
      endProgress();
      output.say(`  ${hanging(text, roomIn(), 2)}`);
    },
    onWarning: output.warn,
    program: (run) => {
      endProgress();
      return loadRunExperiment(run as RunFolder, output, named);
    },
    endProgress,
  };
}

/** What a session comes to, its progress line ended. */
export async function followed<T>(host: CommandHost, session: (host: CommandHost) => Promise<T>): Promise<T> {
  try {
    return await session(host);
  } finally {
    host.endProgress();
  }
}
