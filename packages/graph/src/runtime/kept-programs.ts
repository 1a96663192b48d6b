/** A program as `KeptPrograms` sees it. */
export interface KeptProgram {
  /** What its loaded model takes, about. */
  readonly bytes: number;
  readonly loaded: boolean;
  /** Unloads its model, once its runs are done. It is loaded again when it runs again. */
  release(): Promise<void>;
  /** Takes it from those that its function knows. */
  forget(): void;
}

/** Options of `KeptPrograms`. */
export interface KeptProgramsOptions {
  /** Programs that are kept, at most; 32 by default. */
  readonly programs?: number;
  /** Bytes that loaded models may take, unless the two used last take more by themselves; unbounded by default. */
  readonly bytes?: number;
}

/**
 * Programs that compiled functions keep between calls, each for arguments of certain shapes. A function that meets ever
 * new shapes makes ever new ones: of those over a limit, the one used longest ago is given up. Over the number it is
 * forgotten, and compiled again should its shapes come again; over the bytes its model is unloaded.
 */
export class KeptPrograms {
  private readonly most: Required<KeptProgramsOptions>;
  /** The one used last is last. */
  private readonly programs = new Set<KeptProgram>();
  private last: KeptProgram | undefined;

  constructor({ programs = 32, bytes = Number.POSITIVE_INFINITY }: KeptProgramsOptions = {}) {
    this.most = { programs, bytes };
  }

  /** Keeps a program, which is about to be used, before all others. */
  use(program: KeptProgram): void {
    if (program === this.last) return;
    this.last = program;
    this.programs.delete(program);
    this.programs.add(program);
    for (const oldest of this.programs) {
      if (this.programs.size <= this.most.programs) break;
      void this.drop(oldest);
    }
    let bytes = 0;
    // From the one used last: it stays with the one before it, since programs come in turns (adapting, predicting), and so
    // do others as long as there is room.
    for (const [i, other] of [...this.programs].reverse().entries()) {
      if (i > 0 && !other.loaded) continue;
      bytes += other.bytes;
      if (i > 1 && bytes > this.most.bytes) void other.release();
    }
  }

  /** Gives up a program. Resolves when its memory is free. */
  async drop(program: KeptProgram): Promise<void> {
    if (program === this.last) this.last = undefined;
    this.programs.delete(program);
    program.forget();
    await program.release();
  }
}
