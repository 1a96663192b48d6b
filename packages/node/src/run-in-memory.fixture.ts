/** Runs that are kept in memory, as a page or a service would keep them. */
import type { CheckpointStore } from "@innerloop/core";
import {
  type DataIo,
  type ExperimentConfig,
  type Flags,
  newRunConfig,
  planRun,
  prepare,
  type RunEvent,
  type RunStore,
  type SessionHost,
} from "@innerloop/experiments";

/** A machine on which there is nothing to read. */
const nothing = (what: unknown): Promise<never> => Promise.reject(new Error(`${String(what)} is not to be read`));
export const emptyIo: DataIo = {
  kindOf: nothing,
  absolute: (path) => path,
  shown: (path) => path,
  datasetNames: async () => [],
  dataset: nothing,
  classFolders: nothing,
  images: nothing,
  decoded: nothing,
  table: nothing,
  tableRows: nothing,
  text: nothing,
  texts: nothing,
  markedTexts: nothing,
  interactions: nothing,
  ratedItems: nothing,
  markedPictures: nothing,
  letterboxedImages: nothing,
  textBackbone: nothing,
  imageBackbone: nothing,
  tokenizer: nothing,
  locomotion: nothing,
};
/** A run with what it keeps within reach. */
export interface KeptRun extends RunStore {
  readonly texts: Map<string, string>;
  readonly kept: Map<string, Uint8Array>;
  readonly log: RunEvent[];
}

/** A new run of a preset in memory, with its experiment. */
export async function runInMemory(preset: string, own: ExperimentConfig, host: SessionHost, chosen: Flags = {}) {
  const { executor } = host;
  const prepared = await prepare(own, host);
  const plan = await planRun(prepared.experiment, own.training, executor);
  const { training, evaluation } = own;
  const asked = {
    name: "mine",
    experiment: preset,
    protocol: "ours",
    config: own,
    settings: { training, evaluation },
  };
  const made = { target: preset, chosen, versions: {}, created: new Date(0) };
  const [texts, kept] = [new Map<string, string>(), new Map<string, Uint8Array>()];
  let log: RunEvent[] = [];
  const checkpoints: CheckpointStore = {
    load: async (name) => kept.get(name),
    save: async (name, bytes) => {
      kept.set(name, bytes);
    },
  };
  const run: KeptRun = {
    config: newRunConfig({ asked, prepared, plan, executor, ...made }),
    shown: "mine",
    shownFile: (name) => `mine/${name}`,
    checkpoints,
    kept,
    texts,
    get log() {
      return log;
    },
    events: {
      read: async () => log,
      open: async (lastIteration) => {
        log = log.filter(({ iteration = 0 }) => iteration <= lastIteration);
        return { append: (event) => log.push(event), flush: () => undefined, close: () => undefined };
      },
    },
    files: {
      read: async (name) => {
        const text = texts.get(name);
        return text === undefined ? undefined : new TextEncoder().encode(text);
      },
      write: async (name, content) => {
        texts.set(name, typeof content === "string" ? content : new TextDecoder().decode(content));
      },
      requireThere: () => undefined,
    },
  };
  return { run, prepared, experiment: prepared.experiment };
}
