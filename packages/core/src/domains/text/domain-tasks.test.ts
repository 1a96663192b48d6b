import { describe, expect, it, test } from "vitest";
import { poolInterval, taskDraws } from "../../evaluation/pool-interval.js";
import type { Examples, TaskSource } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { labelledExamples } from "../classification/labelled-examples.js";
import { type DomainTaskOptions, domainTasks, type ExampleDomain } from "./domain-tasks.js";
import { wordDropout } from "./word-dropout.js";

/** A domain whose class c has so many examples: 10000 d + 1000 c + e + 1, in an order of classes of its own. */
function domain(d: number, counts: Readonly<Record<string, number>>): ExampleDomain {
  const labels = ["negative", "neutral", "positive"];
  const classes = Object.entries(counts).map(([name, count]) => ({
    name,
    examples: Array.from({ length: count }, (_, e) => [10_000 * d + 1000 * labels.indexOf(name) + e + 1]),
  }));
  return {
    name: `domain ${d}`,
    data: labelledExamples({ name: `${d}`, exampleShape: [1], ids: { count: 90_000 }, classes }),
  };
}
const domains = [
  domain(0, { negative: 12, positive: 12 }),
  // In another order: labels go by name.
  domain(1, { positive: 14, negative: 10 }),
  domain(2, { negative: 30, positive: 11 }),
];
const three = [0, 1, 2].map((d) => domain(d, { neutral: 9, negative: 9, positive: 9 }));
const rowsOf = ({ x, y, present }: Examples) =>
  Array.from(x.data as Int32Array, (id, row) => ({
    id,
    domain: Math.floor(id / 10_000),
    of: Math.floor((id % 10_000) / 1000),
    label: Number(y.data![row]),
    there: (present ? Number(present.data![row]) : 1) > 0,
  }));
const thereOf = (examples: Examples) => rowsOf(examples).filter(({ there }) => there);
const make = (options: Partial<DomainTaskOptions> = {}, of = domains) =>
  domainTasks(of, { shots: 3, queries: 5, ...options });

describe("domainTasks", () => {
  it("has of one domain all classes, each with its own label in every task, and no example in both sets", () => {
    const source = make();
    const drawn = new Map<number, number>();
    for (let index = 0; index < 300; index++) {
      const { support, query } = source.sample(4, index);
      const [known, asked] = [rowsOf(support), rowsOf(query)];
      expect(known.map(({ label }) => label)).toEqual([0, 0, 0, 1, 1, 1]);
      expect(asked.map(({ label }) => label)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
      const all = [...known, ...asked];
      for (const { of, label } of all) expect(of).toBe(label === 0 ? 0 : 2);
      const [first, ...mixed] = new Set(all.map((row) => row.domain));
      expect(mixed).toEqual([]);
      expect(source.pool!.drawn(4, index)).toEqual([first]);
      expect(new Set(all.map(({ id }) => id)).size).toBe(16);
      drawn.set(first!, (drawn.get(first!) ?? 0) + 1);
    }
    // 100 of each, deviation 8.2.
    for (const d of [0, 1, 2]) expect(Math.abs(drawn.get(d)! - 100)).toBeLessThan(5 * 8.2);
    expect(source.spec.y.classes).toEqual({ count: 2, names: ["negative", "positive"] });
    expect(source.pool).toMatchObject({ of: "domains", count: 3, examples: 89 });
  });

  it("is a function of the address", () => {
    const source = make({ shots: { from: 0, to: 4 }, queries: { from: 1, to: 5 } });
    const bits = (from: TaskSource, index: number): string =>
      [from.sample(7, index).support, from.sample(7, index).query].map((set) => JSON.stringify(rowsOf(set))).join();
    const before = bits(source, 3);
    bits(source, 4);
    expect(bits(source, 3)).toBe(before);
    expect(bits(source, 4)).not.toBe(before);
    expect(bits(make({ shots: { from: 0, to: 4 }, queries: { from: 1, to: 5 } }), 3)).toBe(before);
  });

  it("of no shots has support sets that are padding, a row for each class, and the same look in all tasks", () => {
    const source = make({ shots: 0 });
    expect([source.spec.support, source.spec.query]).toEqual([
      { rows: 2, present: true, mayBeEmpty: true },
      { rows: 10 },
    ]);
    for (let index = 0; index < 5; index++) {
      const { support, query } = source.sample(1, index);
      expect(Array.from(support.present!.data!, Number)).toEqual([0, 0]);
      expect([Array.from(support.x.data!, Number), Array.from(support.y.data!, Number)]).toEqual([
        [0, 0],
        [0, 0],
      ]);
      expect(query.present).toBeUndefined();
      expect(new Set(rowsOf(query).map(({ id }) => id)).size).toBe(10);
    }
    expect(sampleTasks(source, 1, 0, 2).support.x.shape).toEqual([2, 2, 1]);
    // Sets that may not be empty are refused where they are.
    const { mayBeEmpty: _, ...full } = source.spec.support;
    const refused = { ...source, spec: { ...source.spec, support: full } };
    expect(() => sampleTasks(refused, 1, 0, 2)).toThrow(/^ILR105 tasks: .*support\.x holds no examples/);
    expect(source.description).toMatchObject({ shots: 0, queries: 5, ways: 2 });
  });

  it("of a range of shots has all of its numbers, the same of both classes, padded to the most", () => {
    const source = make({ shots: { from: 0, to: 4 } });
    expect(source.spec.support).toEqual({ rows: 8, present: true, mayBeEmpty: true });
    expect(make({ shots: { from: 1, to: 4 } }).spec.support).toEqual({ rows: 8, present: true });
    const seen = new Map<number, number>();
    for (let index = 0; index < 400; index++) {
      const { support, query } = source.sample(2, index);
      const [known, asked] = [thereOf(support), thereOf(query)];
      const of = (label: number): number => known.filter((row) => row.label === label).length;
      expect(of(1)).toBe(of(0));
      expect(asked).toHaveLength(10);
      // Rows that are there come first.
      expect(rowsOf(support).slice(0, known.length)).toEqual(known);
      expect(new Set([...known, ...asked].map(({ id }) => id)).size).toBe(known.length + 10);
      seen.set(of(0), (seen.get(of(0)) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual([0, 1, 2, 3, 4]);
    // 80 of each, deviation 8.
    for (const n of seen.values()) expect(Math.abs(n - 80)).toBeLessThan(5 * 8);
  });

  it("takes of a class what there is where shots or queries are a range, and no more than it is asked", () => {
    const small = [domain(0, { negative: 4, positive: 40 })];
    const source = make({ shots: { from: 0, to: 16 }, queries: { from: 20, to: 20 } }, small);
    let none = 0;
    for (let index = 0; index < 200; index++) {
      const { support, query } = source.sample(3, index);
      const of = (set: Examples, label: number): number => thereOf(set).filter((row) => row.label === label).length;
      const shots = of(support, 1);
      expect([of(support, 0), of(query, 0), of(query, 1)]).toEqual(
        shots === 0 ? [0, 4, 20] : [Math.min(shots, 2), 4 - Math.min(shots, 2), 20],
      );
      if (shots === 0) none++;
    }
    expect(none).toBeGreaterThan(0);
    expect(source.description.shots).toBe("0 to 16, fewer of small classes");
  });

  it("numbers the classes of a domain anew where labels are shuffled", () => {
    const source = domainTasks(three, { labels: "shuffled", ways: 2, shots: 2, queries: 3 });
    expect(source.spec.y.classes).toEqual({ count: 2 });
    const orders = new Map<string, number>();
    for (let index = 0; index < 600; index++) {
      const { support, query } = source.sample(1, index);
      const all = [...rowsOf(support), ...rowsOf(query)];
      const classOf = new Map(rowsOf(support).map(({ label, of }) => [label, of]));
      expect(classOf.size).toBe(2);
      for (const { label, of } of all) expect(of).toBe(classOf.get(label));
      expect(new Set(all.map((row) => row.domain)).size).toBe(1);
      const order = `${classOf.get(0)} ${classOf.get(1)}`;
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    // All six ordered pairs of three classes, 100 of each, deviation 9.1.
    expect(orders.size).toBe(6);
    for (const n of orders.values()) expect(Math.abs(n - 100)).toBeLessThan(5 * 9.1);
  });

  it("takes the classes that are named, in their order, and leaves out the others", () => {
    const source = domainTasks(three, { classes: ["positive", "negative"], shots: 2, queries: 3 });
    expect(source.spec.y.classes?.names).toEqual(["positive", "negative"]);
    for (const { label, of } of rowsOf(source.sample(1, 0).query)) expect(of).toBe(label === 0 ? 2 : 0);
    expect(source.pool!.examples).toBe(54);
  });

  it("leaves out domains that are too small where it is told to, and says how many", () => {
    const more = [...domains, domain(3, { negative: 7, positive: 60 }), domain(4, { positive: 60 })];
    const source = make({ skipSmallDomains: true }, more);
    expect(source.name).toBe("3 domains 2-way 3-shot");
    expect(source.description).toEqual({
      data: "domain 0, domain 1, domain 2",
      domains: 3,
      labels: "fixed",
      ways: 2,
      shots: 3,
      queries: 5,
      skippedDomains: 2,
    });
    expect(() => make({}, more)).toThrow(
      /^ILT401 domainTasks: domain domain 3 has 7 examples of class "negative"; 3 shots and 5 queries take 8\. Lower/,
    );
    expect(() => make({ skipSmallDomains: true, queries: 50 })).toThrow(
      /^ILT402 .*all 3 domains are too small: domain/,
    );
    expect(make({}, [domains[0]!]).name).toBe("domain 0 2-way 3-shot");
  });

  it("changes examples by augmentation, and which they are by nothing", () => {
    const [plain, source] = [make(), make({ augment: wordDropout(0.9) })];
    expect(source.description.augmentation).toBe("word dropout 0.9");
    // One id an example, which word dropout leaves: the same tasks.
    expect(rowsOf(source.sample(1, 0).query)).toEqual(rowsOf(plain.sample(1, 0).query));
  });

  it("refuses what makes no tasks", () => {
    const refused = (options: object, of: unknown = domains) =>
      expect(() => domainTasks(of as ExampleDomain[], { shots: 3, queries: 5, ...options }));
    refused({ shots: -1 }).toThrow(/^ILT201 domainTasks: shots is -1.*at least 0/);
    refused({ shots: { from: -1, to: 3 } }).toThrow(/^ILT201 domainTasks: shots\.from is -1/);
    refused({ queries: 0 }).toThrow(/^ILT201 domainTasks: queries is 0/);
    refused({ queries: undefined }).toThrow(/^ILT201 domainTasks: queries is undefined/);
    refused({ ways: 2 }).toThrow(/^ILT201 domainTasks: ways 2 beside fixed labels/);
    refused({ labels: "shuffled" }).toThrow(/^ILT201 domainTasks: ways is NaN/);
    refused({ labels: "shuffled", ways: 2, classes: ["a", "b"] }).toThrow(/^ILT201 .*classes beside shuffled/);
    refused({ labels: "shuffled", ways: 3 }).toThrow(/^ILT401 .*3 ways of domain domain 0, in which 2 classes have/);
    refused({ labels: "free" }).toThrow(/^ILT201 .*labels is "free"/);
    refused({ classes: ["positive"] }).toThrow(/^ILT201 .*1 classes/);
    refused({ classes: ["positive", "positive"] }).toThrow(/^ILT303 .*two classes are named "positive"/);
    refused({}, [domains[0], three[1]]).toThrow(
      /^ILT304 .*class "neutral" of domain 1 is none of .*negative, positive/,
    );
    refused({}, [domains[0], domains[0]]).toThrow(/^ILT303 .*two domains are named "domain 0"/);
    refused({}, []).toThrow(/^ILT402 .*there are no domains/);
    refused({}, "all").toThrow(/^ILT201 .*the domains are "all"/);
    const { ids: _, ...numbers } = domains[1]!.data;
    const asNumbers = numbers.classes.map((entry) => ({ ...entry, examples: Float32Array.from(entry.examples) }));
    refused({}, [domains[0], { name: "other", data: { ...numbers, classes: asNumbers } }]).toThrow(
      /^ILT301 .*examples of other are \[1\], those of domain 0 \[1\] of 90000 ids/,
    );
  });
});

test("intervals count the domains behind the tasks", () => {
  const source = make();
  const draws = taskDraws(source.pool, 5, 60)!;
  expect(draws).toMatchObject({ of: "domains", count: 3, examples: 89 });
  const drawn = draws.tasks.map(([place]) => place!);
  expect(drawn).toEqual(drawn.map((_, index) => rowsOf(source.sample(5, index).query)[0]!.domain));
  // Tasks of a domain are alike, and domains are 0.3 apart: 60 tasks say little of other domains.
  const values = drawn.map((place, index) => 0.3 * place + 0.01 * Math.sin(index));
  expect(poolInterval(values, draws)).toBeGreaterThan(0.5);
  expect(poolInterval(values, { ...draws, count: 1 })).toBe(Number.POSITIVE_INFINITY);
});
