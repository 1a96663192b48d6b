/** What a reader of outside bytes is to the fuzzer: one record, as a primitive is to the compiler. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Mutation } from "./mutations.js";

export interface Reader {
  readonly name: string;
  /** What it reads, in a few words. */
  readonly reads: string;
  /** The modules below packages/ that this opens or decodes outside bytes with. */
  readonly sources: readonly string[];
  /** Its share of the inputs beside that of others; fewer where one takes long. Default 1. */
  readonly weight?: number;
  /** Valid inputs, and instructive invalid ones. */
  seeds(): Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Inputs that once did harm and are too large to be kept as files: made by code. They are run, and not mutated. */
  hostile?(): readonly Uint8Array[];
  /** Mutations that know the format. */
  readonly mutations?: readonly Mutation[];
  /** Words of the format. */
  readonly words?: readonly string[];
  /** Reads the input as our own code does; throws what that throws. */
  run(input: Uint8Array, place: Place): Promise<unknown> | unknown;
}

/** The reader of a name. @throws Error where there is none */
export function readerOf(readers: readonly Reader[], name: string): Reader {
  const found = readers.find((reader) => reader.name === name);
  if (!found) throw new Error(`there is no reader ${name}; --list names them`);
  return found;
}

/** The folder of a worker, the only one that anything may be written in. */
export class Place {
  constructor(readonly folder: string) {}

  /** A file with these bytes; its path. */
  put(name: string, bytes: Uint8Array | string): string {
    const path = join(this.folder, name);
    try {
      writeFileSync(path, bytes);
    } catch {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
    return path;
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  private readonly made = new Set<string>();

  /** Makes what a reader needs around its input, once. */
  async once(name: string, make: () => unknown): Promise<void> {
    if (this.made.has(name)) return;
    await make();
    this.made.add(name);
  }
}

/** A reader gave a result that cannot be right. */
export class WrongResult extends Error {
  override readonly name = "WrongResult";
}
