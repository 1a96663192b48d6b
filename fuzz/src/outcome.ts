/** What became of an input. */

import { taskErrorCodes, trainingErrorCodes } from "@innerloop/core";
import { environmentErrorCodes } from "@innerloop/core/reinforcement";
import { exportErrorCodes, importErrorCodes, UsageError } from "@innerloop/experiments";
import { graphErrorCodes } from "@innerloop/graph";
import { runErrorCodes } from "../../packages/experiments/dist/runs/run-error.js";
import { dataErrorCodes } from "../../packages/node/dist/data/data-error.js";
import { WrongResult } from "./reader.js";

/** Kinds of findings: what must never come of an input. */
export const findingKinds = {
  uncoded: "an error without a code of ours",
  wrong: "a result that cannot be right",
  message: "an error whose message is too long to be read",
  hang: "more than 2 s of processor time, or never settled",
  memory: "a process above 1 GiB",
  crash: "the process ended",
  written: "something written outside of the folder",
  network: "a look-up or connection",
  process: "a program started",
} as const;
export type FindingKind = keyof typeof findingKinds;

export type Outcome =
  | { readonly is: "read" }
  | { readonly is: "refused"; readonly code: string }
  | { readonly is: "finding"; readonly kind: FindingKind; readonly detail: string; readonly signature: string };

const codes: ReadonlySet<string> = new Set(
  [
    ...[dataErrorCodes, runErrorCodes, graphErrorCodes, taskErrorCodes, trainingErrorCodes, environmentErrorCodes],
    exportErrorCodes,
    importErrorCodes,
  ].flatMap((table) => Object.keys(table)),
);

/** Longer ones fill a terminal. */
const longestMessage = 4000;

/** Of what a reader threw. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof WrongResult) return finding("wrong", error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const known = error instanceof UsageError ? "usage" : typeof code === "string" && codes.has(code) ? code : undefined;
  if (known === undefined) return finding("uncoded", error);
  if ((error as Error).message.length > longestMessage) {
    return finding("message", error, `${known}: a message of ${(error as Error).message.length} characters`);
  }
  return { is: "refused", code: known };
}

/** @param text what it is told as; the error itself unless given */
export function finding(kind: FindingKind, error: unknown, text?: string): Outcome & { readonly is: "finding" } {
  const said = text ?? (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  const place = error instanceof Error ? placeOf(error) : undefined;
  const detail = `${said.slice(0, 300)}${place ? ` (${place})` : ""}`;
  // Numbers and names in messages differ between inputs with the same fault.
  const signature = `${kind} ${place ?? ""} ${said.replace(/[^a-z ]+/gi, "").slice(0, 60)}`;
  return { is: "finding", kind, detail, signature: place ? `${kind} ${place} ${(error as Error).name}` : signature };
}

/** The innermost frame in our packages: `node/data/csv.js:12`. */
function placeOf(error: Error): string | undefined {
  const frame = /packages\/([a-z]+)\/dist\/([\w/.-]+\.js):(\d+)/.exec(error.stack ?? "");
  return frame ? `${frame[1]}/${frame[2]}:${frame[3]}` : undefined;
}
