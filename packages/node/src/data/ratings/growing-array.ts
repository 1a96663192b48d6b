import { requireRoom } from "../reading-limits.js";

type Numbers = Int32Array | Float32Array | Float64Array;

const firstLength = 16;

/** Numbers that come one by one, in a typed array that doubles: a million rows are no million objects. */
export class GrowingArray<A extends Numbers> {
  length = 0;
  private values: A;

  constructor(
    private readonly kind: new (length: number) => A,
    /** The file that they are of. */
    private readonly where: string,
  ) {
    this.values = new kind(firstLength);
  }

  /** @throws DataError ILD07 where the memory has no room for them */
  push(value: number): void {
    if (this.length === this.values.length) this.grow();
    this.values[this.length++] = value;
  }

  at(place: number): number {
    return this.values[place]!;
  }

  private grow(): void {
    requireRoom(2 * this.values.byteLength, this.where);
    const larger = new this.kind(2 * this.values.length);
    larger.set(this.values);
    this.values = larger;
  }

  /** The numbers, in an array of their own. */
  finish(): A {
    return this.values.slice(0, this.length) as A;
  }
}
