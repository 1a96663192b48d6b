import { convMaps, key } from "@innerloop/core";
import { type NetworkName, networkNames } from "@innerloop/core/learners";
import { sourceOf } from "@innerloop/core/tasks";
import { leaves, paths, type Tensor, type Tree } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { buildExperiment, requireFitting } from "./build.js";
import { type ExperimentConfig, type Flags, requireUse, withFlags } from "./config/index.js";
import { splitData } from "./domains/classification/data-splits.js";
import type { ClassificationValues } from "./domains/classification/options.js";
import { domains, type ownDomains } from "./domains/registry.js";
import { configOf, loadedClasses, madeUpImages } from "./made-up.fixture.js";

const optionsOf = (chosen: Flags): ExperimentConfig =>
  configOf("classification", { data: "made-up", filters: 4, blocks: 2, ...chosen });
const splits = splitData(madeUpImages(40, 4), optionsOf({}).domain as unknown as ClassificationValues);
const build = (chosen: Flags) => buildExperiment(optionsOf(chosen), loadedClasses(splits));
const shapesOf = (params: Parameters<typeof paths>[0]): string[] =>
  paths(params).map((path, i) => `${path} ${leaves(params)[i]!.shape.join()}`);

describe("--train-ways", () => {
  it.each(["maml", "boil", "cavia", "snail", "joint"] as const)("is refused beyond the outputs of %s", (learner) => {
    expect(() => build({ learner, trainWays: 20 })).toThrow(
      `--train-ways 20 of ${learner}, whose model has an output for each of --ways 5 classes. Leave it out or raise --ways`,
    );
    expect(build({ learner, trainWays: 3 }).tasks.train.description).toMatchObject({ ways: 3 });
  });

  it("is for learners whose parameters do not depend on the classes, and not for regression", () => {
    expect(build({ learner: "prototypical", trainWays: 20 }).tasks.train.description).toMatchObject({ ways: 20 });
    const most = { from: 5, to: 20 };
    expect(build({ learner: "prototypical", trainWays: most }).tasks.train.description).toMatchObject({
      ways: "5 to 20",
    });
    expect(() => build({ learner: "maml", trainWays: most })).toThrow(/^--train-ways 5-20 of maml, /);
    const curves = configOf("curves", { trainWays: 20 });
    expect(curves.domain).not.toHaveProperty("trainWays");
    expect(() => requireUse(["trainWays"], curves)).toThrow(/^--train-ways means nothing with --data sinusoid\. /);
  });
});

describe("ranges of training tasks", () => {
  it("vary within one size of arrays, and evaluation keeps its own", () => {
    const { tasks, learner } = build({
      learner: "prototypical",
      trainWays: { from: 2, to: 6 },
      trainShots: { from: 1, to: 3 },
    });
    const drawn = Array.from({ length: 20 }, (_, i) => sourceOf(tasks.train).sample(0, i).support);
    expect(new Set(drawn.map(({ x }) => x.shape[0]))).toEqual(new Set([18]));
    expect(
      new Set(drawn.map(({ present }) => (present!.data as Float32Array).reduce((a, b) => a + b))).size,
    ).toBeGreaterThan(5);
    expect(sourceOf(tasks.test).sample(0, 0).support).toMatchObject({ x: { shape: [5, 8, 8, 1] } });
    expect(learner.name).toBe("prototypical network");
  });

  it("are refused where tasks are all of a size", () => {
    expect(() => build({ learner: "semi-supervised", trainShots: { from: 1, to: 2 } })).toThrow(
      /^--train-shots 1-2 for a learner of episodes with unlabelled examples\. Give one number/,
    );
  });

  it("SNAIL reaches over the most rows that a task has", () => {
    const description = (trainShots: ClassificationValues["trainShots"]) =>
      build({ learner: "snail", trainShots, queries: 1 }).learner.description;
    expect(description({ from: 1, to: 3 })).toEqual(description(3));
  });
});

describe("an existing run's learner", () => {
  it.each(["snail", "maml", "prototypical"] as const)("%s has its parameters whatever the tasks' sizes", (learner) => {
    const own = optionsOf({ learner });
    const trained = shapesOf(build({ learner }).learner.init(key(0)));
    for (const other of [{ shots: 3 }, { ways: 3 }, { shots: 2, ways: 4 }]) {
      const config = withFlags(own, { ...other, queries: 1 });
      const experiment = buildExperiment(config, loadedClasses(splits), own);
      expect(shapesOf(experiment.learner.init(key(0)))).toEqual(trained);
      expect(experiment.tasks.test.description).toMatchObject(other);
    }
  });

  it("SNAIL on curves reaches over the shots that it was trained with", () => {
    const own = configOf("curves", { model: "mlp", batchNorm: "none", learner: "snail", trainShots: 4 });
    const experiment = buildExperiment(withFlags(own, { shots: 20 }), { data: undefined }, own);
    expect(experiment.learner.description.length).toBe(4);
    expect(experiment.tasks.test.description).toMatchObject({ shots: 20 });
  });
});

describe("baselines", () => {
  const named = (chosen: Flags, name: string) => build(chosen).baselines.find(({ adapter }) => adapter.name === name);

  it("from scratch have an output for each class of an evaluated task, and normalise", () => {
    for (const name of ["from scratch, batch norm support", "from scratch, Adam 0.01, batch norm support"]) {
      const { adapter } = named({ learner: "prototypical", trainWays: 20, batchNorm: "running" }, name)!;
      expect(
        leaves(adapter.init(key(0)))
          .at(-1)!
          .shape.at(-1),
      ).toBe(5);
      expect(adapter.description.batchNorm).toBe("support");
    }
    expect(named({ learner: "maml" }, "from scratch")!.adapter.description.batchNorm).toBe("transductive");
  });

  it("of joint pre-training fine-tune what was trained, whole and its head alone", () => {
    const { baselines, learner, tasks } = build({ learner: "joint" });
    const params = learner.init(key(1));
    const { support } = sourceOf(tasks.test).sample(0, 0);
    const moved = baselines
      .filter(({ adapter }) => adapter.name.startsWith("joint pre-training"))
      .map(({ adapter, fromTrained, steps }) => {
        const adapted = adapter.adapt(fromTrained!(params)!, support, { steps: 1 }) as { readonly params: Tree };
        const before = leaves(params);
        const changed = paths(params).filter((_, i) => leaves(adapted.params)[i] !== before[i]);
        return [adapter.name, steps.at(-1), changed.length < before.length ? changed : "all"];
      });
    expect(moved).toEqual([
      ["joint pre-training, head only", 10, ["4/weight", "4/bias"]],
      ["joint pre-training, Adam 0.01", 50, "all"],
      ["joint pre-training, head only, Adam 0.01", 50, ["4/weight", "4/bias"]],
    ]);
    expect(named({ learner: "maml" }, "joint pre-training, head only")).toBeUndefined();
    expect(named({ learner: "joint", model: "linear" }, "joint pre-training, head only")).toBeDefined();
  });

  it("look for neighbours in the embedding that the learner has trained, where there is one", () => {
    const name = "nearest neighbour (embedding)";
    const params = build({ learner: "relation" }).learner.init(key(1));
    const found = named({ learner: "relation" }, name)!;
    const trained = found.fromTrained!(params)!;
    for (const leaf of leaves(trained)) expect(leaves(params)).toContain(leaf);
    // The maps of relation networks pool two blocks; a convolutional embedding has strides.
    const maps = convMaps({ imageShape: [8, 8, 1], filters: 4, blocks: 2, batchNorm: "transductive" });
    const { support } = sourceOf(build({ learner: "relation" }).tasks.test).sample(0, 0);
    const features = found.adapter.adapt(trained, support, { steps: 0 }) as { readonly x: Tensor };
    expect(features.x.shape).toEqual([5, (maps.outputShape ?? []).reduce((a, b) => a * b, 1)]);
    expect(named({ learner: "cavia" }, name)).toBeUndefined();
    expect(named({ learner: "cavia" }, "nearest neighbour")).toBeDefined();
    expect(named({ learner: "prototypical" }, name)).toBeDefined();
  });
});

describe("--model", () => {
  it("is one of the networks of the domain, and refused before anything is built", () => {
    for (const domain of domains()) {
      const config = (model: NetworkName) => configOf(domain.name as keyof typeof ownDomains, { model });
      for (const name of networkNames) {
        if (domain.networks.includes(name)) continue;
        const others = domain.networks.map((other) => `--model ${other}`).join(" or ");
        expect(() => requireFitting(config(name))).toThrow(
          `--model ${name} of ${domain.title}, whose inputs it is not for. Use ${others}`,
        );
      }
    }
    expect(() => requireFitting(configOf("curves", { model: "conv" }))).toThrow(
      /^--model conv of .* Use --model mlp or --model linear$/,
    );
  });
});
