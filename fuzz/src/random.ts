/** Random numbers that follow from a text: the same seed, reader and index make the same input on every machine. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(text: string) {
    // FNV-1a under three offsets; the generator (sfc32) mixes the rest in its first steps.
    const hash = (offset: number): number => {
      let value = offset;
      for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
      return value >>> 0;
    };
    [this.a, this.b, this.c] = [hash(0x811c9dc5), hash(0x9e3779b9), hash(0x85ebca6b)];
    for (let i = 0; i < 12; i++) this.next();
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to `most` - 1; 0 for `most` of 0. */
  below(most: number): number {
    return most <= 1 ? 0 : this.next() % most;
  }

  /** Of lengths: short ones far more often than long ones. */
  length(most: number): number {
    return this.below(Math.max(1, Math.min(most, 2 ** this.below(Math.ceil(Math.log2(most + 1)) + 1)))) + 1;
  }

  chance(share: number): boolean {
    return this.next() < share * 2 ** 32;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 255);
  }
}
