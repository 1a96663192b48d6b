import { DataError, type DataErrorCode } from "./data-error.js";

/** What is wrong with one place of an input, such as a file or a line. */
export interface Problem {
  readonly where: string;
  readonly problem: string;
}

/** Most problems that a message shows; of the others it gives the number. */
const mostShown = 20;

/**
 * The problems of an input, found in one pass and told at once: whoever mends an input wants to know of all of them, not
 * of one a try.
 */
export class Problems {
  private readonly list: Problem[] = [];
  private found = 0;

  get count(): number {
    return this.found;
  }

  /** The first of them, as many as a message shows. */
  get shown(): readonly Problem[] {
    return this.list;
  }

  add(where: string, problem: string): void {
    this.found++;
    if (this.list.length < mostShown) this.list.push({ where, problem });
  }

  /** One line for each that is shown, and one for the number of the others. */
  lines(): string[] {
    const lines = this.list.map(({ where, problem }) => `${where}: ${problem}`);
    const others = this.found - this.list.length;
    return others > 0 ? [...lines, `... and ${others} more`] : lines;
  }

  /**
   * An error of them all: of a single one as any other error, of more with a line for each.
   *
   * @param whole what holds the places, such as the folder
   */
  error(code: DataErrorCode, whole: string, remedy: string): DataError {
    const [only] = this.list;
    if (this.found === 1 && only) return new DataError(code, only.where, only.problem, remedy);
    const list = this.lines().map((line) => `\n  ${line}`);
    return new DataError(code, whole, `there are ${this.found} problems`, `${remedy}${list.join("")}`);
  }

  /** @throws DataError where there are any */
  throwAny(code: DataErrorCode, whole: string, remedy: string): void {
    if (this.found > 0) throw this.error(code, whole, remedy);
  }
}
