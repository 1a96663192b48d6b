import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { ExampleValues } from "@innerloop/core";
import { describe, expect, it } from "vitest";
import { drawHandwriting } from "./handwriting.js";
import { hanziCharacters, hanziExamples, readHanziStrokes } from "./hanzi.js";

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum) / 255;
}

const sampleOf = (examples: ExampleValues, index: number) => examples.subarray(index * 784, (index + 1) * 784);

describe("strokes", () => {
  it("are those of the npm package that they are made from: node scripts/hanzi-strokes.mjs", async () => {
    const source = dirname(createRequire(import.meta.url).resolve("hanzi-writer-data/package.json"));
    const files = (await readdir(source)).filter((name) => [...name].length === "x.json".length);
    const characters = await hanziCharacters();
    expect(characters.toSorted()).toEqual(files.map((name) => name.slice(0, -".json".length)).toSorted());
    const differing: string[] = [];
    for (const character of characters) {
      const { medians } = JSON.parse(await readFile(join(source, `${character}.json`), "utf8")) as { medians: unknown };
      const strokes = await readHanziStrokes(character);
      if (JSON.stringify(strokes) !== JSON.stringify(medians)) differing.push(character);
    }
    expect(differing).toEqual([]);
  });
});

describe("hanziExamples", () => {
  it("draws sample k of a character from (character, k, seed) alone", async () => {
    const { classes, exampleShape } = await hanziExamples({
      characters: ["永", "水"],
      samplesPerCharacter: 6,
      seed: 3,
    });
    expect(exampleShape).toEqual([28, 28, 1]);
    const [again] = (await hanziExamples({ characters: ["水"], samplesPerCharacter: 4, seed: 3 })).classes;
    expect(again!.examples).toEqual(classes[1]!.examples.subarray(0, 4 * 784));
    const [other] = (await hanziExamples({ characters: ["水"], samplesPerCharacter: 4, seed: 4 })).classes;
    for (let k = 0; k < 4; k++) {
      expect(distance(sampleOf(other!.examples, k), sampleOf(again!.examples, k))).toBeGreaterThan(1);
    }
    const strokes = await readHanziStrokes("水");
    expect(drawHandwriting(strokes, { character: "水", sample: 2, seed: 3 })).toEqual(sampleOf(again!.examples, 2));
  });

  it("draws ink on every image, none on the border, and no two samples alike", async () => {
    const { classes } = await hanziExamples({ characters: 60, samplesPerCharacter: 10 });
    for (const { name, examples } of classes) {
      for (let k = 0; k < 10; k++) {
        const image = sampleOf(examples, k);
        const ink = [...image].reduce((sum, value) => sum + value, 0) / 255 / 784;
        expect(ink, `${name} ${k}`).toBeGreaterThan(0.01);
        expect(ink, `${name} ${k}`).toBeLessThan(0.6);
        for (let i = 0; i < 28; i++) {
          expect(Math.max(image[i]!, image[27 * 28 + i]!, image[28 * i]!, image[28 * i + 27]!), name).toBeLessThan(200);
        }
        for (let j = 0; j < k; j++)
          expect(distance(image, sampleOf(examples, j)), `${name} ${j} ${k}`).toBeGreaterThan(1);
      }
    }
  });

  it("draws characters that the nearest of five examples tells apart, but not always: hands differ", async () => {
    const { classes } = await hanziExamples({ characters: 20, samplesPerCharacter: 20 });
    let right = 0;
    for (const [truth, { examples }] of classes.entries()) {
      for (let query = 5; query < 20; query++) {
        const nearest = classes.map((candidate) =>
          Math.min(...[0, 1, 2, 3, 4].map((k) => distance(sampleOf(candidate.examples, k), sampleOf(examples, query)))),
        );
        if (nearest.indexOf(Math.min(...nearest)) === truth) right++;
      }
    }
    const accuracy = right / (20 * 15); // 300 queries, chance 5%
    expect(accuracy).toBeGreaterThan(0.4);
    expect(accuracy).toBeLessThan(0.97);
  });

  it("chooses characters spread over the set, in a fixed order", async () => {
    const all = await hanziCharacters();
    expect(all.length).toBe(9574);
    const { classes } = await hanziExamples({ characters: 5, samplesPerCharacter: 1 });
    expect(classes.map(({ name }) => all.indexOf(name))).toEqual([965, 2878, 4791, 6704, 8617]);
  });

  it("can be stopped, and tells how far it is", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const work = hanziExamples({
      samplesPerCharacter: 1,
      signal: controller.signal,
      onProgress: (done, total) => {
        seen.push(done / total);
        controller.abort(new Error("stopped by the test"));
      },
    });
    await expect(work).rejects.toThrow("stopped by the test");
    expect(seen).toEqual([0.032]);
  });

  it("refuses what has no strokes", async () => {
    for (const character of ["A", "../package", "", "永水", "\u{1f600}"]) {
      await expect(readHanziStrokes(character), character).rejects.toThrow(/^ILD61 /);
    }
    await expect(hanziExamples({ characters: 10_000 })).rejects.toThrow(/characters is 10000.*from 1 to 9565/);
    await expect(hanziExamples({ samplesPerCharacter: 0 })).rejects.toThrow(/ILD61/);
    await expect(hanziExamples({ characters: ["水", "水"] })).rejects.toThrow(/twice/);
  });

  it("draws degenerate strokes", () => {
    const options = { character: "x", sample: 0, seed: 0 };
    expect(drawHandwriting([], options)).toEqual(new Uint8Array(784));
    const dot = drawHandwriting([[[512, 388]]], options);
    expect(dot.some((value) => value > 100)).toBe(true);
    const line = [
      [512, 388],
      [512, 388],
    ] as const;
    expect(drawHandwriting([line], options).some((value) => value > 100)).toBe(true);
  });
});
