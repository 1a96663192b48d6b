/** Encoders of texts whose ids stand in the order of the text: int32 [n, length] -> [n, features]; 0 is padding. */
import {
  add,
  concat,
  formatShape,
  GraphError,
  mul,
  reduceMax,
  relu,
  reshape,
  sliceAxis,
  type Tensor,
  type Tree,
  vmap,
} from "@innerloop/graph";
import { split } from "../random/random.js";
import { multiHeadAttention } from "./attention.js";
import { normalInit } from "./initialization.js";
import type { Layer } from "./layer.js";
import { conv1d, gelu, layerNorm, linear, sequential } from "./layers.js";
import { withTraits } from "./parameter-roles.js";
import { type IdVectorParameters, idMask, idVectors, maskedMean } from "./text-layers.js";

/** Options of `textConvolution`. */
export interface TextConvolutionOptions {
  /** Ids are below it. */
  readonly entries: number;
  /** Numbers of an id's vector, 64 by default. */
  readonly width?: number;
  /** Features of each window, 64 by default. */
  readonly filters?: number;
  /** Ids that a window spans; [3, 4, 5] by default, as in the paper. */
  readonly windows?: readonly number[];
}

/**
 * The convolutional network of sentences (Kim 2014), without its head: windows over the vectors of a text's ids, relu,
 * and for each filter its largest value over the places where ids stand: [n, windows filters]. Beyond both ends of a text
 * are zeros, so that texts may be shorter than a window. A text without an id gives zeros.
 *
 * Parameters are { table, convolutions }; inner loops leave the table alone.
 *
 * @example textConvolution({ entries: 8192 }).outputShape // [192]
 */
export function textConvolution(options: TextConvolutionOptions): Layer {
  const { entries, width = 64, filters = 64, windows = [3, 4, 5] } = options;
  const table = idVectors({ entries, width });
  const convolutions = windows.map((window) => conv1d({ channelsIn: width, channelsOut: filters, window }));
  type Parameters = { readonly table: IdVectorParameters; readonly convolutions: Readonly<Record<string, Tree>> };
  return {
    outputShape: [windows.length * filters],
    init: (key) => ({
      table: table.init(split(key, "table")),
      convolutions: Object.fromEntries(
        convolutions.map((layer, i) => [String(windows[i]), layer.init(split(key, `window ${windows[i]}`))]),
      ),
    }),
    apply: (params, ids) => {
      const own = params as Parameters;
      const vectors = table.apply(own.table, ids);
      const mask = reshape(idMask(ids, vectors.dtype), [...ids.shape, 1]);
      const largest = convolutions.map((layer, i) => {
        const features = relu((layer as Layer).apply(own.convolutions[String(windows[i])]!, vectors));
        // What relu leaves is at least 0: zeros at padding are never above a text's own largest.
        return reduceMax(mul(features, mask), 1);
      });
      return concat(largest, 1);
    },
  };
}

/** Options of `textTransformer`. */
export interface TextTransformerOptions {
  /** Ids are below it. */
  readonly entries: number;
  /** Places of a text, at most. */
  readonly length: number;
  /** 2 by default. */
  readonly layers?: number;
  /** Numbers of an id's vector, 64 by default; a multiple of the heads. */
  readonly width?: number;
  /** 4 by default. */
  readonly heads?: number;
}

/**
 * A small transformer encoder of texts (Vaswani et al. 2017): vectors of ids and of their places, `layers` times
 * attention among the ids of the text and a network of 2 width units over each, both behind a normalisation (pre-norm,
 * Xiong et al. 2020), and the mean over ids: [n, width]. A text without an id gives zeros.
 *
 * Parameters are { table, places, blocks, norm }; inner loops leave table and places alone.
 *
 * @throws IL102 where the width is not a multiple of the heads; IL202 for texts that are longer
 * @example textTransformer({ entries: 8192, length: 32 }).outputShape // [64]
 */
export function textTransformer(options: TextTransformerOptions): Layer {
  const { entries, length: most, layers = 2, width = 64, heads = 4 } = options;
  const table = idVectors({ entries, width });
  const attention = multiHeadAttention({ queries: width, width, heads });
  const norm = layerNorm({ channels: width });
  const between = sequential([
    linear({ inputs: width, outputs: 2 * width }),
    gelu(),
    linear({ inputs: 2 * width, outputs: width }),
  ]);
  type Norm = ReturnType<typeof norm.init>;
  type Block = {
    readonly before: Norm;
    readonly attention: Tree;
    readonly beforeUnits: Norm;
    readonly units: ReturnType<typeof between.init>;
  };
  type Parameters = {
    readonly table: IdVectorParameters;
    readonly places: Tensor;
    readonly blocks: Readonly<Record<string, Block>>;
    readonly norm: Norm;
  };
  const names = Array.from({ length: layers }, (_, i) => String(i));
  return {
    outputShape: [width],
    init: (key): Parameters => ({
      table: table.init(split(key, "table")),
      places: withTraits(normalInit(0.1)([most, width], { in: most, out: width }, split(key, "places")), {
        role: "shared",
      }),
      blocks: Object.fromEntries(
        names.map((name) => {
          const own = split(key, `block ${name}`);
          const block = {
            before: norm.init(own),
            attention: attention.init(split(own, "attention")),
            beforeUnits: norm.init(own),
            units: between.init(split(own, "units")),
          };
          return [name, block];
        }),
      ),
      norm: norm.init(key),
    }),
    apply: (params, ids) => {
      const own = params as Parameters;
      const vectors = table.apply(own.table, ids);
      const length = ids.shape[1]!;
      if (length > most) {
        const problem = `texts ${formatShape(ids.shape)} of ${length} places, made for ${most}`;
        throw new GraphError(
          "IL202",
          "textTransformer",
          problem,
          "Make it for the longest, or cut texts to its length",
        );
      }
      const mask = idMask(ids, vectors.dtype);
      const encoded = (x: Tensor, present: Tensor): Tensor =>
        names.reduce((y, name) => {
          const block = own.blocks[name]!;
          const seen = norm.apply(block.before, y);
          const memory = attention.remembered(block.attention, seen);
          const attended = add(y, attention.apply(block.attention, seen, memory, { mask: present }));
          return add(attended, between.apply(block.units, norm.apply(block.beforeUnits, attended)));
        }, x);
      const placed = add(vectors, sliceAxis(own.places, 0, 0, length));
      const states = norm.apply(own.norm, vmap(encoded)(placed, mask));
      return maskedMean(states, mask);
    },
  };
}
