/** Sentences with their spans as offsets: JSON, and JSON lines. */
import type { Split } from "@innerloop/core";
import type { Span } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { isRecord, quoted } from "@innerloop/experiments";
import { DataError } from "../../data-error.js";
import { eachLine } from "../../formats/text-lines.js";
import { partNamed } from "../../parts-of-splits.js";
import { readingLimits } from "../../reading-limits.js";
import { readRegularFile } from "../../regular-file.js";
import type { FoundSentence, MarkedGathering, MarkedPlace } from "./marked-gathering.js";
import { OffsetUnits } from "./offset-units.js";

const example = '{"text": "To Berlin", "spans": [{"start": 3, "end": 9, "type": "city"}]}';

/** Reads JSON lines, a sentence each. @throws DataError ILD71, ILD03; what is wrong with lines goes to `gathering` */
export async function readMarkedLines(
  path: string,
  place: MarkedPlace,
  gathering: MarkedGathering,
  work: LongWork,
): Promise<void> {
  const units = new OffsetUnits();
  await eachLine(
    path,
    { ...work, most: readingLimits.jsonLineLength, remedy: "Write a sentence in a line." },
    (line, number) => {
      if (line.trim() === "") return;
      const where = `${path}:${number}`;
      let record: unknown;
      try {
        record = JSON.parse(line);
      } catch {
        return gathering.problems.add(where, `the line is not JSON: write ${example}`);
      }
      addRecord(record, where, place, gathering, units);
    },
  );
  requireUnits(units, path);
}

/** Reads JSON: a list of sentences, at the top or as `data`, `texts`, `sentences` or `examples`. @throws as `readMarkedLines` */
export async function readMarkedJson(
  path: string,
  place: MarkedPlace,
  gathering: MarkedGathering,
  work: LongWork,
): Promise<void> {
  const value = await jsonOf(path);
  const held = isRecord(value) ? (value.data ?? value.texts ?? value.sentences ?? value.examples) : value;
  const list = isRecord(value) && held === undefined && value.text !== undefined ? [value] : held;
  if (!Array.isArray(list))
    throw new DataError("ILD71", path, "it holds no list of sentences", `Write [${example}, ...].`);
  const units = new OffsetUnits();
  list.forEach((record, i) => {
    work.signal?.throwIfAborted();
    addRecord(record, `${path}, sentence ${i + 1}`, place, gathering, units);
  });
  requireUnits(units, path);
}

/** A JSON file as a value. @throws DataError ILD71 where it is none, ILD03 */
export async function jsonOf(path: string): Promise<unknown> {
  const bytes = await readRegularFile(path, { most: readingLimits.jsonFileBytes, links: "followed" });
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DataError("ILD71", path, "the text is not UTF-8", "Save it as UTF-8.");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(
      "ILD71",
      path,
      `it is not JSON (${(error as Error).message.slice(0, 120)})`,
      "For a record a line, call it .jsonl.",
    );
  }
}

function requireUnits(units: OffsetUnits, path: string): void {
  const fault = units.fault();
  if (fault) throw new DataError("ILD71", path, fault.problem, fault.remedy);
}

function addRecord(
  record: unknown,
  where: string,
  place: MarkedPlace,
  gathering: MarkedGathering,
  units: OffsetUnits,
): void {
  const sentence = sentenceOf(record);
  if (typeof sentence === "string") {
    gathering.problems.add(where, sentence);
    return;
  }
  units.add(sentence.text, sentence.spans, where);
  gathering.add({ ...sentence, ...place }, where);
}

/** Names that lists of spans go by. */
const listNames = ["spans", "entities", "labels", "label"] as const;

/** The sentence that a record is; what is wrong with it, in words, where it is none. */
export function sentenceOf(record: unknown): FoundSentence | string {
  // As spaCy has them: ["To Berlin", { "entities": [[3, 9, "city"]] }].
  const fields =
    Array.isArray(record) && record.length === 2 && typeof record[0] === "string" && isRecord(record[1])
      ? { ...record[1], text: record[0] }
      : record;
  if (!isRecord(fields)) return `${quoted(record)} is no sentence: write ${example}`;
  const { text, domain } = fields;
  if (typeof text !== "string") return `it has no "text": write ${example}`;
  const name = listNames.find((each) => fields[each] !== undefined && fields[each] !== null);
  const list = name === undefined ? [] : fields[name];
  if (!Array.isArray(list)) return `${JSON.stringify(name)} is no list of spans: write ${example}`;
  const spans: Span[] = [];
  for (const item of list) {
    const span = spanOf(item);
    if (span === undefined)
      return `${quoted(item)} is no span: write {"start": 3, "end": 9, "type": "city"} or [3, 9, "city"]`;
    spans.push(span);
  }
  if (
    domain !== undefined &&
    domain !== null &&
    (typeof domain !== "string" || domain.length > readingLimits.labelLength)
  )
    return `its domain is ${quoted(domain)}: it is a short text`;
  const part = fields.part ?? fields.split;
  if (part !== undefined && part !== null && !partIn(part))
    return `its part is ${quoted(part)}: write train, validation or test`;
  return {
    text,
    spans,
    ...(typeof domain === "string" && domain !== "" ? { domain } : {}),
    ...(partIn(part) ? { part: partIn(part)! } : {}),
  };
}

/** The part that a value stands for; undefined for others. */
const partIn = (value: unknown): Split | undefined => (typeof value === "string" ? partNamed(value) : undefined);

function spanOf(item: unknown): Span | undefined {
  if (Array.isArray(item)) {
    const [start, end, type] = item as unknown[];
    return spanFrom(start, end, type);
  }
  if (!isRecord(item)) return undefined;
  const [start, end] = [item.start ?? item.start_offset, item.end ?? item.end_offset];
  const type = item.type ?? item.label ?? item.entity;
  return spanFrom(start, end, type);
}

const spanFrom = (start: unknown, end: unknown, type: unknown): Span | undefined =>
  typeof start === "number" && typeof end === "number" && typeof type === "string" ? { start, end, type } : undefined;
