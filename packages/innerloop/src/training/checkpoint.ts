import { leaves, paths, sameShape, type Tensor, type Tree, unflatten } from "@innerloop/graph";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.js";
import { TrainingError } from "./training-error.js";

/** A place where checkpoints are kept. `save` must be all or nothing: a reader sees the old bytes or the new. */
export interface CheckpointStore {
  load(name: "last" | "best"): Promise<Uint8Array | undefined>;
  save(name: "last" | "best", bytes: Uint8Array): Promise<void>;
}

/** All that the next update depends on. */
export interface TrainingState<Params extends Tree = Tree> {
  /** Updates done. */
  readonly iteration: number;
  readonly seed: number;
  /** What is trained on what, and how: `settingOf`. */
  readonly setting: string;
  /** Tasks that run at once: it decides in which order sums are taken. 0: not chosen yet. */
  readonly chunkSize: number;
  /** Inner steps that are computed again together for the meta-gradient; 0: none. */
  readonly recompute: number;
  readonly params: Params;
  readonly optimizer: Tree;
  readonly best?: { readonly iteration: number; readonly score: number };
  /** Validations since the best one. */
  readonly sinceBest: number;
}

const format = "innerloop checkpoint 1";

/** Equal states give equal bytes: no time, no host, no order of arrival is in them. */
export function encodeCheckpoint(state: TrainingState): Uint8Array {
  const { iteration, seed, setting, chunkSize, recompute, best, sinceBest } = state;
  const training = JSON.stringify({ iteration, seed, setting, chunkSize, recompute, best: best ?? null, sinceBest });
  const metadata = { format, training };
  return encodeSafetensors({
    tensors: { ...named("params", state.params), ...named("optimizer", state.optimizer) },
    metadata,
  });
}

function named(prefix: string, tree: Tree): Record<string, Tensor> {
  const names = paths(tree);
  return Object.fromEntries(leaves(tree).map((leaf, i) => [names[i] === "" ? prefix : `${prefix}/${names[i]}`, leaf]));
}

/**
 * The state in a checkpoint, in the structure of a fresh one of the same run.
 *
 * @throws TrainingError ILR201 where the bytes are damaged, ILR202 where they belong to another run
 */
export function decodeCheckpoint<Params extends Tree>(
  bytes: Uint8Array,
  fresh: TrainingState<Params>,
): TrainingState<Params> {
  const { training, tensors } = parseCheckpoint(bytes);
  if (training.seed !== fresh.seed) {
    throw new TrainingError(
      "ILR202",
      "checkpoint",
      `seed ${training.seed}, this run has ${fresh.seed}`,
      "Resume with the run's own options",
    );
  }
  if (training.setting !== fresh.setting) {
    const problem = `trained as ${training.setting}, this run is ${fresh.setting}`;
    throw new TrainingError("ILR202", "checkpoint", problem, "Resume with the run's own options");
  }
  const params = filled("params", fresh.params, tensors);
  const optimizer = filled("optimizer", fresh.optimizer, tensors);
  const expected = leaves(fresh.params).length + leaves(fresh.optimizer).length;
  const found = Object.keys(tensors).length;
  if (found !== expected) {
    throw new TrainingError(
      "ILR202",
      "checkpoint",
      `${found} arrays, this run has ${expected}`,
      "Resume with the model and optimizer that it was trained with",
    );
  }
  return { ...training, params, optimizer };
}

/** The parameters in a checkpoint, in the structure of fresh ones, whatever the optimizer was. */
export function decodeParams<Params extends Tree>(
  bytes: Uint8Array,
  fresh: Params,
): { params: Params; iteration: number } {
  const { training, tensors } = parseCheckpoint(bytes);
  return { params: filled("params", fresh, tensors), iteration: training.iteration };
}

type Training = Omit<TrainingState, "params" | "optimizer">;

function parseCheckpoint(bytes: Uint8Array): { training: Training; tensors: Readonly<Record<string, Tensor>> } {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata.format !== format) {
    const problem = `format ${JSON.stringify(metadata.format)} where "${format}" was expected`;
    throw new TrainingError("ILR201", "checkpoint", problem, "Use a checkpoint that this version of innerloop wrote");
  }
  return { training: parseTraining(metadata.training ?? ""), tensors };
}

function parseTraining(text: string): Training {
  const damaged = (): never => {
    throw new TrainingError(
      "ILR201",
      "checkpoint",
      "its training record is malformed",
      "The file is damaged; use another checkpoint",
    );
  };
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return damaged();
  }
  const whole = (name: string): number => {
    const n = value[name];
    return typeof n === "number" && Number.isSafeInteger(n) && n >= 0 ? n : damaged();
  };
  const best = value.best as { iteration?: unknown; score?: unknown } | null | undefined;
  const { setting } = value;
  const parsed = {
    iteration: whole("iteration"),
    seed: whole("seed"),
    setting: typeof setting === "string" ? setting : damaged(),
    chunkSize: whole("chunkSize"),
    // Checkpoints of before there was recomputation do not name it.
    recompute: value.recompute === undefined ? 0 : whole("recompute"),
    sinceBest: whole("sinceBest"),
  };
  if (best === null || best === undefined) return parsed;
  if (typeof best.iteration !== "number" || typeof best.score !== "number") return damaged();
  return { ...parsed, best: { iteration: best.iteration, score: best.score } };
}

function filled<T extends Tree>(prefix: string, fresh: T, tensors: Readonly<Record<string, Tensor>>): T {
  const names = paths(fresh);
  const found = leaves(fresh).map((leaf, i) => {
    const name = names[i] === "" ? prefix : `${prefix}/${names[i]}`;
    const value = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    if (value && value.dtype === leaf.dtype && sameShape(value.shape, leaf.shape)) return value;
    const problem = value ? `${name} is ${value}, the model has ${leaf}` : `${name} is missing`;
    throw new TrainingError(
      "ILR202",
      "checkpoint",
      problem,
      "Load it into the model and optimizer that it was trained with",
    );
  });
  return unflatten(fresh, found);
}
