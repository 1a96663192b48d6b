/** The table of outcomes, and where docs/security.md keeps that of the last whole run. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, type as systemType } from "node:os";
import type { Finding, Outcomes } from "./campaign.js";
import { findingKinds } from "./outcome.js";
import type { Reader } from "./reader.js";

const count = (n: number): string => n.toLocaleString("en");
const mebibytes = (n: number): string => `${Math.round(n / 2 ** 20)} MiB`;

export function markdownTable(readers: readonly Reader[], outcomes: Outcomes): string {
  const lines = readers.flatMap(({ name, reads }) => {
    const found = outcomes.readers.get(name);
    if (!found) return [];
    const { read = 0, ...refused } = found.outcomes;
    const codes = Object.entries(refused)
      .sort(([, a], [, b]) => b - a)
      .map(([code, times]) => `${code} ${count(times)}`);
    const cells = [
      name,
      reads,
      count(found.inputs),
      count(read),
      codes.join(", "),
      String(found.findings),
      `${Math.ceil(found.slowestMs)} ms`,
    ];
    return [`| ${cells.join(" | ")} |`];
  });
  return [
    "| reader | reads | inputs | read | refused with | findings | longest |",
    "|---|---|---:|---:|---|---:|---:|",
    ...lines,
  ].join("\n");
}

/** A run in a sentence, and what it found in others. */
export function summaryOf(outcomes: Outcomes, command: string, seed: number): string {
  const { inputs, seconds, peakBytes } = outcomes;
  const kinds = Object.entries(findingKinds).map(([kind, text]) => {
    const times = [...outcomes.findings.values()]
      .filter((each) => each.kind === kind)
      .reduce((sum, each) => sum + each.times, 0);
    return `${text}: ${times}`;
  });
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown processor"}, ${systemType()} ${release()}, Node ${process.versions.node}`;
  return [
    `\`${command}\`, seed ${seed}, ${new Date().toISOString().slice(0, 10)}: ${count(inputs)} inputs in ${Math.round(seconds / 60)} minutes (${Math.round(inputs / seconds)} a second) on ${machine}.`,
    `The largest process had ${mebibytes(peakBytes)}.`,
    "",
    ...kinds.map((text) => `- ${text}`),
  ].join("\n");
}

export const findingLine = ({ reader, kind, detail, index, times }: Finding): string =>
  `${reader}: ${findingKinds[kind]}${index >= 0 ? `, input ${index}` : ""}${times > 1 ? `, ${times} times` : ""}: ${detail}`;

const begin = "<!-- fuzz outcomes: begin -->";
const end = "<!-- fuzz outcomes: end -->";

/** Puts a text between the marks of a document. */
export function writeBetweenMarks(file: string, text: string): void {
  const document = readFileSync(file, "utf8");
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no marks ${begin} and ${end}`);
  writeFileSync(file, `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`);
}
