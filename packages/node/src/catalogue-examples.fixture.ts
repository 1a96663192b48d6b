/** Learners of the catalogue with small networks, and examples for each kind of task. */
import {
  buildLearner,
  contextualMlp,
  crossEntropy,
  type Examples,
  type Learner,
  type LearnerEntry,
  type LearnerName,
  type LearnerSetting,
  type Loss,
  learnerCatalogue,
  meanSquaredError,
  mlp,
  random,
  type TaskKind,
} from "@innerloop/core";
import { detectionLoss, detectionMaps } from "@innerloop/core/detection";
import type { BatchNormMode } from "@innerloop/core/layers";
import {
  detectorNetworks,
  entityNetworks,
  type Networks,
  networkCatalogue,
  taggingLoss,
} from "@innerloop/core/learners";
import { type Tensor, tensor } from "@innerloop/graph";

const imageShape = [8, 8, 1] as const;
/** Numbers of an input of regression: for learners that ask for one, all but the first are a profile. */
const inputs = 3;

const chosen = { iterations: 100, supportRows: 7, trainClasses: 6 } as const;
/** Values for hyperparameters, for learners that have them. */
const hyperparameters: Readonly<Record<string, unknown>> = { steps: 2, innerRate: 0.1, units: 8, contextSize: 3 };

/** Small networks, for tests of every learner of the catalogue. @param batchNorm of the networks of images */
export const built = (
  name: LearnerName,
  kind: TaskKind,
  outputs: number,
  batchNorm: BatchNormMode = "transductive",
): Learner => {
  const { options } = learnerCatalogue[name] as LearnerEntry;
  const own = Object.entries(hyperparameters).filter(([option]) => Object.hasOwn(options, option));
  return buildLearner(name, settingOf(kind, outputs, batchNorm), Object.fromEntries(own));
};

/** Pictures of 16 x 16 with an object or two, some of none of the classes. */
const picture = { size: 16, stride: 4 } as const;

function picturesOf(rows: number, ways: number, present: { readonly present?: Tensor }): Examples {
  const source = random(6, rows, ways);
  const { size, stride } = picture;
  const grid = [size / stride, size / stride] as const;
  const objects = Array.from({ length: rows }, (_, row) =>
    [row % ways, row % 2 === 0 ? -1 : (row + 1) % ways].map((label, i) => ({
      label,
      box: { x: 1 + 7 * i, y: 2 + 5 * ((row + i) % 2), width: 6, height: 5 + (row % 3) },
    })),
  );
  const maps = objects.map((each) => detectionMaps(each, { grid, stride, classes: ways }));
  const boxes = objects.flatMap((each) =>
    each.flatMap(({ label, box: { x, y, width, height } }) => [x, y, width, height, label, 1]),
  );
  const y = {
    maps: tensor(Float32Array.from(maps.flatMap((map) => Array.from(map))), [rows, ...grid, ways + 8]),
    boxes: tensor(Float32Array.from(boxes), [rows, 2, 6]),
  };
  const pixels = Float32Array.from({ length: rows * size * size }, () => source.uniform(0, 1));
  return { x: tensor(pixels, [rows, size, size, 1]), y, ...present } as unknown as Examples;
}

/** Sentences of five words at most, with features of three kinds and states. */
const words = { length: 5, slots: ["form", "shape", "before1"], ids: 12, width: 3 } as const;

/** Sentences of random features; some end early, and each type has a word. */
function sentencesOf(rows: number, ways: number, present: { readonly present?: Tensor }): Examples {
  const source = random(4, rows, ways);
  const size = rows * words.length;
  const ids = Int32Array.from({ length: size * 3 }, () => source.integer(words.ids));
  const mask = Float32Array.from({ length: size }, (_, i) => (i % 5 < 3 + (Math.floor(i / 5) % 3) ? 1 : 0));
  const x = {
    lexical: tensor(ids, [rows, 5, 3]),
    states: tensor(
      Float32Array.from({ length: size * 3 }, () => source.uniform(-1, 1)),
      [rows, 5, 3],
    ),
    mask: tensor(mask, [rows, 5]),
  };
  const y = tensor(
    Int32Array.from({ length: size }, (_, i) => (mask[i] ? i % ways : 0)),
    [rows, 5],
  );
  return { x, y, ...present } as unknown as Examples;
}

function settingOf(kind: TaskKind, outputs: number, batchNorm: BatchNormMode): LearnerSetting {
  if (kind === "regression") {
    const model = mlp({ sizes: [inputs, 8, 8, outputs], activation: "tanh" });
    const embedding = mlp({ sizes: [inputs, 8, 8], activation: "tanh" });
    const networks: Networks = {
      model: () => model,
      perStepModel: () => model,
      embedding: () => embedding,
      maps: () => embedding,
      contextual: (contextSize) => contextualMlp({ sizes: [inputs, 8, 8, outputs], activation: "tanh", contextSize }),
    };
    return {
      ...chosen,
      networks,
      kind,
      inputShape: [inputs],
      profile: [[1, inputs]],
      paths: [[0, 2]],
      outputs,
      loss: meanSquaredError,
    };
  }
  if (kind === "tagging") {
    const shapes = { inputShape: [], outputs, words };
    const network = entityNetworks["word-encoder"];
    const sizes = { featureWidth: 4, wordUnits: 8, wordWidth: 4, wordContext: 1 };
    const networks = network.networks(shapes, sizes) as unknown as Networks;
    return { ...chosen, ...shapes, kind, networks, loss: taggingLoss as unknown as Loss };
  }
  if (kind === "detection") {
    const shapes = { inputShape: [picture.size, picture.size, 1], outputs };
    const networks = detectorNetworks.detector.networks(shapes, { filters: 4 });
    return { ...chosen, ...shapes, kind, networks, loss: detectionLoss({ stride: picture.stride }) as unknown as Loss };
  }
  const shapes = { inputShape: imageShape, outputs };
  const networks = networkCatalogue.conv.networks(shapes, {
    filters: 4,
    blocks: 2,
    downsampling: "pool",
    batchNorm,
  });
  return { ...chosen, ...shapes, kind, networks, loss: crossEntropy };
}

/** Examples of a kind of task; of padded ones the first is not there. */
export function examplesOf(kind: TaskKind, rows: number, ways: number, padded: boolean): Examples {
  const source = random(3, rows, ways);
  const numbers = (shape: readonly number[]): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => source.uniform(-1, 1)),
      shape,
    );
  const present = padded ? { present: tensor(Float32Array.from({ length: rows }, (_, i) => (i === 0 ? 0 : 1))) } : {};
  if (kind === "tagging") return sentencesOf(rows, ways, present);
  if (kind === "detection") return picturesOf(rows, ways, present);
  return kind === "regression"
    ? { x: numbers([rows, inputs]), y: numbers([rows, 1]), ...present }
    : {
        x: numbers([rows, ...imageShape]),
        y: tensor(Int32Array.from({ length: rows }, (_, i) => i % ways)),
        ...present,
      };
}

/** Rows as learners take them that ask which words they have in common: two ids each, of four. */
export function withIds({ x, ...more }: Examples): Examples {
  const rows = x.shape[0]!;
  const ids = tensor(
    Int32Array.from({ length: 2 * rows }, (_, i) => (i * 7) % 5),
    [rows, 2],
  );
  return { ...more, x: { features: x, ids } } as unknown as Examples;
}
