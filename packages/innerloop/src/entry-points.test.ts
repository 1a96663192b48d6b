/** Public names are few, and mean one thing: what an entry point gives is the same wherever else it is given. */
import { readFileSync } from "node:fs";
import * as core from "@innerloop/core";
import { defaultExecutor } from "@innerloop/core";
import * as compiler from "@innerloop/graph";
import * as root from "innerloop";
import * as detection from "innerloop/detection";
import * as experiments from "innerloop/experiments";
import * as exported from "innerloop/exported";
import * as graph from "innerloop/graph";
import * as layers from "innerloop/layers";
import * as learners from "innerloop/learners";
import * as node from "innerloop/node";
import * as reinforcement from "innerloop/reinforcement";
import * as tasks from "innerloop/tasks";
import * as training from "innerloop/training";
import { expect, test } from "vitest";
import * as page from "./browser.js";
import * as pageTraining from "./training.js";

const entryPoints: Readonly<Record<string, object>> = {
  root,
  detection,
  layers,
  learners,
  reinforcement,
  tasks,
  training,
  exported,
  experiments,
  graph,
  node,
};
type Entry = readonly [entry: string, name: string, value: unknown];
const names: readonly Entry[] = Object.entries(entryPoints).flatMap(([entry, module]) =>
  Object.entries(module).map(([name, value]): Entry => [entry, name, value]),
);

/** A layer, and the operation that it applies: chosen by the entry point that they are imported from. */
const layersAndOperations = "batchNorm, conv1d, conv2d, gelu, layerNorm, leakyRelu, relu, sigmoid, silu, tanh".split(
  ", ",
);

test("a name means one thing, but for layers that are called as the operation that they apply", () => {
  const meanings = new Map<string, Map<unknown, string[]>>();
  for (const [entry, name, value] of names) {
    const values = meanings.get(name) ?? new Map<unknown, string[]>();
    values.set(value, [...(values.get(value) ?? []), entry]);
    meanings.set(name, values);
  }
  // Those of the root load what those of innerloop/node are, when they are first called.
  const forwarding = ["load", "loadRun"];
  const several = [...meanings].filter(([name, values]) => values.size > 1 && !forwarding.includes(name));
  expect(several.map(([name]) => name).sort()).toEqual(layersAndOperations);
  for (const [name, values] of several) expect([...values.values()], name).toEqual([["layers"], ["graph"]]);
});

test("the root holds what trains, evaluates and adapts, and of the compiler only values", () => {
  expect(Object.keys(root).length).toBeLessThan(130);
  const ofCompiler = Object.keys(root).filter((name) => name in compiler);
  expect(ofCompiler.sort()).toEqual(["Tensor", "tensor", "toNumbers"]);
});

test("package innerloop gives what the packages that it brings give, in Node and in a page", () => {
  expect(Object.keys(root)).toEqual(expect.arrayContaining(Object.keys(core)));
  expect(Object.keys(page)).toEqual(expect.arrayContaining(Object.keys(core)));
  expect(Object.keys(pageTraining)).toEqual(Object.keys(training));
  expect(Object.keys(graph)).toEqual(Object.keys(compiler));
});

test("each entry point of core is one of innerloop as well", () => {
  const entriesOf = (folder: string): string[] => {
    const text = readFileSync(new URL(`../../${folder}/package.json`, import.meta.url), "utf8");
    const { exports, typesVersions } = JSON.parse(text) as {
      exports: Record<string, unknown>;
      typesVersions: { "*": Record<string, unknown> };
    };
    const entries = Object.keys(exports).filter((entry) => !entry.endsWith(".json"));
    // TypeScript before node16 knows entry points by these.
    const below = entries.filter((entry) => entry !== ".").map((entry) => entry.slice(2));
    expect(Object.keys(typesVersions["*"]).sort(), folder).toEqual(below.sort());
    return entries;
  };
  expect(entriesOf("innerloop")).toEqual(expect.arrayContaining(entriesOf("core")));
  expect(entriesOf("innerloop").map((entry) => entry.replace(/^\.\/?/, "") || "root")).toEqual(
    expect.arrayContaining(Object.keys(entryPoints)),
  );
});

test("in Node an executor is at hand, and is made when it is first asked for", async () => {
  const executor = await defaultExecutor();
  expect(executor.parallelism).toBeGreaterThan(0);
  await executor.close();
});
