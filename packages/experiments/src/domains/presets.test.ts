import { key } from "@innerloop/core";
import { leaves } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { buildExperiment } from "../build.js";
import { checkFlags, flagsIn, parsePartial, resolvePreset, toFlags } from "../config/index.js";
import { loadedClasses, madeUpImages } from "../made-up.fixture.js";
import { splitData } from "./classification/data-splits.js";
import type { ClassificationValues } from "./classification/options.js";
import { allPresets, domains, registerDomain, takenOptions } from "./registry.js";

const flags = (...given: Parameters<typeof resolvePreset>) => toFlags(resolvePreset(...given));

describe("presets", () => {
  it.each(allPresets().map((each) => [each.name, each] as const))("%s holds valid options only", (name, found) => {
    const { domain, preset } = found;
    const { config, learners = {}, networks = {} } = preset;
    for (const part of [config, ...Object.values(learners), ...Object.values(networks)]) {
      expect(parsePartial(part as Readonly<Record<string, unknown>>, name, domain)).toEqual(part);
      const given = flagsIn(part);
      expect(checkFlags(given, name)).toEqual(given);
    }
    for (const learner of Object.keys(learners)) expect(flags(name, { learner }).learner).toBe(learner);
    for (const model of Object.keys(networks)) {
      expect(domain.networks).toContain(model);
      expect(flags(name, { model })).toMatchObject(flagsIn(networks[model]!));
    }
    expect(domain.networks).toContain(flags(name).model);
  });

  it("a choice stands over a learner's own options, and these over the preset's", () => {
    expect(flags("omniglot-5way-1shot").innerRate).toBe(0.4);
    expect(flags("omniglot-5way-1shot", { learner: "reptile" })).toMatchObject({
      innerRate: 0.001,
      innerOptimizer: "adam",
      outerRate: 1,
      trainShots: 10,
    });
    expect(flags("omniglot-5way-1shot", { learner: "reptile", innerRate: 0.5 }).innerRate).toBe(0.5);
    expect(flags("omniglot-20way-1shot")).toMatchObject({ innerRate: 0.1, steps: 5, metaBatch: 16 });
  });
});

describe("--init", () => {
  it.each([
    ["glorot", Math.sqrt(2 / (784 + 256))],
    ["he", Math.sqrt(2 / 784)],
    ["small", 0.01 * 0.8796],
  ] as const)("%s has its deviation", (init, deviation) => {
    const config = resolvePreset("mnist", { init });
    const data = madeUpImages(10, 200, [28, 28, 1]);
    const splits = splitData(data, config.domain as unknown as ClassificationValues);
    const { learner } = buildExperiment(config, loadedClasses(splits));
    const first = leaves(learner.init(key(0))).find(({ shape }) => shape.join() === "784,256")!;
    const values = Array.from(first.data as Float32Array);
    expect(Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)).toBeCloseTo(deviation, 3);
  });

  it("is Glorot's for MNIST, as before it had a name", () => {
    expect(flags("mnist").init).toBe("glorot");
    expect(flags("sinusoid").init).toBe("small");
    expect(flags("hanzi", { model: "mlp" }).init).toBe("small");
  });
});

describe("the registry", () => {
  it("takes a domain once, and none under a name that is taken", () => {
    const [first] = domains();
    const before = domains().length;
    expect(() => registerDomain(first!)).not.toThrow();
    expect(() => registerDomain({ ...first!, name: "mine" })).toThrow(/^there is a domain or preset sinusoid already/);
    expect(() => registerDomain({ ...first!, name: "hanzi", presets: {} })).toThrow(
      /^there is a domain or preset hanzi/,
    );
    expect(() => registerDomain({ ...first!, presets: {} })).toThrow(/^there is a domain or preset curves already/);
    expect(domains()).toHaveLength(before);
  });

  it.each(["seed", "steps", "batchNorm", "innerRate", "learner", "model", "name"])(
    "takes no domain with an option %s, which other parts of an experiment have",
    (taken) => {
      const options = { [taken]: { kind: "integer", default: 3, least: 0, most: 9, help: "of its own" } } as const;
      expect(() => registerDomain({ ...domains()[0]!, name: "taking", presets: {}, options })).toThrow(
        `the domain "taking" has an option "${taken}"`,
      );
    },
  );

  it("holds no domain whose options other parts have too", () => {
    for (const each of domains()) expect(takenOptions(each), each.name).toEqual([]);
  });
});
