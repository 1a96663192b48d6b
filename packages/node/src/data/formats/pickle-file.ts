/** What a pickle's values are read from: the file, in which bytes, texts and arrays stay until they are asked for. */
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { yieldToEventLoop } from "../long-work.js";
import { bytesFor } from "../reading-limits.js";
import { arrayOf, countOf, type NumericArray, type NumericType } from "./numeric-array.js";

const windowBytes = 2 ** 20;
/** Bytes of a line, a name or a key. */
export const maximumLine = 4096;

/** What a pickle's bytes are read by: an open file, or bytes at hand. */
export interface PickleSource {
  read(into: Uint8Array, at: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** Bytes at hand as such a source. */
export const bytesSource = (bytes: Uint8Array): PickleSource => ({
  read: async (into, at, length, position) => {
    const part = bytes.subarray(position, position + length);
    into.set(part, at);
    return { bytesRead: part.length };
  },
});

/** The file, read forwards through a window, and again where bytes are asked for. */
export class PickleFile {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;
  position = 0;

  constructor(
    readonly path: string,
    private readonly handle: PickleSource,
    readonly size: number,
    private readonly work: LongWork,
  ) {}

  wrong(at: number, problem: string): DataError {
    return new DataError(
      "ILD73",
      `${this.path}:${at}`,
      `the pickle holds ${problem}`,
      "Only plain data and arrays of numbers are read. Save it anew, or as .npz.",
    );
  }

  /** Sees to it that so many bytes are in the window. */
  async need(count: number): Promise<void> {
    if (this.has(count)) return;
    if (this.position + count > this.size) throw this.wrong(this.position, "no more bytes where there should be some");
    this.work.signal?.throwIfAborted();
    this.window = await this.bytesAt(this.position, Math.min(this.size - this.position, Math.max(count, windowBytes)));
    this.windowStart = this.position;
    this.work.onProgress?.(this.position, this.size, `read ${this.path}`);
    await yieldToEventLoop();
  }

  async take(count: number): Promise<Uint8Array> {
    await this.need(count);
    const start = this.position - this.windowStart;
    this.position += count;
    return this.window.subarray(start, start + count);
  }

  async number(count: 1 | 2 | 4 | 8): Promise<number> {
    const bytes = await this.take(count);
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[i]!;
    if (!Number.isSafeInteger(value)) throw this.wrong(this.position, "a length beyond any file");
    return value;
  }

  async line(): Promise<string> {
    await this.need(Math.min(maximumLine, this.size - this.position));
    const start = this.position - this.windowStart;
    const end = this.window.subarray(start, start + maximumLine).indexOf(10);
    if (end < 0) throw this.wrong(this.position, `a line of more than ${maximumLine} bytes, or none`);
    this.position += end + 1;
    return Buffer.from(this.window.subarray(start, start + end)).toString("latin1");
  }

  /** Leaves out bytes that are read later, if at all. */
  skip(count: number): number {
    const start = this.position;
    if (start + count > this.size) throw this.wrong(start, `${count} bytes where there are fewer`);
    this.position += count;
    return start;
  }

  /** Leaves out what remains of a line, however long. */
  async skipLine(): Promise<{ start: number; length: number }> {
    const start = this.position;
    while (true) {
      await this.need(1);
      const from = this.position - this.windowStart;
      const end = this.window.indexOf(10, from);
      if (end >= 0) {
        this.position = this.windowStart + end + 1;
        return { start, length: this.position - 1 - start };
      }
      this.position = this.windowStart + this.window.length;
    }
  }

  /** Whether so many bytes from here on can be had without waiting for the file. */
  has(count: number): boolean {
    return this.position + count <= this.windowStart + this.window.length;
  }

  /** The next byte, which is there: see `has`. */
  byte(): number {
    return this.window[this.position++ - this.windowStart]!;
  }

  /** Bytes of anywhere in the file; those that were read last, such as the text of a key, are still at hand. */
  async bytesAt(start: number, length: number): Promise<Uint8Array> {
    const from = start - this.windowStart;
    if (from >= 0 && from + length <= this.window.length) return this.window.slice(from, from + length);
    if (start + length > this.size) throw this.wrong(start, "no more bytes where there should be some");
    const bytes = bytesFor(length, this.path);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.handle.read(bytes, at, Math.min(length - at, 2 ** 26), start + at);
      if (bytesRead === 0) throw this.wrong(start + at, "no more bytes: it has become shorter");
      at += bytesRead;
    }
    return bytes;
  }
}

/** Bytes that stay in the file until they are asked for. */
export class PickledBytes {
  private short: string | undefined;

  constructor(
    protected readonly source: PickleFile,
    readonly start: number,
    readonly length: number,
  ) {}

  read(): Promise<Uint8Array> {
    return this.source.bytesAt(this.start, this.length);
  }

  /** @internal As text, of a name or key: read once, however often the pickle refers to it. */
  async shortText(): Promise<string> {
    this.short ??= Buffer.from(await this.read()).toString("utf8");
    return this.short;
  }
}

/** A text in UTF-8, which stays in the file as well. */
export class PickledText extends PickledBytes {}

/** A text of the oldest protocol: Latin-1, with `\u0123` for a character beyond it, a backslash or the end of a line. */
export class RawText extends PickledText {
  override async read(): Promise<Uint8Array> {
    const raw = await super.read();
    // A byte takes at most two in UTF-8, and the six of \u0123 at most three.
    const utf8 = bytesFor(2 * raw.length, this.source.path);
    let used = 0;
    for (let i = 0; i < raw.length; ) {
      const escaped =
        raw[i] === 0x5c && raw[i + 1] === 0x75 ? numberOfDigits(raw.subarray(i + 2, i + 6), 4, 16) : undefined;
      const unit = escaped ?? raw[i]!;
      i += escaped === undefined ? 1 : 6;
      if (unit < 0x80) utf8[used++] = unit;
      else if (unit < 0x800) {
        utf8[used++] = 0xc0 | (unit >> 6);
        utf8[used++] = 0x80 | (unit & 63);
      } else {
        utf8[used++] = 0xe0 | (unit >> 12);
        utf8[used++] = 0x80 | ((unit >> 6) & 63);
        utf8[used++] = 0x80 | (unit & 63);
      }
    }
    return utf8.subarray(0, used);
  }
}

/** The number that these bytes write in a base, where there are so many and all are digits. */
function numberOfDigits(bytes: Uint8Array, count: number, base: 8 | 16): number | undefined {
  if (bytes.length < count) return undefined;
  let value = 0;
  for (let i = 0; i < count; i++) {
    const digit = Number.parseInt(String.fromCharCode(bytes[i]!), base);
    if (Number.isNaN(digit)) return undefined;
    value = value * base + digit;
  }
  return value;
}

/** The bytes whose values are the characters of a text: how Python 3 writes bytes in the old protocols. */
export class Latin1Bytes extends PickledBytes {
  constructor(
    source: PickleFile,
    private readonly text: PickledText,
  ) {
    super(source, text.start, text.length);
  }

  override async read(): Promise<Uint8Array> {
    const utf8 = await this.text.read();
    const bytes = new Uint8Array(utf8.length);
    let used = 0;
    for (let i = 0; i < utf8.length; i++) {
      let value = utf8[i]!;
      if (value >= 0x80) {
        const next = utf8[++i] ?? 0;
        if ((value !== 0xc2 && value !== 0xc3) || (next & 0xc0) !== 0x80) {
          throw this.source.wrong(this.start, "characters that are no bytes");
        }
        value = ((value & 3) << 6) | (next & 0x3f);
      }
      bytes[used++] = value;
    }
    return bytes.subarray(0, used);
  }
}

/** What a letter behind a backslash stands for. */
const escapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v" }).map(([letter, character]) => [
    letter.charCodeAt(0),
    character.charCodeAt(0),
  ]),
);

/** A text of the old protocol of Python 2, in its source notation: `'a\n\x00'`. */
export class QuotedBytes extends PickledBytes {
  override async read(): Promise<Uint8Array> {
    const text = await super.read();
    const bytes = bytesFor(text.length, this.source.path);
    let used = 0;
    for (let i = 0; i < text.length; ) {
      if (text[i] !== 0x5c || i + 1 === text.length) {
        bytes[used++] = text[i++]!;
        continue;
      }
      const hex = text[i + 1] === 0x78 ? numberOfDigits(text.subarray(i + 2, i + 4), 2, 16) : undefined;
      if (hex !== undefined) {
        bytes[used++] = hex;
        i += 4;
        continue;
      }
      const digits = [3, 2, 1].find((n) => numberOfDigits(text.subarray(i + 1, i + 1 + n), n, 8) !== undefined);
      if (digits !== undefined) {
        bytes[used++] = numberOfDigits(text.subarray(i + 1, i + 1 + digits), digits, 8)! & 255;
        i += 1 + digits;
        continue;
      }
      bytes[used++] = escapes.get(text[i + 1]!) ?? text[i + 1]!;
      i += 2;
    }
    return bytes.subarray(0, used);
  }
}

/** An array of NumPy, whose numbers stay in the file until they are asked for. */
export class PickledArray {
  private constructed:
    | { type: NumericType; shape: readonly number[]; fortranOrder: boolean; data: PickledBytes }
    | undefined;

  constructor(private readonly source: PickleFile) {}

  get shape(): readonly number[] {
    return this.complete().shape;
  }

  async read(): Promise<NumericArray> {
    const { type, shape, fortranOrder, data } = this.complete();
    const bytes = await data.read();
    if (bytes.length !== (countOf(shape) ?? -1) * type.bytes) {
      throw this.source.wrong(data.start, `${bytes.length} bytes for an array of shape (${shape.join(", ")})`);
    }
    return arrayOf(bytes, type, shape, { fortranOrder });
  }

  /** @internal */
  construct(type: NumericType, shape: readonly number[], fortranOrder: boolean, data: PickledBytes): void {
    this.constructed = { type, shape, fortranOrder, data };
  }

  private complete() {
    if (!this.constructed) throw this.source.wrong(0, "an array without contents");
    return this.constructed;
  }
}
