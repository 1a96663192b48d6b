/** Units a second over the last stretch of work, and the time that the rest will take at that rate. */
export class Pace {
  /** The clock starts with the first unit done: what is compiled or loaded before says nothing about the rest. */
  #mark: { at: number; done: number } | undefined;
  #rate = 0;

  constructor(
    readonly from: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** @returns units a second, 0 while it is not known, and seconds, NaN while they are not */
  at(done: number, total: number): { rate: number; left: number } {
    const now = this.now();
    if (!this.#mark) {
      if (done > this.from) this.#mark = { at: now, done };
    } else if (now - this.#mark.at > 500 && done > this.#mark.done) {
      const seconds = (now - this.#mark.at) / 1000;
      const latest = (done - this.#mark.done) / seconds;
      // Old stretches fade: when the machine gets busier or idler the rate follows within seconds.
      this.#rate = this.#rate === 0 ? latest : this.#rate + (latest - this.#rate) * Math.min(1, seconds / 4);
      this.#mark = { at: now, done };
    }
    return { rate: this.#rate, left: this.#rate > 0 ? (total - done) / this.#rate : Number.NaN };
  }

  /** The next unit's time starts now: something else was done since the last. */
  resume(): void {
    this.#mark = undefined;
  }
}
