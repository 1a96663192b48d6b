/** A process that runs inputs: `worker.js FOLDER REGISTRY`, asked over its channel. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { Coverage } from "./coverage.js";
import { standGuard, takeViolations } from "./guards.js";
import type { Inputs } from "./inputs.js";
import type { Answer, Found, Suspect, Task } from "./protocol.js";
import type { Reader } from "./reader.js";

const [folder = "", registry = ""] = process.argv.slice(2);
// Before any module of ours is loaded: they take functions of node:fs as they are then.
standGuard(folder);
const { Place } = await import("./reader.js");
const { finding, outcomeOf } = await import("./outcome.js");
const { Inputs: InputsOf } = await import("./inputs.js");
const { readers } = (await import(registry)) as { readonly readers: readonly Reader[] };
const { readerOf } = await import("./reader.js");
const { mostMs, mostProcessBytes } = await import("./protocol.js");

type Finding = ReturnType<typeof finding>;

/** Where the parent sees which input runs: after a hang there is no asking. */
const status = openSync(`${folder}/status`, "w");
process.on("exit", () => closeSync(status));
const statusBytes = Buffer.alloc(16);
function tell(id: number, offset: number, input: Uint8Array): void {
  writeFileSync(`${folder}/input`, input);
  statusBytes.writeDoubleLE(id, 0);
  statusBytes.writeDoubleLE(offset, 8);
  writeSync(status, statusBytes, 0, 16, 0);
}

/** What was thrown where nobody waits for it: outside of this process it would have ended it. */
let astray: Finding[] = [];
let onStray: (error: Error) => void = () => undefined;
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (thrown: unknown) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    astray.push(finding("crash", error, `${event}: ${error.name}: ${error.message}`));
    onStray(error);
  });
}

const places = new Map<string, InstanceType<typeof Place>>();
const inputsOf = new Map<string, Inputs>();
let coverage: Coverage | undefined;
/** Inputs between two looks at the coverage. */
const together = 32;
/** Inputs that were kept for a reader; the oldest make room. */
const mostKept = 2000;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs one input to its end. */
async function runOne(reader: string, input: Uint8Array): Promise<{ outcome: string; finding?: Finding; ms: number }> {
  const record = readerOf(readers, reader);
  const place = places.get(reader) ?? new Place(`${folder}/${reader.replace(/\W/g, "-")}`);
  places.set(reader, place);
  const before = process.cpuUsage();
  let outcome: ReturnType<typeof outcomeOf> = { is: "read" };
  try {
    // What is thrown where nobody waits for it would end the process: there is no result to wait for.
    const strayed = new Promise<never>((_, reject) => {
      onStray = reject;
    });
    await Promise.race([record.run(Uint8Array.from(input), place), strayed]);
  } catch (error) {
    outcome = outcomeOf(error);
  }
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  const [violation] = takeViolations();
  const [other] = astray;
  astray = [];
  if (violation) return { outcome: "", finding: finding(violation.kind, violation.detail), ms };
  if (other) return { outcome: "", finding: other, ms };
  if (outcome.is === "finding") return { outcome: "", finding: outcome, ms };
  return { outcome: outcome.is === "read" ? "read" : outcome.code, ms };
}

async function answer(task: Task): Promise<Answer> {
  const { reader, seed, from, count, guided = false } = task;
  const made = inputsOf.get(reader) ?? (await InputsOf.of(readerOf(readers, reader)));
  inputsOf.set(reader, made);
  if (guided) coverage ??= new Coverage();
  const inputAt = (i: number): Uint8Array => task.inputs?.[i] ?? made.input(seed, from + i);
  const outcomes: Record<string, number> = {};
  const findings: Found[] = [];
  const suspects: Suspect[] = [];
  const kept: { input: Uint8Array; blocks: readonly string[] }[] = [];
  let slowestMs = 0;
  const cpuBefore = process.cpuUsage();
  let wasLarge = process.resourceUsage().maxRSS * 1024 > mostProcessBytes;
  let batch: Uint8Array[] = [];
  const total = task.inputs?.length ?? count;
  for (let i = 0; i < total; i++) {
    const input = inputAt(i);
    tell(task.id, i, input);
    const { outcome, finding: found, ms } = await runOne(reader, input);
    slowestMs = Math.max(slowestMs, ms);
    const index = task.inputs ? -1 : from + i;
    const isLarge = process.resourceUsage().maxRSS * 1024 > mostProcessBytes;
    if (ms > mostMs || (isLarge && !wasLarge)) suspects.push({ index, input });
    wasLarge = isLarge;
    if (found) {
      const { kind, detail, signature } = found;
      findings.push({ reader, index, kind, detail, signature, input });
    } else outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (!guided) continue;
    batch.push(input);
    if (batch.length < together && i < total - 1) continue;
    const blocks = coverage!.take();
    if (blocks.length > 0) kept.push(...(await keepFrom(reader, batch, blocks)));
    batch = [];
  }
  made.kept.push(...kept.map(({ input }) => input));
  made.kept.splice(0, Math.max(0, made.kept.length - mostKept));
  await nextTurn();
  const { user, system } = process.cpuUsage(cpuBefore);
  const { maxRSS } = process.resourceUsage();
  const residentBytes = process.memoryUsage.rss();
  return {
    id: task.id,
    outcomes,
    findings,
    suspects,
    kept,
    totalMs: (user + system) / 1000,
    slowestMs,
    peakBytes: maxRSS * 1024,
    residentBytes,
  };
}

/** Those of some inputs that reach new code, found by running them once more, one by one. */
async function keepFrom(reader: string, batch: readonly Uint8Array[], blocks: readonly string[]) {
  coverage!.forget(blocks);
  const kept: { input: Uint8Array; blocks: readonly string[] }[] = [];
  for (const input of batch) {
    await runOne(reader, input);
    const own = coverage!.take();
    if (own.length > 0) kept.push({ input, blocks: own });
  }
  return kept;
}

/** Tries of a shrinking. */
const mostTries = 3000;
const longestShrinkingMs = 5000;

/** The smallest input that was found to come to the same finding: stretches are taken out, then bytes made plain. */
async function shrink({ reader, inputs, id }: Task): Promise<Answer> {
  let [best = new Uint8Array(0)] = inputs ?? [];
  const first = (await runOne(reader, best)).finding;
  const until = performance.now() + longestShrinkingMs;
  let tries = 0;
  let last = first;
  const attempt = async (input: Uint8Array): Promise<boolean> => {
    if (!first || ++tries > mostTries || performance.now() > until) return false;
    tell(id, tries, input);
    const { finding: found } = await runOne(reader, input);
    if (found?.signature !== first.signature) return false;
    [best, last] = [input, found];
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const without = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (!(await attempt(Uint8Array.from(without)))) at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    if (best[at] === 0x30) continue;
    const plain = Uint8Array.from(best);
    plain[at] = 0x30;
    await attempt(plain);
  }
  const findings: Found[] = last ? [{ reader, index: -1, ...last, input: best }] : [];
  return {
    id,
    outcomes: {},
    findings,
    suspects: [],
    kept: [],
    totalMs: 0,
    slowestMs: 0,
    peakBytes: 0,
    residentBytes: 0,
  };
}

process.on("message", (task: Task) => {
  void (task.shrink ? shrink(task) : answer(task)).then(
    (done) => process.send!(done),
    (error: unknown) => {
      // A fault of the fuzzer itself.
      console.error(error instanceof Error ? error.stack : error);
      process.exit(70);
    },
  );
});
process.on("disconnect", () => process.exit(0));
process.send!("ready");
