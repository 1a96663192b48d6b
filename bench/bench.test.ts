import { existsSync, readFileSync } from "node:fs";
import { key } from "@innerloop/core";
import { meanMetaGradient } from "@innerloop/core/learners";
import { sampleTasks } from "@innerloop/core/training";
import { estimateModel, lower, loweringProfiles, simplifyGraph, type Tree, trace } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { productsOf } from "./floor.js";
import { figure, goals } from "./goals.js";
import { colors, scalingPlot, speedPlot } from "./plot.js";
import { learnerOf, type Problem, tasksOf } from "./problem.js";
import { report } from "./report.js";
import { type PeerResult, type Results, type Row, readResults, withRows } from "./results.js";
import { takeTurns } from "./rounds.js";
import { fitLine, median, ratioSpread, spread } from "./statistics.js";
import { workloads } from "./workloads.js";

const at = (path: string): URL => new URL(path, import.meta.url);

describe("docs/benchmarks.md and its plots", () => {
  test("are those of docs/benchmarks.json: npm run bench -- --report-only makes them anew", () => {
    const results = readResults(at("../docs/benchmarks.json"));
    expect(readFileSync(at("../docs/benchmarks.md"), "utf8")).toBe(report(results));
    expect(readFileSync(at("../docs/benchmarks-speed.svg"), "utf8")).toBe(speedPlot(results));
    expect(readFileSync(at("../docs/benchmarks-scaling.svg"), "utf8")).toBe(scalingPlot(results.sweeps!));
    for (const [, target] of report(results).matchAll(/\]\(([^)]+)\)/g)) {
      expect(existsSync(at(`../docs/${target}`)), target).toBe(true);
    }
  });
});

test("colours of plots read on white and on the black of dark pages", () => {
  const luminance = (hex: string): number => {
    const [red, green, blue] = [1, 3, 5].map((start) => {
      const value = Number.parseInt(hex.slice(start, start + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (a: string, b: string): number => {
    const [dark, bright] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (bright + 0.05) / (dark + 0.05);
  };
  for (const page of ["#ffffff", "#0d1117"]) {
    for (const [name, color] of Object.entries(colors)) {
      // The grid is faint on purpose.
      if (name !== "grid") expect(contrast(color, page), `${name} on ${page}`).toBeGreaterThan(name === "text" ? 4 : 3);
    }
  }
});

const peer = (name: string, ratio: number, peakBytes = 1000): PeerResult => ({
  key: name,
  name,
  threads: 2,
  milliseconds: spread([10 * ratio]),
  ratio: spread([ratio]),
  agreement: { median: 1e-6, largest: 1e-5, tasks: 5 },
  firstMilliseconds: 20,
  peakBytes,
  versions: {},
});

const row = (name: string, overFloor: number, peers: readonly PeerResult[]): Row => ({
  key: name,
  name,
  chunkSize: 4,
  gflop: 10,
  productGflop: 9,
  peak: spread([100]),
  ours: spread([10]),
  overFloor: spread([overFloor]),
  overProducts: spread([overFloor]),
  peers,
  ...(name.startsWith("mini") ? { memory: { peakBytes: 600, chunkSize: 1 } } : {}),
});

const results = (rows: readonly Row[]): Results => ({
  date: "2030-01-02T03:04:05Z",
  machine: { processor: "a processor", cores: 2, memoryGiB: 8, system: "a system", load: 0 },
  versions: {},
  engine: "onnxruntime",
  command: "npm run bench",
  rounds: 3,
  rows,
  absent: [{ peer: "a peer", where: "a | row", reason: "no\nreason" }],
});

describe("goals", () => {
  test("are judged by the fastest peer, whatever its name, and by what is measured", () => {
    const rows = [row("omniglot-1", 1.25, [peer("torch-loop", 4.5), peer("jax-patches", 1.4)])];
    expect(goals(results(rows)).map(({ found, met }) => [found, met])).toEqual([
      ["1.25", true],
      ["4.50 (torch-loop)", false],
      ["1.40 (jax-patches)", false],
    ]);
    expect(goals(results([row("omniglot-1", 1.3, [])])).map(({ met }) => met)).toEqual([false, undefined, undefined]);
  });

  test("of policies it is PyTorch by the same mathematics that counts", () => {
    const policies = {
      name: "navigation",
      ours: spread([1000]),
      quarter: spread([800]),
      peer: { ...peer("torch-policies", 2.5), ratioToQuarter: spread([3.125]) },
    };
    const found = { ...results([]), policies };
    expect(goals(found).map(({ met }) => met)).toEqual([true]);
    expect(report(found)).toContain(
      "| innerloop, products on a quarter of the episodes | 800 (800 to 800) | 3.13 (3.13 to 3.13) |",
    );
    const { peer: _, ...alone } = policies;
    expect(goals({ ...found, policies: alone }).map(({ met }) => met)).toEqual([undefined]);
    expect(report({ ...found, policies: alone })).toContain("| innerloop | 1000 (1000 to 1000) |");
  });

  test("memory is compared with the fastest peer's", () => {
    const peers = [peer("torch-loop", 3, 1000), peer("jax-patches", 2.5, 4000)];
    const [, , memory] = goals(results([row("mini-imagenet-5", 1.2, peers)]));
    expect(memory).toMatchObject({ found: "0.15", met: true });
  });

  test("rows that are measured anew take their places and say so; those of another machine or version are refused", () => {
    const [one, two] = [row("omniglot-1", 1.3, []), row("omniglot-5", 1.1, [])];
    const published = { ...results([one, two]), versions: { jax: "1", torch: "2" } };
    const machine = { ...published.machine, load: 0.25 };
    const found = { ...results([row("omniglot-1", 1.2, [])]), machine, versions: { jax: "1" }, rounds: 5 };
    const merged = withRows(published, found);
    expect(merged.rows).toEqual([
      { ...found.rows[0], anew: { date: found.date, command: found.command, rounds: 5, load: 0.25 } },
      two,
    ]);
    expect(merged.machine.load).toBe(0);
    expect(report(merged).match(/Measured after all others.*/g)).toEqual([
      "Measured after all others, on 2030-01-02 by `npm run bench`, 5 rounds, at a load of 0.25 before the start.",
    ]);
    expect(() => withRows(published, { ...found, versions: { jax: "3" } })).toThrow("is of jax 1: measure");
    expect(() => withRows(published, { ...found, machine: { ...machine, cores: 4 } })).toThrow("another machine");
    expect(() => withRows(published, { ...found, engine: "native" })).toThrow("another machine or engine");
  });

  test("a figure is never rounded over its goal", () => {
    expect(figure(1.9999, 2, "least")).toBe("1.99990");
    expect(figure(2.0001, 2, "least")).toBe("2.00");
    expect(figure(1.2501, 1.25, "most")).toBe("1.25010");
    expect(figure(1.2, 1.25, "most")).toBe("1.20");
  });

  test("the report says of each whether it is met, and who did not run", () => {
    const text = report(results([row("omniglot-1", 1.25, [peer("torch-loop", 4.5), peer("jax-patches", 1.4)])]));
    expect(text).toContain("## Goals: 1 of 3 met");
    expect(text).toContain("| omniglot-1 | 3 times faster than the best peer | 1.40 (jax-patches) | **not met** |");
    expect(text).toContain("| a peer | a \\| row | no reason |");
    expect(text).not.toContain("busy");
    const loaded = results([]);
    expect(report({ ...loaded, machine: { ...loaded.machine, load: 1.5 } })).toContain(
      "busy with other work (load 1.50",
    );
  });
});

describe("statistics", () => {
  test("median, ratios within rounds, and lines", () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 100])).toBe(3.5);
    // The machine was twice as slow in the second round, for both.
    expect(ratioSpread([10, 20, 12], [5, 10, 6])).toEqual({ median: 2, low: 2, high: 2 });
    const exact = fitLine([
      [1, 5],
      [2, 7],
      [4, 11],
    ]);
    expect(exact.slope).toBeCloseTo(2, 12);
    expect(exact.intercept).toBeCloseTo(3, 12);
    expect(exact.r2).toBeCloseTo(1, 12);
    const parabola = fitLine([-2, -1, 0, 1, 2].map((x) => [x, x * x]));
    expect(parabola.r2).toBeCloseTo(0, 12);
  });

  test("contenders take turns, each begins a round once, and as many steps as count go before those that do", async () => {
    const order: string[] = [];
    const contender = (name: string, ms: number) => ({
      key: name,
      expectedMs: ms,
      run: async (repeats: number) => {
        order.push(`${name} ${repeats}`);
        return order.filter((turn) => turn.startsWith(name)).length % 2 === 1 ? [100] : [3, 1, 2];
      },
    });
    const times = await takeTurns([contender("a", 10), contender("b", 1e6)], { rounds: 2, budgetMs: 100 });
    expect(order).toEqual(["a 10", "a 10", "b 1", "b 1", "b 1", "b 1", "a 10", "a 10"]);
    expect(times).toEqual({ a: [2, 2], b: [2, 2] });
  });

  test("one that fails is out, where that is expected of it", async () => {
    const fine = { key: "fine", expectedMs: 1, run: async () => [1] };
    const failing = {
      key: "failing",
      expectedMs: 1,
      run: async () => {
        throw new Error("gone");
      },
    };
    const failures: string[] = [];
    const out = { ...failing, onFailure: ({ message }: Error) => failures.push(message) };
    expect(await takeTurns([out, fine], { rounds: 2, budgetMs: 1 })).toEqual({ fine: [1, 1] });
    expect(failures).toEqual(["gone"]);
    await expect(takeTurns([failing, fine], { rounds: 2, budgetMs: 1 })).rejects.toThrow("gone");
  });
});

test("the bare products are all products of the meta-gradient, and nothing else", () => {
  const problem: Problem = {
    ...workloads.find(({ key: name }) => name === "omniglot-1")!.problem,
    filters: 3,
    tasks: 2,
  };
  const learner = learnerOf(problem);
  const tasks = sampleTasks(tasksOf(problem), 1, 0, 2);
  const program = (params: Tree): Tree => meanMetaGradient(learner, params, tasks).gradient;
  const lowered = lower(simplifyGraph(trace(program, [learner.init(key(0))]).graph), loweringProfiles.cpu);
  const { matmulOperations } = estimateModel(lowered);
  const { model } = productsOf(lowered);
  expect(matmulOperations).toBeGreaterThan(1e6);
  expect(estimateModel(model).matmulOperations).toBe(matmulOperations);
  expect(new Set(model.nodes.map(({ operator }) => operator))).toEqual(
    new Set(["FusedMatMul", "MatMul", "Shape", "Concat"]),
  );
});
