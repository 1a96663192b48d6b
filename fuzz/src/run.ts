/** npm run fuzz: hostile inputs for every reader of outside bytes. See docs/security.md. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type CampaignOptions, campaign, type Finding, type Outcomes } from "./campaign.js";
import { corpusOf, fileNameOf } from "./inputs.js";
import { type Reader, readerOf } from "./reader.js";
import { readers } from "./readers/registry.js";
import { leaseSize, leases } from "./schedule.js";
import { findingLine, markdownTable, summaryOf, writeBetweenMarks } from "./table.js";

const usage = `npm run fuzz -- [options]

  --minutes <n>    for so long, keeping and mutating inputs that reach new code (default: 1)
  --inputs <n>     so many inputs, which follow from the seed alone
  --reader <name>  this reader only; may be repeated
  --seed <n>       default 0
  --from <n>       skips so many inputs: where an earlier run was stopped, or a finding was made
  --workers <n>    processes; default: one for each core
  --replay <file>  runs these bytes, of the one --reader
  --regressions    runs the corpus of every reader before all else
  --write <file>   writes the table of outcomes between the marks of this document
  --json           prints the outcomes as JSON
  --list           lists the readers

Ends with 1 where something was found. Findings are kept in .fuzz/findings, made small.
`;

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    inputs: { type: "string" },
    reader: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: "0" },
    from: { type: "string", default: "0" },
    workers: { type: "string", default: String(availableParallelism()) },
    replay: { type: "string" },
    regressions: { type: "boolean", default: false },
    write: { type: "string" },
    json: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function whole(name: "inputs" | "seed" | "from" | "workers", least: number): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} ${values[name]}: give a whole number of at least ${least}`);
  return value;
}

/** Keeps what was found with how to see it again. */
function keepFinding(finding: Finding): void {
  const folder = join(root, ".fuzz", "findings");
  mkdirSync(folder, { recursive: true });
  const hash = createHash("sha256").update(finding.input).digest("hex").slice(0, 12);
  const file = join(folder, `${fileNameOf(finding.reader)}-${finding.kind}-${hash}`);
  writeFileSync(file, finding.input);
  const again =
    finding.input.length > 0 ? `npm run fuzz -- --reader ${JSON.stringify(finding.reader)} --replay ${file}` : "";
  console.log(`\nFOUND ${findingLine(finding)}\n      ${again}`);
}

/** Inputs that once did harm, from the corpus and made by code. */
const regressionsOf = (reader: Reader): { reader: string; input: Uint8Array }[] =>
  [...corpusOf(reader).values(), ...(reader.hostile?.() ?? [])].map((input) => ({ reader: reader.name, input }));

/** Inputs of earlier guided runs that reached code which no seed reaches. */
function keptOf(name: string): Uint8Array[] {
  const folder = join(root, ".fuzz", "kept", fileNameOf(name));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder).map((file) => Uint8Array.from(readFileSync(join(folder, file))));
}

function keepInput(reader: string, input: Uint8Array): void {
  const folder = join(root, ".fuzz", "kept", fileNameOf(reader));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, createHash("sha256").update(input).digest("hex").slice(0, 16)), input);
}

/** A line that is drawn over itself on a terminal, and from time to time elsewhere. */
function progress(untilMs: number | undefined, total: number): (outcomes: Outcomes) => void {
  let drawn = 0;
  return (outcomes) => {
    const now = performance.now();
    if (values.json || now - drawn < (process.stderr.isTTY ? 200 : 10_000)) return;
    drawn = now;
    const { inputs, seconds, findings, blocks, peakBytes } = outcomes;
    const left = untilMs === undefined ? ((total - inputs) * seconds) / Math.max(1, inputs) : (untilMs - now) / 1000;
    const parts = [
      `${inputs.toLocaleString("en")} inputs`,
      `${Math.round(inputs / seconds)} a second`,
      ...(blocks.size > 0 ? [`${blocks.size.toLocaleString("en")} blocks reached`] : []),
      `${findings.size} findings`,
      `${Math.round(peakBytes / 2 ** 20)} MiB`,
      `${Math.max(0, Math.round(left))} s left`,
    ];
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${parts.join(", ")}` : `${parts.join(", ")}\n`);
  };
}

async function fuzz(): Promise<void> {
  if (values.help) return void process.stdout.write(usage);
  if (values.list) return void console.log(readers.map(({ name, reads }) => `${name.padEnd(28)}${reads}`).join("\n"));
  const chosen: readonly Reader[] =
    values.reader.length > 0 ? values.reader.map((name) => readerOf(readers, name)) : readers;
  const [seed, from, workers] = [whole("seed", 0), whole("from", 0), whole("workers", 1)];
  const isTimed = values.inputs === undefined && values.replay === undefined;
  const minutes = Number(values.minutes ?? 1);
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: give a number above 0`);
  const total = values.replay !== undefined ? 0 : isTimed ? Number.MAX_SAFE_INTEGER - from : whole("inputs", 0);
  const untilMs = isTimed ? performance.now() + minutes * 60_000 : undefined;
  const stop = new AbortController();
  const timer = isTimed ? setTimeout(() => stop.abort(), minutes * 60_000) : undefined;
  process.once("SIGINT", () => stop.abort());
  const regressions = [
    ...(values.regressions ? chosen.flatMap(regressionsOf) : []),
    ...(isTimed ? chosen.flatMap(({ name }) => keptOf(name).map((input) => ({ reader: name, input }))) : []),
    ...(values.replay !== undefined
      ? [{ reader: chosen[0]!.name, input: Uint8Array.from(readFileSync(values.replay)) }]
      : []),
  ];
  const options: CampaignOptions = {
    leases: leases(chosen, from, total),
    seed,
    workers,
    guided: isTimed,
    regressions,
    signal: stop.signal,
    onProgress: progress(untilMs, total + regressions.length),
    onFinding: keepFinding,
    onKept: keepInput,
  };
  const outcomes = await campaign(options);
  clearTimeout(timer);
  report(chosen, outcomes, seed, from, stop.signal.aborted && !isTimed);
}

function report(chosen: readonly Reader[], outcomes: Outcomes, seed: number, from: number, isStopped: boolean): void {
  const command = ["npm run fuzz --", ...process.argv.slice(2).filter((_, i, all) => all[i] !== "--json")].join(" ");
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
  const findings = [...outcomes.findings.values()];
  if (values.json) {
    console.log(
      JSON.stringify({
        ...outcomes,
        readers: Object.fromEntries(outcomes.readers),
        blocks: outcomes.blocks.size,
        findings: findings.map((each) => ({ ...each, input: undefined, text: findingLine(each) })),
      }),
    );
  } else {
    console.log(`\n${markdownTable(chosen, outcomes)}\n\n${summaryOf(outcomes, command, seed)}`);
    for (const finding of findings) console.log(`FOUND ${findingLine(finding)}`);
    // What was begun and not ended is done again.
    const done = Math.floor((from + outcomes.inputs) / leaseSize) * leaseSize;
    if (isStopped) console.log(`\nStopped; go on with --seed ${seed} --from ${Math.max(from, done - leaseSize * 8)}`);
  }
  if (values.write !== undefined && !isStopped) {
    writeBetweenMarks(
      join(root, values.write),
      `${summaryOf(outcomes, command, seed)}\n\n${markdownTable(chosen, outcomes)}`,
    );
    console.log(`Wrote ${values.write}.`);
  }
  process.exitCode = findings.length > 0 ? 1 : 0;
}

try {
  await fuzz();
} catch (error) {
  console.error(`fuzz: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
