/** node bench/dist/texts.js FILE: texts a second that one core codes, of a file with a text on each line. See README.md. */
import { readFileSync } from "node:fs";
import { textNgrams, textTokens, wordFeatures, wordsOf } from "@innerloop/core/tasks";
import { type Spread, spread } from "./statistics.js";

/** Texts for each second of a core's time, over rounds. */
export interface CodingSpeed {
  readonly name: string;
  readonly textsPerSecond: Spread;
}

const codings: readonly (readonly [name: string, code: (text: string) => unknown])[] = [
  ["words", wordsOf],
  ["tokens", (text) => textTokens(text)],
  ["n-grams", (text) => textNgrams(text)],
  ["lexical features", (text) => wordFeatures(wordsOf(text).map(({ start, end }) => text.slice(start, end)))],
];

/** The codings in turns over all texts, after one round that warms them up. */
export function codingSpeeds(texts: readonly string[], rounds = 7): CodingSpeed[] {
  const seconds = codings.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    codings.forEach(([, code], i) => {
      // The process's own time: what others do on the machine is not in it.
      const start = process.cpuUsage();
      for (const text of texts) code(text);
      const { user, system } = process.cpuUsage(start);
      if (round > 0) seconds[i]!.push((user + system) / 1e6);
    });
  }
  return codings.map(([name], i) => ({ name, textsPerSecond: spread(seconds[i]!.map((each) => texts.length / each)) }));
}

const [, program, path] = process.argv;
if (program?.endsWith("texts.js")) {
  if (!path) throw new Error("Give a file with a text on each line: node bench/dist/texts.js FILE");
  const texts = readFileSync(path, "utf8").split("\n").filter(Boolean);
  const characters = texts.reduce((sum, { length }) => sum + length, 0) / texts.length;
  console.log(`${texts.length} texts of ${characters.toFixed(0)} characters in the mean, one core`);
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  for (const { name, textsPerSecond: speed } of codingSpeeds(texts))
    console.log(`  ${name}: ${whole(speed.median)} a second (${whole(speed.low)} to ${whole(speed.high)})`);
}
