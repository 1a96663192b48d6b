/** Lines of standard input that may hold anything. */
import { expect, it } from "vitest";
import { readingLimits } from "../../data/reading-limits.js";
import { type InputLine, inputLines } from "./input-lines.js";

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function linesOf(given: string | Uint8Array, size = 1 << 16): Promise<InputLine[]> {
  const lines: InputLine[] = [];
  for await (const line of inputLines(chunksOf(Buffer.from(given), size))) lines.push(line);
  return lines;
}

it("are the same in whatever parts they come, with either end of line and without a last one", async () => {
  const text = "\ufeffcafé\r\n\n  \nsend 20 € to 😀\u2028Ann\nlast";
  const lines = ["café", "", "  ", "send 20 € to 😀\u2028Ann", "last"].map((each, i) => ({
    number: i + 1,
    text: each,
  }));
  for (const size of [1, 2, 3, 7, 1000]) expect(await linesOf(text, size)).toEqual(lines);
  expect(await linesOf(`${text}\n`)).toEqual(lines);
  expect(await linesOf("")).toEqual([]);
});

it("are told where they are no texts, and those after them are read", async () => {
  const bytes = Buffer.concat([
    Buffer.from("one\ncaf\xe9\n", "latin1"),
    Buffer.from(`a\0b\ne${"\u0301".repeat(400_000)}\n${"x".repeat(readingLimits.textLength + 1)}\nlast\n`),
  ]);
  const lines = await linesOf(bytes);
  expect(lines.map((line) => ("text" in line ? line.text : line.fault))).toEqual([
    "one",
    "the text is not UTF-8",
    "the text holds a NUL character",
    `the text holds more than ${readingLimits.combiningMarks} combining marks in a row`,
    `the text has more than ${readingLimits.textLength} characters`,
    "last",
  ]);
});

it("without an end are not kept in memory", async () => {
  let sent = 0;
  const part = new Uint8Array(1 << 20).fill(120);
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; sent < 2000; sent++) yield part;
    yield Buffer.from("\nafter");
  }
  const before = process.memoryUsage().arrayBuffers;
  const lines: InputLine[] = [];
  for await (const line of inputLines(endless())) lines.push(line);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 27);
  expect(lines).toEqual([
    { number: 1, fault: `the text has more than ${readingLimits.textLength} characters`, remedy: "Send a text a line" },
    { number: 2, text: "after" },
  ]);
});
