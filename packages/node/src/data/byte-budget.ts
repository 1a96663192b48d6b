/**
 * Bytes that several pieces of work share: each takes what it will need before it begins and waits while others have it.
 * So the memory of all together is bounded, however many are asked for at once.
 */
export class ByteBudget {
  private used = 0;
  /** First come, first served: a large piece is not overtaken for ever by small ones. */
  private readonly waiting: { readonly bytes: number; readonly begin: () => void }[] = [];

  constructor(readonly total: number) {}

  /** Runs `work` once so many bytes are free. Work that needs more than there are in all runs alone. */
  async with<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(Math.max(0, bytes), this.total);
    await this.take(taken);
    try {
      return await work();
    } finally {
      this.used -= taken;
      this.startWaiting();
    }
  }

  private take(bytes: number): Promise<void> {
    return new Promise((begin) => {
      this.waiting.push({ bytes, begin });
      this.startWaiting();
    });
  }

  private startWaiting(): void {
    for (let next = this.waiting[0]; next && this.used + next.bytes <= this.total; next = this.waiting[0]) {
      this.waiting.shift();
      this.used += next.bytes;
      next.begin();
    }
  }
}
