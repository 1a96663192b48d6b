/** The inputs of a reader: its seeds and regressions, and what mutations make of them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mutated } from "./mutations.js";
import { Random } from "./random.js";
import type { Reader } from "./reader.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The files of a folder below fuzz/, by name; none where there is no such folder. */
export function filesOf(...folder: readonly string[]): Map<string, Uint8Array> {
  const path = join(root, ...folder);
  const names = existsSync(path) ? readdirSync(path).sort() : [];
  return new Map(names.map((name) => [name, Uint8Array.from(readFileSync(join(path, name)))]));
}

/** A reader's name as that of a folder or file. */
export const fileNameOf = (reader: string): string => reader.replace(/[^\w.]+/g, "-");

/** Small inputs that once did harm, or that reach what mutations find rarely. */
export const corpusOf = ({ name }: Reader): Map<string, Uint8Array> => filesOf("corpus", fileNameOf(name));

/** Makes inputs, each by its index alone. */
export class Inputs {
  private constructor(
    private readonly reader: Reader,
    private readonly bases: readonly Uint8Array[],
    /** Inputs that reached new code, of a guided run. */
    readonly kept: Uint8Array[] = [],
  ) {}

  static async of(reader: Reader): Promise<Inputs> {
    return new Inputs(reader, [...(await reader.seeds()), ...corpusOf(reader).values()]);
  }

  input(seed: number, index: number): Uint8Array {
    const random = new Random(`${seed}/${this.reader.name}/${index}`);
    const base = (): Uint8Array =>
      this.kept.length > 0 && random.chance(0.6) ? random.pick(this.kept) : random.pick(this.bases);
    return mutated(base(), this.reader.mutations ?? [], { random, dictionary: this.reader.words ?? [], other: base });
  }
}
