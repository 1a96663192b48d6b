/**
 * Every error this package throws carries one of these codes. The text says what the code means; the message of the
 * error itself says which operation, which shapes, where in the user's code, and what to write instead.
 */
export const graphErrorCodes = {
  IL101: "shapes that do not broadcast",
  IL102: "an argument of an operation is out of range or of the wrong kind",
  IL103: "types of numbers that do not mix",
  IL104: "data and shape disagree",
  IL201: "wrong rank",
  IL202: "sizes that must be equal differ",
  IL203: "matmul with inner sizes that differ",
  IL204: "a convolution or pooling window that does not fit",
  IL301: "gradient of something that is not a floating-point scalar",
  IL302: "gradient through an operation that has none",
  IL303: "trees of different structure",
  IL304: "vmap over inputs without a common axis size",
  IL401: "a graph that depends on an input it was not given",
  IL402: "inputs that do not fit the compiled graph",
  IL403: "an executor failed to load or run a model",
  IL404: "a device that is not there, or cannot compute what it is given",
  IL405: "a program that no portable model can be written of",
} as const;

/** Codes of `GraphError`. */
export type GraphErrorCode = keyof typeof graphErrorCodes;

declare global {
  // Every ECMAScript module has it; the bare language library does not know of it.
  interface ImportMeta {
    url: string;
  }
}

const libraryRoots: string[] = [];

/**
 * Marks the folder of a module as library code, so that errors name the user's line and not ours. (Bundled as CommonJS,
 * a module has no URL.)
 */
export function declareLibraryModule(moduleUrl: string | undefined): void {
  if (moduleUrl === undefined) return;
  const folder = moduleUrl.replace(/^file:\/\//, "").replace(/[^/]*$/, "");
  if (!libraryRoots.includes(folder)) libraryRoots.push(folder);
}

declareLibraryModule(import.meta.url);

/** The first stack frame outside the library, as `file.ts:line`, or undefined where there is none. */
function userSourceLine(stack: string | undefined): string | undefined {
  for (const line of (stack ?? "").split("\n").slice(1)) {
    if (/(^|\s|\()node:/.test(line)) continue;
    const match = /\(?((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:\\)[^()]*?):(\d+):\d+\)?$/.exec(line.trim());
    if (!match?.[1]) continue;
    const file = match[1].replace(/^file:\/\//, "");
    const isTest = /\.test\.[jt]s/.test(file);
    if (!isTest && libraryRoots.some((root) => file.startsWith(root))) continue;
    if (file.includes("/node_modules/")) continue;
    return `${file.replace(/^.*[\\/]/, "").replace(/\?.*$/, "")}:${match[2]}`;
  }
  return undefined;
}

/** Frames between an operation and the user's line: a gradient of a mapped loss has more than the ten that V8 keeps. */
const framesLookedThrough = 100;

/** `, at model.ts:41`: the user's line that is running, or nothing where it is not known. */
function userPlace(): string {
  const limits = Error as { stackTraceLimit?: number };
  const kept = limits.stackTraceLimit;
  // Only V8 has a limit, and it may be frozen.
  const raised = kept !== undefined && Reflect.set(Error, "stackTraceLimit", framesLookedThrough);
  const place = userSourceLine(new Error().stack);
  if (raised) limits.stackTraceLimit = kept;
  return place ? `, at ${place}` : "";
}

const longestMessage = 4000;

/** A message that fits a terminal: what files hold is part of messages, and may be of any length. */
function bounded(message: string): string {
  const more = message.length - longestMessage;
  return more <= 0 ? message : `${message.slice(0, longestMessage - 100)}... (${more + 100} more characters)`;
}

/**
 * The base of all errors of ours. Name and message are there when V8 captures the stack, which begins with them:
 * that is what is printed of an error that nobody catches. JSON shows name, code and message.
 */
export abstract class DescribedError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(bounded(message), options);
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([["name", this.name], ...Object.entries(this), ["message", this.message]]);
  }
}

/** An error of one table of codes: `ILR102 train: the loss is NaN at iteration 12. Lower the learning rate`. */
export abstract class CodedError<Code extends string> extends DescribedError {
  readonly code: Code;
  constructor(code: Code, where: string, problem: string, remedy: string, options?: { readonly cause?: unknown }) {
    // What it is about may be another error's message, which ends as it likes: "Did you mean columns?"
    super(`${code} ${where}: ${problem}${/[.?!]$/.test(problem) ? "" : "."} ${remedy}`, options);
    this.code = code;
  }
}

/** An error in how a graph is built, transformed or run: `IL203 matmul: ..., at model.ts:41. Remedy.` */
export class GraphError extends CodedError<GraphErrorCode> {
  static {
    GraphError.prototype.name = "GraphError";
  }
  constructor(
    code: GraphErrorCode,
    operation: string,
    problem: string,
    remedy: string,
    options?: { readonly cause?: unknown },
  ) {
    super(code, operation, `${problem}${userPlace()}`, remedy, options);
  }
}

/** `[4, 3]` as it is printed in messages and graphs. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
