const firstLength = 8;
const mostInChunk = 2 ** 16;

/** @internal Numbers that arrive one by one, how many is not known: in chunks, so that none is copied or kept twice. */
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

/**
 * @internal Numbers of some of the rows of a column, `width` of each, which come in the order of the rows. What is kept
 * is in proportion to the numbers: rows without one are kept as ranges.
 */
export class RowNumbers {
  width = 1;
  private readonly numbers: GrowingNumbers;
  /** Where each range of rows without a number begins and ends, in turn. */
  private readonly gaps = new GrowingNumbers(64);
  private next = 0;

  constructor(precision: 32 | 64) {
    this.numbers = new GrowingNumbers(precision);
  }

  /** Numbers that are kept, of all rows. */
  get length(): number {
    return this.numbers.length;
  }

  /** The number of a row, which is behind those that have one so far. */
  set(row: number, value: number): void {
    this.begin(row);
    this.numbers.push(value);
  }

  setList(row: number, values: readonly number[]): void {
    this.begin(row);
    for (const value of values) this.numbers.push(value);
  }

  private begin(row: number): void {
    if (row > this.next) {
      this.gaps.push(this.next);
      this.gaps.push(row);
    }
    this.next = row + 1;
  }

  /** Hands over each range of rows without a number. @param rows of all of the column */
  eachGap(rows: number, take: (from: number, to: number) => void): void {
    let from = 0;
    this.gaps.each((row, i) => {
      if (i % 2 === 0) from = row;
      else take(from, row);
    });
    if (this.next < rows) take(this.next, rows);
  }

  /** Hands over each number with its row and its place among those of the row; for a row without one NaN. */
  each(rows: number, take: (value: number, row: number, place: number) => void): void {
    const bounds: number[] = [];
    this.eachGap(rows, (from, to) => bounds.push(from, to));
    let [row, place, next] = [0, 0, 0];
    const passGap = (): void => {
      if (bounds[next] !== row) return;
      for (const to = bounds[next + 1]!; row < to; row++) take(Number.NaN, row, 0);
      next += 2;
    };
    passGap();
    this.numbers.each((value) => {
      take(value, row, place);
      if (++place < this.width) return;
      place = 0;
      row++;
      passGap();
    });
  }
}
