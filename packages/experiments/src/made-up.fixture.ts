/** Configs, data sets of made-up classes and what reads them from memory, for tests. */
import type { LabelledExamples, LearnerName } from "@innerloop/core";
import type { NetworkName } from "@innerloop/core/learners";
import { configFrom, type ExperimentConfig, type Flags } from "./config/index.js";
import type { DataSplits } from "./domains/classification/data-splits.js";
import type { ClassificationSpec } from "./domains/classification/spec.js";
import type { Loaded } from "./domains/domain.js";
import { domainNamed, type ownDomains } from "./domains/registry.js";
import type { DataIo, FoundTable } from "./io.js";
import type { FoundInteractions, RatedRow } from "./rating-io.js";
import type { FoundMarkedTexts, FoundTexts, TextIo } from "./text-io.js";

/** The defaults of a domain's options under those that are chosen, learner and network among them; no preset's. */
export function configOf(name: keyof typeof ownDomains, chosen: Flags = {}): ExperimentConfig {
  const domain = domainNamed(name);
  const { learner = "maml", model = domain.networks[0] } = chosen;
  return configFrom({ domain, learner: learner as LearnerName, network: model as NetworkName }, chosen);
}

/** Classes c0, c1, ... of so many grey images each, no two of them alike. */
export const madeUpImages = (
  classes: number,
  perClass: number,
  exampleShape: readonly number[] = [8, 8, 1],
): LabelledExamples => {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  return {
    name: "made up",
    exampleShape,
    classes: Array.from({ length: classes }, (_, c) => ({
      name: `c${c}`,
      count: perClass,
      examples: Uint8Array.from({ length: perClass * size }, (_, i) => (7 * i + 31 * c) % 256),
    })),
  };
};

/** Splits as a domain has loaded them. */
export const loadedClasses = (data: DataSplits): Loaded<DataSplits, ClassificationSpec> => ({
  data,
  spec: {
    name: "made up",
    sha256: "",
    exampleShape: data.train.exampleShape,
    trainClasses: data.train.classes.length,
    darkOnLight: false,
  },
});

/** A machine that has these data sets by name, these files by path, and nothing else. */
export function memoryIo(has: {
  readonly datasets?: Readonly<Record<string, LabelledExamples>>;
  readonly tables?: Readonly<Record<string, FoundTable>>;
  readonly texts?: Readonly<Record<string, FoundTexts>>;
  readonly markedTexts?: Readonly<Record<string, FoundMarkedTexts>>;
  readonly interactions?: Readonly<Record<string, FoundInteractions>>;
  readonly ratedItems?: Readonly<Record<string, readonly RatedRow[]>>;
  readonly encoders?: Partial<TextIo>;
}): DataIo {
  const {
    datasets = {},
    tables = {},
    texts = {},
    markedTexts = {},
    interactions = {},
    ratedItems = {},
    encoders,
  } = has;
  const missing = (what: string): Promise<never> => Promise.reject(new Error(`${what} is not in memory`));
  return {
    kindOf: async (path) =>
      [tables, texts, markedTexts, interactions].some((files) => path in files) ? "file" : undefined,
    absolute: (path) => path,
    shown: (path) => path,
    datasetNames: async () => Object.keys(datasets),
    dataset: async (name) =>
      datasets[name] ? { examples: datasets[name], sha256: `contents of ${name}` } : missing(name),
    classFolders: missing,
    images: (paths) => missing(paths.join()),
    decoded: () => missing("an image"),
    table: async (path) => tables[path] ?? missing(path),
    tableRows: missing,
    text: missing,
    texts: async (source) => texts[source] ?? missing(source),
    markedTexts: async (source) => markedTexts[source] ?? missing(source),
    interactions: async ({ ratings }) => interactions[ratings] ?? missing(ratings),
    ratedItems: async (path) => ratedItems[path] ?? missing(path),
    markedPictures: missing,
    letterboxedImages: (images) => missing(images.map(String).join(", ")),
    textBackbone: missing,
    imageBackbone: missing,
    tokenizer: missing,
    locomotion: ({ body }) => missing(body),
    ...encoders,
  };
}
