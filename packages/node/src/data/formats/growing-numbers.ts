const firstLength = 8;
const mostInChunk = 2 ** 16;

/** Numbers that arrive one by one, how many is not known: in chunks, so that none is copied or kept twice. */
export class GrowingNumbers {
  private readonly chunks: (Float32Array | Float64Array)[] = [];
  private last: Float32Array | Float64Array | undefined;
  private used = 0;
  private before = 0;

  constructor(private readonly precision: 32 | 64) {}

  get length(): number {
    return this.before + this.used;
  }

  push(value: number): void {
    if (!this.last || this.used === this.last.length) {
      this.before += this.used;
      this.used = 0;
      const length = Math.min(mostInChunk, Math.max(firstLength, this.before));
      this.last = this.precision === 32 ? new Float32Array(length) : new Float64Array(length);
      this.chunks.push(this.last);
    }
    this.last[this.used++] = value;
  }

  /** The number at a place; undefined where there is none. */
  at(index: number): number | undefined {
    let from = 0;
    for (const chunk of this.chunks) {
      if (index < from + chunk.length) return index < this.length ? chunk[index - from] : undefined;
      from += chunk.length;
    }
    return undefined;
  }

  /** Hands over all numbers with their places. */
  each(take: (value: number, index: number) => void): void {
    let index = 0;
    for (const chunk of this.chunks) {
      const end = chunk === this.last ? this.used : chunk.length;
      for (let i = 0; i < end; i++) take(chunk[i]!, index++);
    }
  }
}
