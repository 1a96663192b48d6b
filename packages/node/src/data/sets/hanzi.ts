import { readFile } from "node:fs/promises";
import { brotliDecompressSync } from "node:zlib";
import type { LongWork } from "@innerloop/experiments";
import { quoted, reasonOf } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { yieldToEventLoop } from "../long-work.js";
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

/** The characters of Make Me a Hanzi that there are strokes of, in the order of their code points. */
export async function hanziCharacters(): Promise<string[]> {
  return [...(await strokeLines()).keys()];
}

/** The lines that a pen follows to write a character, in order. Throws DataError ILD61. */
export async function readHanziStrokes(character: string): Promise<PenStroke[]> {
  if ([...character].length !== 1 || /[\p{ASCII}\p{Control}]/u.test(character)) {
    throw strokeError(quoted(character), "it is not one Chinese character");
  }
  const line = (await strokeLines()).get(character);
  if (line === undefined) throw strokeError(character, "there are no strokes of it");
  return strokesIn(line);
}

/**
 * Chinese characters as if written by hand: `side` x `side` x 1, ink 255, one class for each character, named by it.
 * Sample k of character c depends on (c, k, seed) only: asking for fewer characters or samples gives the same images.
 * Drawn from strokes that come with this package.
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

let lines: Promise<ReadonlyMap<string, string>> | undefined;

/** The strokes of each character as they are written in the file. */
function strokeLines(): Promise<ReadonlyMap<string, string>> {
  lines ??= readLines();
  lines.catch(() => {
    lines = undefined;
  });
  return lines;
}

/** Reads a file of this package: data/hanzi/README.md says what it is and whose, its first lines how it is written. */
async function readLines(): Promise<ReadonlyMap<string, string>> {
  let bytes: Uint8Array;
  try {
    // Here, and not before: bundled as CommonJS, a module has no URL.
    bytes = await readFile(new URL("../../../data/hanzi/strokes.txt.br", import.meta.url));
  } catch (cause) {
    const remedy = "Install @innerloop/node anew; where a program is bundled, leave @innerloop/node out of the bundle.";
    throw new DataError("ILD61", "hanzi", `its file of strokes is not there (${reasonOf(cause)})`, remedy, { cause });
  }
  const found = new Map<string, string>();
  for (const line of brotliDecompressSync(bytes).toString("utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const character = String.fromCodePoint(line.codePointAt(0)!);
    found.set(character, line.slice(character.length));
  }
  return found;
}

function strokesIn(line: string): PenStroke[] {
  const last: [number, number] = [0, 0];
  const numberOf = (text: string, axis: 0 | 1): number => {
    const value = text.startsWith("=") ? Number(text.slice(1)) : last[axis] + Number(text);
    last[axis] = Math.trunc(value);
    return value;
  };
  return line.split(";").map((stroke) =>
    stroke.split(",").map((point): [number, number] => {
      const [x = "", y = ""] = point.split(" ");
      return [numberOf(x, 0), numberOf(y, 1)];
    }),
  );
}

function requireInteger(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new DataError("ILD61", "hanzi", `${name} is ${value}`, `Use an integer from ${low} to ${high}.`);
}

function strokeError(where: string, problem: string): DataError {
  return new DataError("ILD61", where, problem, "Use characters that `hanziCharacters()` names.");
}
