import { leaves, sizeOf, type Tensor, type Tree } from "@innerloop/graph";
import { filled, named } from "../artifacts/named-tensors.js";
import { decodeSafetensors, encodeSafetensors, mostHeaderBytes, safetensorsHeader } from "../artifacts/safetensors.js";
import { isSealed, seal, unsealed } from "../artifacts/seal.js";
import { boundedKey, type Key } from "../random/random.js";
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
  /** The best validation: by the loss, or by the figure that is named. */
  readonly best?: { readonly iteration: number; readonly score: number; readonly by?: string };
  /** Validations since the best one. */
  readonly sinceBest: number;
}

/** Files of the first format have no checksum; else the two are the same. */
const formats = ["innerloop checkpoint 1", "innerloop checkpoint 2"] as const;
const format = formats[1];

/**
 * Equal states give equal bytes: no time, no host, no order of arrival is in them. Their metadata hold a SHA-256 of all
 * of them.
 */
export function encodeCheckpoint(state: TrainingState): Uint8Array {
  const { iteration, seed, setting, chunkSize, recompute, best, sinceBest } = state;
  const training = JSON.stringify({ iteration, seed, setting, chunkSize, recompute, best: best ?? null, sinceBest });
  return seal(
    encodeSafetensors({
      tensors: { ...named("params", state.params), ...named("optimizer", state.optimizer) },
      metadata: { format, sha256: unsealed, training },
    }),
  );
}

/** @throws TrainingError ILR201 where the bytes are not those that were written */
function requireWhole(bytes: Uint8Array, header: ReturnType<typeof safetensorsHeader>): void {
  const { metadata } = header;
  requireFormat(metadata);
  // What has lost the name of its checksum is no file of before there were any.
  if (metadata.format === formats[0] && Object.keys(metadata).every((name) => name === "format" || name === "training"))
    return;
  if (metadata.format === format && isSealed(bytes, header)) return;
  const remedy = "The file was changed after it was written, as a failing disk does; use another checkpoint";
  throw new TrainingError("ILR201", "checkpoint", "its SHA-256 is not the one that it was written with", remedy);
}

function requireFormat(metadata: ReturnType<typeof safetensorsHeader>["metadata"]): void {
  if ((formats as readonly string[]).includes(metadata.format ?? "")) return;
  const problem = `format ${JSON.stringify(metadata.format)?.slice(0, 80)} where "${format}" was expected`;
  throw new TrainingError("ILR201", "checkpoint", problem, "Use a checkpoint that this version of innerloop wrote");
}

/** Most bytes of a checkpoint before its values. */
export const mostCheckpointHeadBytes = 8 + mostHeaderBytes;

/**
 * The look at the first bytes of a checkpoint that says whether the rest is worth the memory to read it.
 *
 * @param head as many of its bytes as there are of `mostCheckpointHeadBytes`
 * @param bytes how many the whole has
 * @throws TrainingError ILR201 where it is no checkpoint, or has not as many values as its header says
 */
export const requireCheckpointHead = (head: Uint8Array, bytes: number): void =>
  requireFormat(safetensorsHeader(head, "checkpoint", bytes).metadata);

/** The updates and numbers in a checkpoint, without its values. @throws TrainingError ILR201 where it is damaged */
export function checkpointSummary(bytes: Uint8Array): { readonly iteration: number; readonly parameters: number } {
  const header = safetensorsHeader(bytes);
  requireWhole(bytes, header);
  let parameters = 0;
  for (const [name, { shape }] of header.entries)
    if (name === "params" || name.startsWith("params/")) parameters += sizeOf(shape);
  return { iteration: parseTraining(header.metadata.training ?? "").iteration, parameters };
}

/**
 * The root key for first parameters of a model that is to take those of a checkpoint: one that is larger, however large,
 * is refused before any are drawn.
 *
 * @throws TrainingError ILR201 where the checkpoint is damaged; ILR202, as parameters are drawn, where the model has more
 *   numbers than it
 */
export function keyWithin(bytes: Uint8Array, seed: number): Key {
  const { parameters } = checkpointSummary(bytes);
  return boundedKey(seed, parameters, (asked) => {
    const problem = `it has ${parameters} parameters, the model has ${asked} at least`;
    const remedy = "Load it into the model and optimizer that it was trained with";
    return new TrainingError("ILR202", "checkpoint", problem, remedy);
  });
}

/** What is said of a checkpoint whose tensors are those of another model. */
const ofAnother = {
  where: "checkpoint",
  remedy: "Load it into the model and optimizer that it was trained with",
} as const;

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
  const params = filled("params", fresh.params, tensors, ofAnother);
  const optimizer = filled("optimizer", fresh.optimizer, tensors, ofAnother);
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

/** The parameters in a checkpoint, in the structure of fresh ones, whatever the optimizer was; and the best validation. */
export function decodeParams<Params extends Tree>(
  bytes: Uint8Array,
  fresh: Params,
): { readonly params: Params } & Pick<TrainingState, "iteration" | "best"> {
  const { training, tensors } = parseCheckpoint(bytes);
  const { iteration, best } = training;
  return { params: filled("params", fresh, tensors, ofAnother), iteration, ...(best ? { best } : {}) };
}

type Training = Omit<TrainingState, "params" | "optimizer">;

function parseCheckpoint(bytes: Uint8Array): { training: Training; tensors: Readonly<Record<string, Tensor>> } {
  requireWhole(bytes, safetensorsHeader(bytes));
  const { tensors, metadata } = decodeSafetensors(bytes);
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
  const best = value.best as { iteration?: unknown; score?: unknown; by?: unknown } | null | undefined;
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
  const { by } = best;
  if (by !== undefined && typeof by !== "string") return damaged();
  return { ...parsed, best: { iteration: best.iteration, score: best.score, ...(by === undefined ? {} : { by }) } };
}
