import { type LearnerName, learnerNames, random } from "@innerloop/core";
import { networkNames, type OptionSpec } from "@innerloop/core/learners";
import { describe, expect, it } from "vitest";
import { allPresets, domainNamed, findPreset } from "../domains/registry.js";
import { UsageError } from "../options/usage-error.js";
import {
  choicesOf,
  type ExperimentConfig,
  type Flags,
  flagsIn,
  flagTable,
  isOfUse,
  parseConfig,
  parsePartial,
  parseSettings,
  parts,
  requireUse,
  resolve,
  resolvePreset,
  toFlags,
  uselessness,
  withFlags,
} from "./index.js";

const asJson = (config: unknown): unknown => JSON.parse(JSON.stringify(config));
const table = flagTable();

/** The message of the UsageError that something ends with. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return "accepted";
}

const presets = allPresets().map(({ name }) => name);
/** Presets of every domain and of every way to split. */
const oneOfEach = ["sinusoid", "hanzi", "mnist", "table"];
const resolved = (preset: string, flags: Flags): ExperimentConfig => resolve(findPreset(preset)!, flags);

describe("a config", () => {
  it.each(presets)(
    "of %s with every learner and network is the same out of JSON, and out of its own flags",
    (preset) => {
      for (const learner of learnerNames)
        for (const model of networkNames) {
          const config = resolved(preset, { learner, model });
          expect(config.learner.name).toBe(learner);
          expect(config.network.name).toBe(model);
          expect(parseConfig(asJson(config), "config")).toStrictEqual(config);
          const flags = toFlags(config);
          expect(withFlags(config, flags)).toStrictEqual(config);
          expect(resolved(preset, flags)).toStrictEqual(config);
        }
    },
  );

  it.each(["sinusoid", "hanzi", "mnist", "table"])(
    "of %s keeps every value that may be chosen, and lets go of it again",
    (preset) => {
      const source = random(11);
      for (const flag of table) {
        for (const { part, choice, within, spec } of flag.places) {
          if (part === "domain" && choice !== findPreset(preset)!.domain.name) continue;
          const chosen = {
            ...(part === "learner" && choice !== undefined ? { learner: choice } : {}),
            ...(part === "network" && choice !== undefined ? { model: choice } : {}),
            ...(within ? { [within.option]: within.choice } : {}),
          };
          for (const value of valuesOf(spec, (most) => source.integer(most))) {
            const config = resolved(preset, { ...chosen, [flag.name]: value });
            const found = toFlags(config)[flag.name];
            expect(found, flag.name).toEqual(value);
            expect(parseConfig(asJson(config), "config")).toStrictEqual(config);
            if (spec.default !== undefined || flag.name === "learner" || flag.name === "model") continue;
            const without = withFlags(config, { [flag.name]: undefined });
            expect(toFlags(without), flag.name).not.toHaveProperty(flag.name);
            expect(parseConfig(asJson(without), "config")).toStrictEqual(without);
          }
        }
      }
    },
  );

  it("holds what has a meaning beside its choices, and nothing else", () => {
    // Of hundreds of thousands of options faults are gathered: an assertion for each would take most of the time.
    const faults: string[] = [];
    const optional = new Set(
      table.filter(({ places }) => places.some(({ spec }) => "absent" in spec && spec.absent !== undefined)),
    );
    for (const preset of oneOfEach)
      for (const learner of learnerNames)
        for (const model of networkNames) {
          const config = resolved(preset, { learner, model });
          const flags = toFlags(config);
          for (const entry of table) {
            const { name } = entry;
            if (Object.hasOwn(flags, name)) {
              const useless = uselessness(name, config, table);
              // What is about episodes stands in the domain, whatever the learner is trained on.
              if (useless && useless.is !== "learners that are trained on few-shot tasks")
                faults.push(`${name} of ${preset} with ${learner}: is for ${useless.is}`);
            } else if (!optional.has(entry) && !uselessness(name, config, table))
              faults.push(`${name} of ${preset} with ${learner}: is left out`);
          }
        }
    expect(faults).toEqual([]);
  });

  it("has each option in one part", () => {
    for (const { name, places } of table) expect(new Set(places.map(({ part }) => part)).size, name).toBe(1);
  });

  it("takes a preset's rate for networks from scratch where the learner has none", () => {
    const { innerRate } = toFlags(resolvePreset("hanzi"));
    const config = resolvePreset("hanzi", { learner: "prototypical" });
    expect(config.learner).not.toHaveProperty("innerRate");
    expect(config.evaluation.scratchRate).toBe(innerRate);
    expect(resolvePreset("hanzi").evaluation).not.toHaveProperty("scratchRate");
    expect(resolvePreset("hanzi", { learner: "prototypical", scratchRate: 2 }).evaluation.scratchRate).toBe(2);
  });

  it("takes no value along from a preset, or a config, that another network knows under that name only", () => {
    expect(resolvePreset("sinusoid").network).toMatchObject({ name: "mlp", batchNorm: "none" });
    expect(resolvePreset("sinusoid", { model: "conv" }).network).toMatchObject({ batchNorm: "transductive" });
    expect(withFlags(resolvePreset("sinusoid"), { model: "conv" }).network).toMatchObject({
      batchNorm: "transductive",
    });
    expect(refusal(() => resolvePreset("sinusoid", { model: "conv", batchNorm: "none" }))).toMatch(
      /^--batch-norm is "none"\. Give one of transductive, support, running/,
    );
  });

  it("lets go of what a preset gives where that is left out", () => {
    expect(resolvePreset("table", { data: "x.csv" }).training.clip).toBe(1);
    expect(resolvePreset("table", { data: "x.csv", clip: undefined }).training).not.toHaveProperty("clip");
    expect(resolvePreset("hanzi", { queries: undefined }).domain).not.toHaveProperty("queries");
  });

  it("keeps what it has where another learner is chosen, and takes the defaults of what is that one's alone", () => {
    const config = withFlags(resolvePreset("sinusoid", { steps: 3, seed: 7 }), { learner: "cavia" });
    expect(config.learner).toMatchObject({ name: "cavia", steps: 3, contextSize: 5 });
    expect(config.training.seed).toBe(7);
    const back = withFlags(config, { learner: "prototypical" });
    expect(back.learner).not.toHaveProperty("contextSize");
    expect(back.learner).not.toHaveProperty("steps");
  });
});

/** Some values that an option takes. */
function valuesOf(spec: OptionSpec, integer: (most: number) => number): readonly unknown[] {
  switch (spec.kind) {
    case "integer":
      return [spec.least, spec.most, spec.least + integer(Math.min(spec.most - spec.least, 2 ** 30))];
    case "number":
      return [spec.above ? spec.least + 1e-9 : spec.least, spec.most];
    case "count":
      return [spec.least, { from: spec.least, to: spec.most }];
    case "integers":
      return [[spec.least], [spec.most, spec.least, spec.most]];
    case "choice":
      return spec.choices;
    case "variant":
      return Object.keys(spec.variants);
    case "text":
      return ["some text", ".."];
    case "texts":
      return [["one"], ["one", "two, three"]];
    case "choices":
      return [spec.choices.slice(0, 1), spec.choices];
    case "flag":
      return [true, false];
  }
}

describe("an option that does not apply", () => {
  it.each([
    [
      "hanzi",
      { learner: "maml" },
      "distance",
      "--distance means nothing with --learner maml. It is for --learner prototypical",
    ],
    [
      "hanzi",
      { learner: "prototypical" },
      "steps",
      "--steps means nothing with --learner prototypical. It is for learners that adapt in steps",
    ],
    ["hanzi", { model: "mlp" }, "filters", "--filters means nothing with --model mlp. It is for --model conv"],
    [
      "hanzi",
      { model: "linear" },
      "batchNorm",
      "--batch-norm means nothing with --model linear. It is for --model conv or mlp",
    ],
    [
      "grocery-store",
      { backbone: "efficientnet-lite0" },
      "imageSize",
      "--image-size means nothing with --backbone efficientnet-lite0. It is for images without a backbone, which says itself what images it takes",
    ],
    ["sinusoid", {}, "ways", "--ways means nothing with --data sinusoid. It is for data sets of classes"],
    ["sinusoid", {}, "groupColumn", "--group-column means nothing with --data sinusoid. It is for tables"],
    [
      "sinusoid",
      {},
      "testClasses",
      "--test-classes means nothing with --data sinusoid. It is for data sets of classes, tables",
    ],
    ["hanzi", {}, "groupColumn", "--group-column means nothing with --data hanzi. It is for tables"],
    ["mnist", {}, "testClasses", "--test-classes means nothing with --split examples. It is for --split classes"],
    [
      "table",
      { data: "a.csv", groupColumn: "g", target: ["y"] },
      "rotations",
      "--rotations means nothing with --group-column g. It is for data sets of classes",
    ],
    [
      "hanzi",
      { learner: "simple-shot" },
      "trainWays",
      "--train-ways means nothing with --learner simple-shot. It is for learners that are trained on few-shot tasks",
    ],
  ] as const)("is refused on the command line: %s %j --%s", (preset, flags, name, message) => {
    const config = resolved(preset, flags);
    expect(isOfUse(name, config)).toBe(false);
    expect(refusal(() => requireUse([name], config))).toMatch(message);
    expect(refusal(() => requireUse([name], config, "runs/x"))).toMatch(` means nothing for runs/x, a run with `);
    expect(refusal(() => requireUse(Object.keys(flags), config))).toBe("accepted");
  });

  it("cannot be said in JSON", () => {
    for (const preset of presets)
      for (const learner of ["maml", "prototypical", "cavia", "cnp"] as const) {
        const config = resolved(preset, { learner, ...(preset === "table" ? { data: "a.csv" } : {}) });
        for (const { name, places } of table) {
          if (name === "learner" || name === "model") continue;
          const useless = uselessness(name, config, table);
          const isOwn = ({ part, choice }: (typeof places)[number]): boolean =>
            choice === undefined || choice === { ...choicesOf(config), domain: config.domain.name }[part as "domain"];
          // In no place of a config is there room for it.
          for (const { part, within, spec } of useless ? places : places.filter(isOwn)) {
            const [value] = valuesOf(spec, () => 0);
            const said = asJson(config) as Record<string, Record<string, unknown>>;
            const target = within ? (said[part]![within.option] as Record<string, unknown> | undefined) : said[part];
            if (!target) continue;
            target[name] = spec.kind === "variant" ? { name: value } : value;
            const found = refusal(() => parseConfig(said, "mine.json"));
            const isRefused = useless !== undefined && useless.is !== "learners that are trained on few-shot tasks";
            expect(found === "accepted", `${name} of ${preset} with ${learner}: ${found}`).toBe(!isRefused);
            if (isRefused) expect(found).toMatch(/^\S+ in mine\.json has the (unknown )?option "/);
          }
        }
      }
  });

  it("in a file of another kind of task is told to mean nothing there", () => {
    for (const options of [{ domain: { ways: 5 } }, { training: { ways: 5 } }, { ways: 5 }])
      expect(refusal(() => parsePartial(options as Flags, "mine.json", domainNamed("curves")))).toMatch(
        /mine\.json has the option ways, which means nothing with curves\. It is for data sets of classes, texts of classes or objects in pictures$/,
      );
  });

  it("in a file is told where it belongs, or what is like it", () => {
    const partial = (value: object) => refusal(() => parsePartial(value as Flags, "mine.json"));
    expect(partial({ ways: 5 })).toBe(
      'mine.json has the option ways. It belongs to domain: { "domain": { "ways": ... } }',
    );
    expect(partial({ domain: { steps: 5 } })).toBe(
      'domain in mine.json has the option steps. It belongs to learner: { "learner": { "steps": ... } }',
    );
    const { domain } = findPreset("hanzi")!;
    expect(refusal(() => parsePartial({ domain: { testClasses: 5 } }, "mine.json", domain))).toBe(
      'domain in mine.json has the option testClasses. It belongs to domain: { "domain": { "split": { "name": "classes", "testClasses": ... } } }',
    );
    expect(partial({ domian: { ways: 5 } })).toBe('mine.json has the unknown option "domian". Did you mean domain?');
    expect(partial({ learner: { innerRat: 5 } })).toBe(
      'learner in mine.json has the unknown option "innerRat". Did you mean innerRate?',
    );
    expect(partial({ learner: "anil" })).toBe(
      'learner in mine.json is "anil". It is an object, as in { "learner": { ... } }',
    );
    expect(partial({ learner: { name: "anill" } })).toMatch(
      /^learner in mine\.json is "anill"\. .*Did you mean anil\?$/,
    );
    expect(partial({ training: { name: "x" } })).toMatch(/^training in mine\.json has the unknown option "name"/);
    expect(partial({ domain: { split: { name: "examples", testClasses: 5 } } })).toBe(
      'split in mine.json has the option "testClasses", which examples has not. Leave it out',
    );
    expect(partial({ domain: { split: { name: "classes", ways: 5 } } })).toMatch(
      /^split in mine\.json has the option "ways"/,
    );
    expect(refusal(() => parsePartial({ domain: { name: "curves" } }, "mine.json", domain))).toMatch(
      /^domain in mine\.json is "curves"\. Give one of classification/,
    );
    const left = parsePartial({ training: { clip: "auto" }, domain: { data: "auto" } }, "mine.json");
    expect(flagsIn(left)).toStrictEqual({ clip: undefined, data: "auto" });
    expect(resolvePreset("table", { ...flagsIn(left), data: "x.csv" }).training).not.toHaveProperty("clip");
    expect(refusal(() => parseConfig({ ...resolvePreset("hanzi"), training: { clip: "auto" } }, "config"))).toMatch(
      /^clip in config is "auto"/,
    );
    expect(flagsIn(parsePartial({ domain: { split: { name: "classes", testClasses: 5 } } }, "mine.json"))).toEqual({
      split: "classes",
      testClasses: 5,
    });
    expect(refusal(() => parseSettings({ domain: { ways: 3 } }, "mine.ts"))).toBe(
      "mine.ts has domain, which a program settles. Leave it out",
    );
  });
});

describe("a config that anyone may have written", () => {
  /** JSON that is no value of any option. */
  const deep = (depth: number, open: string, close: string) =>
    JSON.parse(`${open.repeat(depth)}1${close.repeat(depth)}`);
  const hostile: readonly unknown[] = [
    ...[null, -1, 1e308, 0.5, "", "\0", "x".repeat(10_000), [], [[]], {}, { name: null }, { name: {} }, [null], ["\0"]],
    { from: 3, to: 2 },
    { from: 1, to: 2, by: 3 },
    { name: 5 },
    { name: "classes", by: 1 },
    JSON.parse('{"__proto__":{"name":"classes"}}'),
    JSON.parse('{"name":"classes","__proto__":{"ways":7}}'),
    JSON.parse('{"constructor":{"prototype":{}}}'),
    deep(20_000, "[", "]"),
    deep(10_000, '{"name":', "}"),
    new Array<number>(1000).fill(1),
  ];
  /** Those that some options do take. */
  const fits: Readonly<Record<OptionSpec["kind"], (value: unknown, spec: OptionSpec) => boolean>> = {
    integer: () => false,
    number: (value, spec) =>
      (value === 0.5 || value === -1) && "most" in spec && spec.most >= value && spec.least <= value,
    count: () => false,
    integers: () => false,
    choice: () => false,
    choices: () => false,
    variant: () => false,
    flag: () => false,
    text: (value, spec) => value === "" && spec.default === "",
    texts: (value, spec) => Array.isArray(value) && value.length === 0 && spec.default !== undefined,
  };
  const isPlain = (value: unknown): value is object =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const configs = oneOfEach.map((preset) =>
    resolved(preset, preset === "table" ? { data: "a.csv", groupColumn: "g", target: ["y"], inputs: ["x"] } : {}),
  );
  const specOf = (part: string, name: string, own: string | undefined): OptionSpec =>
    table
      .find((flag) => flag.name === name)!
      .places.find((place) => place.part === part && (place.choice === undefined || place.choice === own))!.spec;

  it("is refused with a usage error, whatever stands in whatever place of it", () => {
    for (const config of configs) {
      for (const value of hostile) {
        expect(refusal(() => parseConfig(value, "config"))).not.toBe("accepted");
        for (const part of parts) {
          const whole = refusal(() => parseConfig({ ...config, [part]: value }, "config"));
          // Of what needs no name, the defaults.
          const isEmpty = isPlain(value) && Object.keys(value).length === 0;
          const isWhole = isEmpty && (part === "training" || part === "evaluation");
          expect(whole === "accepted", `${part}: ${whole}`).toBe(isWhole);
          for (const [name, own] of Object.entries(config[part])) {
            const changed = { ...config, [part]: { ...config[part], [name]: value } };
            const found = refusal(() => parseConfig(changed, "config"));
            const spec = name === "name" ? undefined : specOf(part, name, (config[part] as { name?: string }).name);
            const isFit = spec !== undefined && fits[spec.kind](value, spec);
            expect(found === "accepted", `${part}.${name}: ${found}`).toBe(isFit);
            expect(found.length).toBeLessThan(2000);
            if (typeof own !== "object" || own === null || Array.isArray(own) || !("name" in own)) continue;
            for (const nested of Object.keys(own)) {
              const within = { ...config, [part]: { ...config[part], [name]: { ...own, [nested]: value } } };
              expect(
                refusal(() => parseConfig(within, "config")),
                `${part}.${name}.${nested}`,
              ).not.toBe("accepted");
            }
          }
        }
      }
    }
  });

  it("does not reach the prototypes of others, or bring names along that are none", () => {
    for (const config of configs)
      for (const part of parts)
        for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
          const text = JSON.stringify(config).replace(
            `"${part}":{`,
            `"${part}":{"${name}":{"name":"classes","ways":3,"seed":5},`,
          );
          expect(refusal(() => parseConfig(JSON.parse(text), "config"))).toMatch(
            new RegExp(`^${part} in config has the unknown option "${name}"`),
          );
          expect(refusal(() => parsePartial(JSON.parse(text) as Flags, "config"))).toMatch(
            ` has the unknown option "${name}"`,
          );
          const partial = JSON.parse(`{"${name}":{"ways":3}}`) as Flags;
          expect(refusal(() => parsePartial(partial, "config"))).toMatch(`config has the unknown option "${name}"`);
        }
    expect(Object.hasOwn(Object.prototype, "ways")).toBe(false);
  });

  it("of parts of a file is refused likewise", () => {
    for (const part of parts)
      for (const value of hostile) {
        const found = refusal(() => parsePartial({ [part]: value }, "mine.json"));
        // No values are some, too.
        if (isPlain(value) && Object.keys(value).length === 0) expect(found).toBe("accepted");
        else expect(found, `${part}: ${found}`).not.toBe("accepted");
        for (const { name, places } of table) {
          const [place] = places.filter((each) => each.part === part && each.within === undefined);
          if (!place || name === "learner" || name === "model") continue;
          const isFit = places.some(({ spec }) => fits[spec.kind](value, spec));
          const given = refusal(() => parsePartial({ [part]: { [name]: value } }, "mine.json"));
          expect(given === "accepted", `${part}.${name}: ${given}`).toBe(isFit);
        }
      }
  });

  it("lacks no part, and names what there is", () => {
    const [config] = configs;
    for (const part of parts) {
      const { [part]: _, ...others } = config!;
      expect(refusal(() => parseConfig(asJson(others), "config"))).toMatch(`${part} in config is undefined`);
    }
    for (const part of ["domain", "learner", "network"] as const)
      for (const name of ["nothing", undefined, "__proto__"])
        expect(refusal(() => parseConfig({ ...config!, [part]: { ...config![part], name } }, "config"))).toMatch(
          `${part} in config is `,
        );
  });
});

it("learners are named as the catalogue names them", () => {
  const names: readonly LearnerName[] = learnerNames;
  expect(refusal(() => resolvePreset("hanzi", { learner: "mamml" }))).toMatch(
    /^--learner is "?mamml"?\. .*Did you mean maml\?/,
  );
  expect(names).toContain("maml");
  expect(refusal(() => resolvePreset("hanzzi"))).toMatch(/^there is no preset hanzzi/);
});
