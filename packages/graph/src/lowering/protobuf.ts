import { utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * Writes a message in protobuf's wire format, field by field. Written by hand, since a codec that carries all schemas
 * takes 70 ms to load, in every thread, for the twelve kinds of messages that a model is made of.
 */
export class MessageWriter {
  private bytes = new Uint8Array(64);
  private length = 0;

  /** An integer field (int32, int64, enum). Throws RangeError for a fraction. */
  integer(field: number, value: number | bigint): this {
    this.varint(field * 8);
    if (typeof value === "number" && value >= 0 && value < 2 ** 31 && Number.isInteger(value)) {
      this.varint(value);
      return this;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    this.reserve(10);
    while (rest > 127n) {
      this.bytes[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.bytes[this.length++] = Number(rest);
    return this;
  }

  /** A float field, rounded to float32. */
  float(field: number, value: number): this {
    this.varint(field * 8 + 5);
    this.reserve(4);
    new DataView(this.bytes.buffer).setFloat32(this.length, value, true);
    this.length += 4;
    return this;
  }

  string(field: number, value: string): this {
    const start = this.length;
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.reserve(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.length = start;
        return this.data(field, utf8ToBytes(value));
      }
      this.bytes[this.length++] = code;
    }
    return this;
  }

  message(field: number, message: MessageWriter): this {
    return this.data(field, message.bytes.subarray(0, message.length));
  }

  data(field: number, value: Uint8Array): this {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.reserve(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
    return this;
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private varint(value: number): void {
    this.reserve(5);
    let rest = value;
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length + more));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
