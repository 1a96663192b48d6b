import { add, exp, grad, sub, sum, type Tensor, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { codedSentences } from "../../domains/entities/coded-sentences.js";
import { flat, gradientError, noise, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import {
  abstractChain,
  type TransitionShares,
  transitionParameters,
  transitionShares,
  usualShares,
} from "./abstract-transitions.js";
import { bestTags, type Chain, chainLoss, logMarginals, logPartition, taggingScore, viterbi } from "./linear-chain.js";

const [tags, length] = [3, 4];
const lengths = [4, 1, 3, 2];
const n = lengths.length;
const mask = flat(
  lengths.flatMap((words) => Array.from({ length }, (_, i) => (i < words ? 1 : 0))),
  [n, length],
);
const scores = noiseTensor([n, length, tags], 1);
const chain: Chain = { transitions: noiseTensor([tags, tags], 2), start: noiseTensor([tags], 3) };
const [e, t, s] = [valuesIn(scores), valuesIn(chain.transitions), valuesIn(chain.start)];
const eOf = (row: number, word: number, tag: number): number => e[(row * length + word) * tags + tag]!;

/** All taggings of so many words. */
const taggings = (words: number): number[][] =>
  words === 0 ? [[]] : taggings(words - 1).flatMap((path) => Array.from({ length: tags }, (_, tag) => [...path, tag]));
const scoreOf = (row: number, path: readonly number[]): number =>
  path.reduce((total, tag, i) => total + eOf(row, i, tag) + (i === 0 ? s[tag]! : t[path[i - 1]! * tags + tag]!), 0);
const partitionOf = (row: number): number =>
  Math.log(taggings(lengths[row]!).reduce((total, path) => total + Math.exp(scoreOf(row, path)), 0));

test("the partition function is the sum over all taggings of the words that are there", () => {
  valuesIn(logPartition({ scores, mask }, chain)).forEach((value, row) => {
    expect(value).toBeCloseTo(partitionOf(row), 10);
  });
});

test("marginals are those of enumeration", () => {
  const found = valuesIn(exp(logMarginals({ scores, mask }, chain)));
  lengths.forEach((words, row) => {
    const z = Math.exp(partitionOf(row));
    for (let word = 0; word < words; word++) {
      for (let tag = 0; tag < tags; tag++) {
        const having = taggings(words).filter((path) => path[word] === tag);
        const share = having.reduce((total, path) => total + Math.exp(scoreOf(row, path)), 0) / z;
        expect(found[(row * length + word) * tags + tag]).toBeCloseTo(share, 10);
      }
    }
  });
});

test("the score of a tagging, and the loss, are of the words that are there", () => {
  const paths = lengths.map((words, row) => taggings(words)[(7 * row + 5) % taggings(words).length]!);
  const given = tensor(Int32Array.from(paths.flatMap((path) => Array.from({ length }, (_, i) => path[i] ?? 0))), [
    n,
    length,
  ]);
  const expected = paths.map((path, row) => scoreOf(row, path));
  valuesIn(taggingScore({ scores, mask }, chain, given)).forEach((value, row) => {
    expect(value).toBeCloseTo(expected[row]!, 10);
  });
  const total = expected.reduce((sum, value, row) => sum + partitionOf(row) - value, 0);
  expect(valuesIn(chainLoss({ scores, mask }, chain, given))[0]).toBeCloseTo(total / 10, 10);
  // Sentences of padding alone change nothing.
  const none = flat([...valuesIn(mask).slice(0, 12), 0, 0, 0, 0], [n, length]);
  const without = expected.slice(0, 3).reduce((sum, value, row) => sum + partitionOf(row) - value, 0);
  expect(valuesIn(chainLoss({ scores, mask: none }, chain, given))[0]).toBeCloseTo(without / 8, 10);
});

test("the loss and the marginals have the gradients of their differences", () => {
  const given = tensor(
    Int32Array.from(noise(n * length, 5), (value) => Math.floor((value + 1) * 1.49)),
    [n, length],
  );
  const at = { scores, transitions: chain.transitions, start: chain.start };
  const loss = ({ scores: x, ...own }: typeof at): Tensor => chainLoss({ scores: x, mask }, own, given);
  expect(gradientError(loss, at, grad(loss)(at))).toBeLessThan(1e-6);
  const weights = noiseTensor([n, length, tags], 6);
  const some = ({ scores: x, ...own }: typeof at): Tensor =>
    sum(exp(add(logMarginals({ scores: x, mask }, own), weights)));
  expect(gradientError(some, at, grad(some)(at))).toBeLessThan(1e-6);
});

describe("the best tagging", () => {
  test("is that of enumeration, in the graph and in plain code", () => {
    for (let seed = 0; seed < 40; seed++) {
      const x = noiseTensor([n, length, tags], 20, seed);
      const own = { transitions: noiseTensor([tags, tags], 21, seed), start: noiseTensor([tags], 22, seed) };
      const [xs, ts, ss] = [valuesIn(x), valuesIn(own.transitions), valuesIn(own.start)];
      const found = valuesIn(viterbi({ scores: x, mask }, own));
      lengths.forEach((words, row) => {
        const rows = Array.from({ length: words }, (_, i) =>
          xs.slice((row * length + i) * tags, (row * length + i + 1) * tags),
        );
        const value = (path: readonly number[]): number =>
          path.reduce(
            (total, tag, i) => total + rows[i]![tag]! + (i === 0 ? ss[tag]! : ts[path[i - 1]! * tags + tag]!),
            0,
          );
        const best = taggings(words).reduce((a, b) => (value(b) > value(a) ? b : a));
        const padded = [...best, 0, 0, 0].slice(0, length);
        expect(found.slice(row * length, (row + 1) * length)).toEqual(padded);
        const matrix = Array.from({ length: tags }, (_, tag) => ts.slice(tag * tags, (tag + 1) * tags));
        expect(bestTags(rows, matrix, ss)).toEqual(best);
      });
    }
    expect(bestTags([], [], [])).toEqual([]);
  });

  test("is of whole numbers of words: shapes that do not fit are refused", () => {
    expect(() => viterbi({ scores, mask: tensor([1, 1]) }, chain)).toThrow("IL202");
    expect(() => logPartition({ scores, mask }, { ...chain, start: tensor([1, 2]) })).toThrow("IL202");
  });
});

describe("abstract transitions", () => {
  const shares: TransitionShares = {
    noneToNone: 0.75,
    noneToType: 0.25,
    typeToNone: 0.5,
    typeToSame: 0.375,
    typeToOther: 0.125,
  };
  const all = tensor([1, 1, 1]);
  const rowsOf = (own: Chain, size: number): number[][] => {
    const values = valuesIn(exp(own.transitions));
    return Array.from({ length: size }, (_, row) => values.slice(row * size, (row + 1) * size));
  };
  const close = (found: readonly number[][], expected: readonly number[][]): void => {
    found.flat().forEach((value, i) => {
      expect(value).toBeCloseTo(expected.flat()[i]!, 6);
    });
  };

  test("are spread over the types of the task; the first word comes after none", () => {
    const own = abstractChain(transitionParameters(shares, 1), all);
    close(rowsOf(own, 3), [
      [0.75, 0.125, 0.125],
      [0.5, 0.375, 0.125],
      [0.5, 0.125, 0.375],
    ]);
    close([valuesIn(exp(own.start))], [[0.75, 0.125, 0.125]]);
  });

  test("are raised to tau and normalised again", () => {
    const [a, b] = [0.75 ** 0.3, 0.125 ** 0.3];
    const [first] = rowsOf(abstractChain(transitionParameters(shares, 0.3), all), 3);
    close([first!], [[a / (a + 2 * b), b / (a + 2 * b), b / (a + 2 * b)]]);
  });

  test("lead to no type that the task has not", () => {
    const rows = rowsOf(abstractChain(transitionParameters(shares, 1), tensor([1, 1, 0])), 3);
    // Of one type there is no other to go to: what is left is normalised.
    close(rows.slice(0, 2), [
      [0.75, 0.25, 0],
      [0.5 / 0.875, 0.375 / 0.875, 0],
    ]);
  });

  test("have the gradient of their differences", () => {
    const params = transitionParameters(usualShares, 0.5);
    const f = (own: typeof params): Tensor =>
      sum(exp(sub(abstractChain(own, tensor([1, 1, 1, 0])).transitions, noiseTensor([4, 4], 8))));
    expect(gradientError(f, params, grad(f)(params))).toBeLessThan(1e-6);
  });

  test("are counted over the words of sentences, one added to each", () => {
    const coding = {
      ...{ length: 9, slots: ["a"], ids: 2, width: 0 },
      wordsOf: (text: string) => [...text].map((_, i) => [i, i + 1] as const),
      lexicalOf: (words: readonly string[]) => new Int32Array(words.length),
    };
    const spans = [
      { start: 1, end: 3, type: "a" },
      { start: 3, end: 4, type: "b" },
    ];
    // none, a, a, b, none: one step of each kind, and the first word after none.
    const found = transitionShares(codedSentences({ name: "d", texts: [{ text: "xaabx", spans }] }, coding));
    expect(found.noneToNone).toBeCloseTo(2 / 4, 12);
    expect(found.typeToSame).toBeCloseTo(2 / 6, 12);
    expect(found.typeToOther).toBeCloseTo(2 / 6, 12);
    expect(found.typeToNone).toBeCloseTo(2 / 6, 12);
  });

  test.each([0, -1, Number.NaN])("refuse tau %d", (tau) => {
    expect(() => transitionParameters(shares, tau)).toThrow("IL102");
  });
});
