import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { quoted, reasonOf } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { yieldToEventLoop } from "../long-work.js";
import { readingLimits } from "../reading-limits.js";
import { readRegularFile } from "../regular-file.js";
import { drawHandwriting, type PenStroke } from "./handwriting.js";

/** Options of `hanziExamples`. */
export interface HanziOptions extends LongWork {
  /** How many characters, spread evenly over the set in the order of code points, or which ones, or all; default 1,000. */
  readonly characters?: number | readonly string[] | "all";
  /** Default 20, as Omniglot has. */
  readonly samplesPerCharacter?: number;
  readonly seed?: number;
  /** Height and width in pixels; default 28. */
  readonly side?: number;
}

const defaultCharacters = 1000;
const atOnce = 32;

/** The characters of the npm package hanzi-writer-data (Make Me a Hanzi), in the order of their code points. */
export async function hanziCharacters(): Promise<string[]> {
  const names = await readdir(strokeFolder());
  return names
    .filter((name) => name.endsWith(".json") && [...name].length === ".json".length + 1)
    .map((name) => name.slice(0, -".json".length))
    .sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
}

/** The lines that a pen follows to write a character, in order. Throws DataError ILD61. */
export async function readHanziStrokes(character: string): Promise<PenStroke[]> {
  if ([...character].length !== 1 || /[\p{ASCII}\p{Control}]/u.test(character)) {
    throw strokeError(quoted(character), "it is not one Chinese character");
  }
  const path = join(strokeFolder(), `${character}.json`);
  let parsed: unknown;
  try {
    const bytes = await readRegularFile(path, { most: readingLimits.strokeFileBytes, links: "followed" });
    parsed = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw strokeError(path, `there are no stroke data for ${character} (${reasonOf(error)})`);
  }
  return medians(parsed, path);
}

/**
 * Chinese characters as if written by hand: `side` x `side` x 1, ink 255, one class for each character, named by it.
 * Sample k of character c depends on (c, k, seed) only: asking for fewer characters or samples gives the same images.
 * Drawn from stroke data that come with the npm package; no network.
 */
export async function hanziExamples(options: HanziOptions = {}): Promise<LabelledExamples> {
  const { samplesPerCharacter = 20, seed = 0, side = 28, onProgress, signal } = options;
  requireInteger("samplesPerCharacter", samplesPerCharacter, 1, 10_000);
  requireInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  requireInteger("side", side, 8, 256);
  const characters = await chooseCharacters(options.characters ?? defaultCharacters);
  const imageBytes = side * side;
  const classes: { name: string; count: number; examples: Uint8Array }[] = [];
  for (let start = 0; start < characters.length; start += atOnce) {
    signal?.throwIfAborted();
    const batch = characters.slice(start, start + atOnce);
    const strokes = await Promise.all(batch.map(readHanziStrokes));
    for (const [index, character] of batch.entries()) {
      const examples = new Uint8Array(samplesPerCharacter * imageBytes);
      for (let sample = 0; sample < samplesPerCharacter; sample++) {
        examples.set(drawHandwriting(strokes[index]!, { character, sample, seed, side }), sample * imageBytes);
      }
      classes.push({ name: character, count: samplesPerCharacter, examples });
    }
    onProgress?.(start + batch.length, characters.length, "draw characters");
    await yieldToEventLoop();
  }
  return { name: "hanzi", exampleShape: [side, side, 1], classes };
}

async function chooseCharacters(wanted: number | readonly string[] | "all"): Promise<readonly string[]> {
  if (typeof wanted !== "number" && wanted !== "all") {
    if (new Set(wanted).size !== wanted.length) throw strokeError("hanzi", "a character is asked for twice");
    return wanted;
  }
  const all = await hanziCharacters();
  if (wanted === "all") return all;
  // Radicals (U+2E80 to U+2EFF) are parts of characters, drawn where they stand in one.
  const whole = all.filter((character) => character.codePointAt(0)! > 0x2eff);
  requireInteger("characters", wanted, 1, whole.length);
  return Array.from({ length: wanted }, (_, index) => whole[Math.floor(((index + 0.5) * whole.length) / wanted)]!);
}

function strokeFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("hanzi-writer-data/package.json"));
  } catch (error) {
    throw strokeError("hanzi", `the npm package hanzi-writer-data is not installed (${reasonOf(error)})`);
  }
}

function medians(parsed: unknown, path: string): PenStroke[] {
  const lines = typeof parsed === "object" && parsed !== null && "medians" in parsed ? parsed.medians : undefined;
  if (!Array.isArray(lines) || lines.length === 0) throw strokeError(path, "it has no list `medians`");
  let points = 0;
  for (const line of lines as unknown[]) {
    if (!Array.isArray(line) || line.length === 0) throw strokeError(path, "a stroke is not a list of points");
    points += line.length;
    for (const point of line as unknown[]) {
      if (
        !Array.isArray(point) ||
        point.length !== 2 ||
        !point.every((v) => typeof v === "number" && Math.abs(v) < 1e5)
      ) {
        throw strokeError(path, `a point is ${quoted(point)}, expected [x, y]`);
      }
    }
  }
  if (points > readingLimits.strokePoints)
    throw strokeError(path, `it has ${points} points, more than ${readingLimits.strokePoints}`);
  return lines as PenStroke[];
}

function requireInteger(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new DataError("ILD61", "hanzi", `${name} is ${value}`, `Use an integer from ${low} to ${high}.`);
}

function strokeError(where: string, problem: string): DataError {
  return new DataError(
    "ILD61",
    where,
    problem,
    "Use characters of the npm package hanzi-writer-data; run `npm install` if it is missing.",
  );
}
