import { exp, leaves, mapTree, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { TokenInputs } from "../../domains/entities/token-inputs.js";
import { wordEncoder } from "../../layers/word-encoder.js";
import { type TagPrediction, taggingLoss } from "../../losses/tagging.js";
import {
  flat,
  gradientError,
  namedValues,
  noise,
  noiseLike,
  noiseTensor,
  numbersOf,
  valuesIn,
} from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key, random } from "../../random/random.js";
import type { Examples, Task } from "../../tasks/task.js";
import { clusters } from "../clusters.js";
import { fomaml, maml } from "../gradient/maml.js";
import { bestTags } from "./linear-chain.js";
import { structShot } from "./struct-shot.js";
import { crfTagger, taggingModel } from "./tagging-model.js";
import { tokenBaseline } from "./token-baselines.js";
import type { TokenLearner } from "./token-learner.js";
import { nearestTokens, tokenPrototypes } from "./token-prototypes.js";

const [length, ids, width, tags] = [4, 9, 3, 4];
const slots = ["form", "shape", "before1"];
type Sentences = Examples<TokenInputs, Tensor>;

function sentences(rows: number, index: number): Sentences {
  const source = random(31, index, rows);
  const size = rows * length;
  const mask = Array.from({ length: size }, (_, i) => (i % length < 2 + (Math.floor(i / length) % 3) ? 1 : 0));
  const numbers = (below: number): number[] => Array.from({ length: size }, () => source.integer(below));
  return {
    x: {
      lexical: flat([...numbers(ids), ...numbers(ids), ...numbers(ids)], [rows, length, 3], "int32"),
      states: noiseTensor([rows, length, width], 32, index),
      mask: flat(mask, [rows, length]),
    },
    // Each type that there is has words.
    y: flat(
      mask.map((there, i) => (there ? (i + Math.floor(i / length)) % tags : 0)),
      [rows, length],
      "int32",
    ),
  };
}
const task = (index = 0): Task<TokenInputs> => ({
  support: sentences(5, 2 * index),
  query: sentences(4, 2 * index + 1),
});
/** The same sentences, and two of nonsense behind them that are not there. */
function padded({ x, y }: Sentences): Sentences {
  const rows = y.shape[0]!;
  const longer = (leaf: Tensor): Tensor => {
    const values = valuesIn(leaf);
    const row = values.length / rows;
    return flat([...values, ...values.slice(0, 2 * row)], [rows + 2, ...leaf.shape.slice(1)], leaf.dtype);
  };
  const present = flat(
    Array.from({ length: rows + 2 }, (_, i) => (i < rows ? 1 : 0)),
    [rows + 2],
  );
  return { x: mapTree(longer, x), y: longer(y), present };
}

const encoder = wordEncoder({ ids, slots: slots.length, width, length, embedding: 3, hidden: 5, outputs: 4 });
const shared = { encoder, tags };
const learners: Readonly<Record<string, TokenLearner>> = {
  StructShot: structShot({ slots, ids, tags, encoder }),
  "StructShot on features alone": structShot({ slots, ids, tags }),
  "StructShot without transitions": structShot({ slots, ids, tags, encoder, transitions: null }),
  "token prototypes": tokenPrototypes(shared),
  "token prototypes with a threshold": tokenPrototypes({ ...shared, none: "threshold" }),
  "nearest tokens": nearestTokens(shared),
  CRF: crfTagger({ ...shared, inner: sgd({ learningRate: 0.3 }), steps: 2 }),
  "MAML of a tagger": maml({
    model: taggingModel(shared),
    loss: taggingLoss,
    inner: sgd({ learningRate: 0.3 }),
    steps: 2,
  }),
  "FOMAML of a tagger": fomaml({ model: taggingModel(shared), loss: taggingLoss, inner: sgd({ learningRate: 0.3 }) }),
};

describe.each(Object.entries(learners))("%s", (name, learner) => {
  const params = noiseLike(learner.init(key(3)), 0.4, 5);
  const predicted = (support: Sentences, x: TokenInputs): TagPrediction =>
    learner.predict(learner.adapt(params, support), x);

  test.skipIf(name.startsWith("FOMAML"))("has the meta-gradient of its differences", () => {
    const given = task();
    const loss = (at: Tree): Tensor => learner.metaGradient(at, given).loss;
    const { gradient } = learner.metaGradient(params, given);
    expect(gradientError(loss, params, gradient, { h: 1e-6 })).toBeLessThan(2e-4);
  });

  test("gives probabilities of tags and tags of the words that are there", () => {
    const { support, query } = task();
    const { scores, tags: found, mask } = predicted(support, query.x);
    const sums = valuesIn(exp(scores));
    for (let word = 0; word < 4 * length; word++)
      expect(sums.slice(word * tags, (word + 1) * tags).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 8);
    expect(valuesIn(mask)).toEqual(valuesIn(query.x.mask));
    valuesIn(found).forEach((tag, i) => {
      expect(Number.isInteger(tag) && tag >= 0 && tag < tags).toBe(true);
      if (!valuesIn(query.x.mask)[i]) expect(tag).toBe(0);
    });
  });

  test("takes no notice of support sentences, and loss of query sentences, that are not there", () => {
    const { support, query } = task(1);
    const [alone, more] = [predicted(support, query.x), predicted(padded(support), query.x)];
    numbersOf(alone).forEach((values, leaf) => {
      values.forEach((value, i) => {
        expect(numbersOf(more)[leaf]![i]).toBeCloseTo(value, 7);
      });
    });
    const of = (given: Task<TokenInputs>): Record<string, number[]> => {
      const { loss, metrics, gradient } = learner.metaGradient(params, given);
      return namedValues({ loss, metrics, gradient });
    };
    const [whole, withPadding] = [of({ support, query }), of({ support: padded(support), query: padded(query) })];
    for (const [path, values] of Object.entries(whole))
      values.forEach((value, i) => {
        expect(withPadding[path]![i], path).toBeCloseTo(value, 6);
      });
  });

  test("every parameter that is trained has a gradient in some task", () => {
    const all = [0, 1, 2].map((index) => leaves(learner.metaGradient(params, task(index)).gradient).map(valuesIn));
    const moved = all[0]!.map((_, i) => all.some((gradients) => gradients[i]!.some((value) => value !== 0)));
    expect(moved.every(Boolean)).toBe(true);
  });
});

test("types without a support word get no probability, where words are compared", () => {
  const { support, query } = task();
  const y = flat(
    valuesIn(support.y).map((tag) => (tag === 2 ? 0 : tag)),
    [5, length],
    "int32",
  );
  for (const name of ["StructShot", "token prototypes", "nearest tokens"] as const) {
    const learner = learners[name]!;
    const params = learner.init(key(1));
    const { scores, tags: found } = learner.predict(learner.adapt(params, { ...support, y }), query.x);
    const probabilities = valuesIn(exp(scores));
    probabilities.forEach((p, i) => {
      if (i % tags === 2) expect(p).toBe(0);
    });
    expect(valuesIn(found)).not.toContain(2);
  }
});

describe("StructShot and the baselines against plain code", () => {
  const { support, query } = task(3);
  const rowsOf = (x: Tensor): number[][] => {
    const values = valuesIn(x);
    const row = x.shape.slice(2).reduce((a, b) => a * b, 1);
    return Array.from({ length: x.shape[0]! * x.shape[1]! }, (_, i) => values.slice(i * row, (i + 1) * row));
  };
  const there = valuesIn(support.x.mask);
  const y = valuesIn(support.y);
  const distance = {
    lexical: (a: number[], b: number[]): number =>
      a.reduce((sum, id, slot) => sum + (id > 0 && id === b[slot] ? 0 : 1), 0),
    states: (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0),
  };
  const part = { lexical: "lexical", states: "states" } as const;

  test.each([
    ["lexical", "nearest"],
    ["lexical", "prototype"],
    ["lexical", "structShot"],
    ["states", "nearest"],
    ["states", "prototype"],
    ["states", "structShot"],
  ] as const)("%s by %s", (of, by) => {
    const shares = { noneToNone: 0.7, noneToType: 0.3, typeToNone: 0.5, typeToSame: 0.4, typeToOther: 0.1 };
    const baseline = tokenBaseline({ slots, tags, of, by, transitions: shares, tau: 0.5, temperature: 0.7 });
    const found = baseline.predict(baseline.adapt(baseline.init(key(1)), support), query.x);
    const d = distance[of];
    const [asked, known] = [rowsOf(query.x[part[of]]!), rowsOf(support.x[part[of]]!)];
    const words = (tag: number): number[][] => known.filter((_, i) => there[i] && y[i] === tag);
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const scores = asked.map((q) =>
      Array.from({ length: tags }, (_, tag) => {
        const own = words(tag);
        const between = own.map((k) => d(q, k));
        if (by !== "prototype") return -Math.min(...between) / 0.7;
        const within = mean(own.flatMap((k) => own.map((other) => d(k, other))));
        return -(mean(between) - within / 2) / 0.7;
      }),
    );
    const power = (row: number[]): number[] => {
      const raised = row.map((p) => p ** 0.5);
      const sum = raised.reduce((a, b) => a + b, 0);
      return raised.map((p) => Math.log(p / sum));
    };
    const matrix = Array.from({ length: tags }, (_, from) =>
      power(
        Array.from({ length: tags }, (_t, to) => {
          if (from === 0) return to === 0 ? 0.7 : 0.3 / 3;
          return to === 0 ? 0.5 : to === from ? 0.4 : 0.1 / 2;
        }),
      ),
    );
    const mask = valuesIn(query.x.mask);
    const tagged = valuesIn(found.tags);
    for (let row = 0; row < 4; row++) {
      const count = mask.slice(row * length, (row + 1) * length).reduce((a, b) => a + b, 0);
      const own = scores.slice(row * length, row * length + count);
      const expected =
        by === "structShot"
          ? bestTags(own, matrix, matrix[0]!)
          : own.map((values) => values.indexOf(Math.max(...values)));
      expect(tagged.slice(row * length, row * length + count)).toEqual(expected);
    }
  });

  test("a sharp StructShot on features alone is the baseline before it is trained", () => {
    const baseline = tokenBaseline({ slots, tags, of: "lexical", by: "structShot" });
    // The slots that the baseline compares all have weight 1.
    const learner = structShot({ slots, ids, tags, sharpness: 1000 });
    for (let index = 0; index < 10; index++) {
      const given = task(100 + index);
      const [a, b] = [baseline, learner].map((each) =>
        valuesIn(exp(each.predict(each.adapt(each.init(key(1)), given.support), given.query.x).scores)),
      ) as [number[], number[]];
      a.forEach((p, i) => {
        expect(b[i]).toBeCloseTo(p, 2);
      });
    }
  });

  test("states are asked for where there are none", () => {
    const baseline = tokenBaseline({ slots, tags, of: "states", by: "nearest" });
    const { states: _, ...x } = support.x;
    expect(() => baseline.adapt(baseline.init(key(1)), { ...support, x })).toThrow("IL303");
  });
});

describe("the prototypes of none", () => {
  test("are the means of clusters, the same for the same words", () => {
    const groups = [
      [0, 0],
      [9, 0],
      [0, 9],
    ];
    const rows = groups.flatMap(([a, b], i) =>
      Array.from({ length: 4 }, (_, j) => [a! + noise(1, i, j)[0]! / 4, b! + noise(1, i, j, 2)[0]! / 4]),
    );
    const given = flat(rows.flat(), [12, 2]);
    const all = flat(new Array<number>(12).fill(1), [12, 1]);
    const centres = valuesIn(clusters(given, all, 3));
    const expected = groups.map((_, i) =>
      [0, 1].map((axis) => [0, 1, 2, 3].reduce((s, j) => s + rows[4 * i + j]![axis]!, 0) / 4),
    );
    const found = [0, 1, 2].map((i) => centres.slice(2 * i, 2 * i + 2));
    for (const centre of expected) {
      const near = found.find(([a, b]) => Math.hypot(a! - centre[0]!, b! - centre[1]!) < 1e-6);
      expect(near, String(centre)).toBeDefined();
    }
    // Of the first group alone, whose words weigh something, no centre is of the others.
    const some = flat(
      Array.from({ length: 12 }, (_, i) => (i < 4 ? 1 : 0)),
      [12, 1],
    );
    for (const value of valuesIn(clusters(given, some, 3))) expect(Math.abs(value)).toBeLessThan(1);
  });
});

test.each([1, 0, 2.5])("%d tags are refused", (count) => {
  expect(() => structShot({ slots, ids, tags: count })).toThrow("IL102");
  expect(() => taggingModel({ encoder, tags: count })).toThrow("IL102");
});

test("a model that does not say what it makes of a word is refused", () => {
  const { outputShape: _, ...silent } = encoder;
  expect(() => taggingModel({ encoder: silent, tags })).toThrow("IL102");
});

test("the encoding of a word sees its neighbours, and nothing of padding or of other sentences", () => {
  const params = encoder.init(key(2));
  const { x } = sentences(3, 7);
  const before = valuesIn(encoder.apply(params, x));
  const changed = (word: number): number[] => {
    const states = valuesIn(x.states!);
    const at = word * width;
    const moved = states.map((value, i) => (i >= at && i < at + width ? -value + 0.3 : value));
    return valuesIn(encoder.apply(params, { ...x, states: tensor(moved, x.states!.shape) }));
  };
  // Sentences have 2, 3 and 4 words: those that see a word are itself and its neighbours.
  const seenBy = (word: number): number[] => {
    const after = changed(word);
    return Array.from({ length: 3 * length }, (_, i) => i).filter((i) =>
      [0, 1, 2, 3].some((k) => after[i * 4 + k] !== before[i * 4 + k]),
    );
  };
  expect(seenBy(0)).toEqual([0, 1]);
  expect(seenBy(5)).toEqual([4, 5, 6]);
  expect(seenBy(6)).toEqual([5, 6]);
  expect(seenBy(11)).toEqual([10, 11]);
  // Padding of the first sentence.
  expect(seenBy(2)).toEqual([]);
});
