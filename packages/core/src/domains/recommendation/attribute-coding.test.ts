import { describe, expect, test } from "vitest";
import { TaskError } from "../../tasks/task.js";
import {
  type AttributeCoding,
  type AttributeValues,
  attributeCoding,
  attributeCodingFrom,
  codedAttributes,
  codedEntities,
  codingWidth,
  mostAttributeWords,
  rowProduct,
  type SparseRows,
} from "./attribute-coding.js";
import type { Entities } from "./interactions.js";

const films: Entities = {
  ids: ["a", "b", "c", "d"],
  attributes: [
    { kind: "number", name: "year", values: Float64Array.of(1990, 2000, Number.NaN, 5000) },
    { kind: "category", name: "country", words: ["no", "se", "dk"], of: Int32Array.of(0, 1, -1, 2) },
    {
      kind: "bag",
      name: "genres",
      words: ["noir", "drama", "comedy"],
      of: Int32Array.of(1, 2, 1, 0, 1),
      starts: Int32Array.of(0, 2, 3, 3, 5),
    },
    { kind: "number", name: "length", values: Float64Array.of(90, 90, 90, 120) },
  ],
};
/** The last film has no ratings of training. */
const occurs = [3, 1, 2, 0];

const dense = ({ starts, features, values, width }: SparseRows): number[][] =>
  Array.from({ length: starts.length - 1 }, (_, i) => {
    const row = Array<number>(width).fill(0);
    for (let at = starts[i]!; at < starts[i + 1]!; at++) row[features[at]!]! += values[at]!;
    return row;
  });

describe("attributes", () => {
  const coding = attributeCoding(films, occurs);

  test("are coded by what occurs in training alone", () => {
    expect(coding).toEqual([
      { kind: "number", name: "year", mean: 1995, deviation: 5 },
      { kind: "category", name: "country", words: ["no", "se"] },
      { kind: "bag", name: "genres", words: ["drama", "comedy"] },
    ]);
    expect(codingWidth(coding)).toBe(5);
  });

  test("are rows, zeros where nothing is known", () => {
    expect(dense(codedEntities(coding, films))).toEqual([
      [-1, 1, 0, 1, 1],
      [1, 0, 1, 1, 0],
      [0, 0, 0, 0, 0],
      [601, 0, 0, 1, 0],
    ]);
    const others: Entities = {
      ids: ["z"],
      attributes: [{ kind: "number", name: "country", values: Float64Array.of(3) }],
    };
    expect(dense(codedEntities(coding, others))).toEqual([[0, 0, 0, 0, 0]]);
  });

  test("given by name are the row that the data have", () => {
    const given: AttributeValues = { year: 1990, country: "no", genres: ["drama", "comedy", "western", "drama"] };
    expect(dense(codedAttributes(coding, given))[0]).toEqual(dense(codedEntities(coding, films))[0]);
    expect(dense(codedAttributes(coding, { genres: "drama" }))[0]).toEqual([0, 0, 0, 1, 0]);
    expect(dense(codedAttributes(coding, {}))[0]).toEqual([0, 0, 0, 0, 0]);
    expect(rowProduct(codedAttributes(coding, given), 0, [1, 10, 100, 1000, 10000])).toBe(11009);
  });

  test("of another kind than theirs are refused", () => {
    const wrong: readonly AttributeValues[] = [
      { year: "1990" },
      { year: Number.NaN },
      { country: 3 },
      { country: ["no", "se"] },
      { genres: 1 },
      { genres: [1] as unknown as string[] },
    ];
    for (const given of wrong) expect(() => codedAttributes(coding, given)).toThrow("ILT312");
  });

  test("have a bound on words, which keeps those that occur most", () => {
    const count = mostAttributeWords + 10;
    const words = Array.from({ length: count }, (_, i) => `w${i}`);
    const of = Int32Array.from({ length: count + 20 }, (_, i) => (i < count ? i : count - 20 + (i - count)));
    const bag = { kind: "bag" as const, name: "words", words, of, starts: Int32Array.of(0, count, count + 20) };
    const found = attributeCoding({ ids: ["a", "b"], attributes: [bag] }, [1, 1]);
    expect(codingWidth(found)).toBeLessThanOrEqual(mostAttributeWords);
    const kept = new Set((found[0] as { readonly words: readonly string[] }).words);
    expect(kept.size).toBe(mostAttributeWords);
    expect(kept.has("w0")).toBe(true);
  });
});

describe("a coding from a file", () => {
  const coding: AttributeCoding = attributeCoding(films, occurs);
  const wrong = (problem: string): TaskError => new TaskError("ILT311", "test", problem, "None");

  test("is the one that was kept", () => {
    expect(attributeCodingFrom(JSON.parse(JSON.stringify(coding)), wrong)).toEqual(coding);
  });

  test("is refused where it is none", () => {
    const number = { kind: "number", name: "year", mean: 0, deviation: 1 };
    const words = { kind: "bag", name: "genres", words: ["a"] };
    const hostile: readonly unknown[] = [
      undefined,
      {},
      "coding",
      [null],
      [3],
      [{ ...number, kind: "numbers" }],
      [{ ...number, kind: "__proto__" }],
      [{ ...number, name: 3 }],
      [{ ...number, name: "x".repeat(5000) }],
      [{ ...number, mean: "0" }],
      [{ ...number, mean: Number.POSITIVE_INFINITY }],
      [{ ...number, deviation: 0 }],
      [{ ...number, deviation: -1 }],
      [number, number],
      [{ ...words, words: "a" }],
      [{ ...words, words: ["a", "a"] }],
      [{ ...words, words: [1] }],
      [{ ...words, words: Array(3) }],
      [{ ...words, words: Array(mostAttributeWords + 1).fill("a") }],
      Array(2000).fill(number),
    ];
    for (const value of hostile) expect(() => attributeCodingFrom(value, wrong)).toThrow("ILT311");
  });
});
