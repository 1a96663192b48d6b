/** The C compiler of the machine: which one, for which processor, and compiling with it. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { GraphError, type NativeTarget } from "@innerloop/graph";

const run = promisify(execFile);

/** A compiler that was found. */
export interface CCompiler {
  readonly command: string;
  /** The first line that it says of itself. */
  readonly version: string;
  readonly target: NativeTarget;
  readonly flags: readonly string[];
  /** Names the compiler, its flags and the processor's features: what it compiles depends on them. */
  readonly key: string;
}

/** How long one program may take to compile. */
export const mostCompileMs = 120_000;

/*
 * No -ffast-math: NaN and infinity keep their meaning, and sums their order. Without errno and traps elementwise functions
 * become vector instructions.
 */
const flags: readonly string[] = [
  "-ftree-vectorize",
  "-march=native",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fwrapv",
  "-std=gnu11",
  "-fPIC",
  "-w",
  ...(process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : []),
];

/**
 * gcc's -O1, and what makes programs as fast as -O2 does (registers of products, above all), in three quarters of its time.
 * It is told not to carry what a loop stores from turn to turn: it would store once more, at the end, what another thread may
 * have stored since.
 */
const optimizationOfGcc = [
  "-O1",
  "-fexpensive-optimizations",
  "-fgcse",
  "-fschedule-insns2",
  "-fno-predictive-commoning",
] as const;

/** Whole vectors of the processor, of which compilers would take half by themselves. */
const flagsFor = ({ vectorBytes }: NativeTarget, macros: ReadonlySet<string>): readonly string[] => [
  ...(macros.has("__clang__") ? ["-O2"] : optimizationOfGcc),
  ...flags,
  ...(vectorBytes === 64 ? ["-mprefer-vector-width=512"] : []),
];

/** Commands that are tried, in order. */
export const compilerCommands = (environment: NodeJS.ProcessEnv = process.env): readonly string[] =>
  environment.CC ? [environment.CC] : process.platform === "win32" ? ["clang"] : ["cc", "clang", "gcc"];

/** The first compiler that answers; undefined where there is none. */
export async function findCompiler(commands: readonly string[] = compilerCommands()): Promise<CCompiler | undefined> {
  for (const command of commands) {
    try {
      const { stdout } = await run(command, ["--version"], { timeout: 10_000 });
      const version = stdout.split("\n")[0]!.trim();
      const macros = await definedMacros(command);
      const target = targetOf(macros);
      const own = flagsFor(target, macros);
      const key = createHash("sha256")
        .update(JSON.stringify([version, own, [...macros].sort(), target]))
        .digest("hex");
      return { command, version, target, flags: own, key };
    } catch {
      // Not there, or none that takes these flags: the next.
    }
  }
  return undefined;
}

/** IL404: that there is no compiler, and what to do. */
export const noCompiler = (): GraphError =>
  new GraphError(
    "IL404",
    "native programs",
    `there is no C compiler (${compilerCommands().join(", ")})`,
    "Install gcc or clang, name one in CC, or use --engine onnxruntime",
  );

/** What the compiler defines for this processor. */
async function definedMacros(command: string): Promise<ReadonlySet<string>> {
  const child = run(command, ["-march=native", "-dM", "-E", "-x", "c", "-"], { timeout: 10_000 });
  child.child.stdin?.end();
  const { stdout } = await child;
  return new Set(stdout.split("\n").flatMap((line) => line.split(" ")[1] ?? []));
}

function targetOf(macros: ReadonlySet<string>): NativeTarget {
  if (macros.has("__AVX512F__")) return { vectorBytes: 64, registers: 32 };
  if (macros.has("__AVX2__")) return { vectorBytes: 32, registers: 16 };
  return { vectorBytes: 16, registers: macros.has("__ARM_NEON") ? 32 : 16 };
}

/** Calls a compiler. Throws with the error that it wrote, or that it took too long, where it fails. */
export async function callCompiler(command: string, args: readonly string[], timeoutMs: number): Promise<void> {
  try {
    await run(command, [...args], { timeout: timeoutMs, killSignal: "SIGKILL" });
  } catch (error) {
    const { killed, stderr } = error as { readonly killed?: boolean; readonly stderr?: string };
    const problem = killed
      ? `it took more than ${timeoutMs / 1000} s`
      : ((stderr ?? String(error)).split("\n").find((line) => line.includes("error")) ?? String(error));
    throw new Error(`${command} does not compile a program: ${problem}`, { cause: error });
  }
}

/** Bytes of source from which on a program is compiled in parts, side by side. */
const partBytes = 60_000;
const mostParts = 4;

/**
 * Compiles a file of C to a module of Node: a long one in parts (PART of PARTS), as many as there are processors. Throws where
 * the compiler fails, or takes too long.
 */
export async function compileC(
  { command, flags: own }: Pick<CCompiler, "command" | "flags">,
  from: string,
  to: string,
  timeoutMs = mostCompileMs,
): Promise<void> {
  const { include_dir: headers } = createRequire(import.meta.url)("node-api-headers") as {
    readonly include_dir: string;
  };
  const { size } = await stat(from);
  const parts = Math.max(1, Math.min(mostParts, availableParallelism(), Math.floor(size / partBytes)));
  const common = [...own, `-I${headers}`];
  const linked = ["-shared", "-o", to, "-lm", "-pthread"];
  const objects = Array.from({ length: parts }, (_, part) => `${to}.${part}.o`);
  const call = (args: readonly string[]) => callCompiler(command, args, timeoutMs);
  try {
    if (parts === 1) {
      await call([...common, from, ...linked]);
      return;
    }
    const compiling = objects.map((object, part) =>
      call([...common, `-DPARTS=${parts}`, `-DPART=${part}`, "-c", from, "-o", object]),
    );
    // All have ended before anything of theirs is removed.
    const failed = (await Promise.allSettled(compiling)).find(({ status }) => status === "rejected");
    if (failed) throw (failed as PromiseRejectedResult).reason;
    await call([...common, ...objects, ...linked]);
  } finally {
    await Promise.all(objects.map((object) => rm(object, { force: true })));
  }
}
