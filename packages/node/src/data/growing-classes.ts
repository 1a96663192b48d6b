import { DataError } from "./data-error.js";
import { maximumDataBytes } from "./dataset-file.js";
import type { ExampleClass } from "./labelled-examples.js";

const maximumClasses = 1_000_000;

/** Examples of numbers that arrive one by one, class by class or mixed; classes are in the order of their first one. */
export class GrowingClasses {
  private readonly classes = new Map<string, { values: Float32Array; used: number }>();
  private bytes = 0;

  /** @param size numbers of an example */
  constructor(
    private readonly where: string,
    readonly size: number,
  ) {}

  /** Adds an example. @throws DataError ILD06 beyond the size of a data set */
  add(name: string, example: ArrayLike<number>): void {
    this.bytes += 4 * this.size;
    if (this.bytes > maximumDataBytes) {
      const problem = `the examples take more than ${maximumDataBytes / 2 ** 30} GiB`;
      throw new DataError("ILD06", this.where, problem, "Choose fewer columns or rows.");
    }
    let entry = this.classes.get(name);
    if (!entry) {
      if (this.classes.size === maximumClasses) {
        const problem = `there are more than ${maximumClasses} classes`;
        throw new DataError("ILD06", this.where, problem, "Is it the column of the labels?");
      }
      entry = { values: new Float32Array(4 * this.size), used: 0 };
      this.classes.set(name, entry);
    }
    if (entry.used + this.size > entry.values.length) {
      const larger = new Float32Array(2 * entry.values.length);
      larger.set(entry.values);
      entry.values = larger;
    }
    entry.values.set(example, entry.used);
    entry.used += this.size;
  }

  /** @throws DataError ILD06 for fewer than two classes */
  finish(): ExampleClass[] {
    if (this.classes.size < 2) {
      const problem = this.classes.size === 0 ? "there are no examples" : "all examples are of one class";
      throw new DataError("ILD06", this.where, problem, "Give examples of at least two classes.");
    }
    return [...this.classes].map(([name, { values, used }]) => ({
      name,
      count: used / this.size,
      examples: values.subarray(0, used),
    }));
  }
}
