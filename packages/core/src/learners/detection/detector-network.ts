/** Networks of detectors: what they see of pictures before they know which classes to find. */
import { add, clip, div, exp, GraphError, norm, relu, reshape, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { instanceNorm } from "../../layers/instance-norm.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { conv2d, sequential } from "../../layers/layers.js";
import { split } from "../../random/random.js";

/** Features that a detector sees in the cells of pictures. */
export type DetectorFeatures = {
  /** [pictures, rows, columns, d]: vectors of length 1, by which classes are told apart. */
  readonly embedding: Tensor;
  /** [pictures, rows, columns]: log-odds of the middle of an object. */
  readonly objectness: Tensor;
  /** [pictures, rows, columns, 4]: left, top, right and bottom of its box, in cells. */
  readonly box: Tensor;
};

/** Parameters of a detector's network. Those of boxes stand apart: adaptation may change them. */
export type DetectorParameters = {
  readonly trunk: Tree;
  readonly embedding: Tree;
  readonly objectness: Tree;
  readonly box: Tree;
};

/** A network of detectors: a layer from pictures to what is seen in their cells, in two parts. */
export interface DetectorNetwork extends Layer<DetectorParameters, Tensor, DetectorFeatures> {
  /** Rows and columns of the cells of a picture, and pixels of a cell's side. */
  readonly grid: readonly [rows: number, columns: number];
  readonly stride: number;
  /** Pixels of a picture's side that what is said of a cell may depend on: larger objects are not seen whole. */
  readonly reach: number;
  /** Numbers of an embedding, d. */
  readonly width: number;
  readonly description: string;
  /** What all heads look at: pictures -> [pictures, rows, columns, channels]. */
  readonly trunk: Layer;
  /** What the heads say of it. */
  heads(params: DetectorParameters, maps: Tensor): DetectorFeatures;
}

/** Options of `detectorNetwork`. */
export interface DetectorNetworkOptions {
  /** [height, width, channels] of a picture. */
  readonly imageShape: readonly [height: number, width: number, channels: number];
  /** Channels of the trunk: 40 by default. */
  readonly filters?: number;
  /** Numbers of an embedding: as many as channels by default. */
  readonly width?: number;
}

/**
 * The network of a detector without anchors, on a grid of a quarter of the picture's size: six convolutions of 3 x 3 with
 * instance normalisation, the first two of stride 2, the next two and the last two (dilated by 2) with what they are given
 * added to what they make. Of its outputs a cell has
 *
 *   embedding    W u / |W u|
 *   objectness   w u + b, b = -4 at first: most cells hold no object
 *   box          exp(clip(V u + c, -2, 4)), c = log 3 at first
 *
 * u [channels] being what the trunk says of the cell. No statistics are shared between pictures.
 *
 * @throws GraphError IL102 for pictures smaller than 8 pixels
 */
export function detectorNetwork(options: DetectorNetworkOptions): DetectorNetwork {
  const { imageShape, filters = 40, width = filters } = options;
  const [height, across, channels] = imageShape;
  if (!(height >= 8 && across >= 8)) {
    const problem = `pictures of ${height} x ${across}`;
    throw new GraphError("IL102", "detectorNetwork", problem, "Give pictures of 8 pixels a side or more");
  }
  const block = (channelsIn: number, more: Windows = {}): Layer =>
    sequential([
      conv2d({ channelsIn, channelsOut: filters, padding: more.dilation ?? 1, bias: false, ...more }),
      instanceNorm({ channels: filters }),
    ]) as Layer;
  const active = functionLayer(relu);
  const [first, second, third, fourth, fifth, sixth] = windows.map((each, i) =>
    block(i === 0 ? channels : filters, each),
  ) as [Layer, Layer, Layer, Layer, Layer, Layer];
  const trunk = sequential([
    ...[first, active, second, active],
    residual(sequential([third, active, fourth]) as Layer),
    active,
    residual(sequential([fifth, active, sixth]) as Layer),
    active,
  ]) as Layer;
  const half = (size: number): number => Math.ceil(size / 2);
  return {
    grid: [half(half(height)), half(half(across))],
    stride: windows.reduce((pixels, { stride = 1 }) => pixels * stride, 1),
    reach: reachOf(windows),
    width,
    description: `detector ${imageShape.join(" x ")}, ${filters} channels`,
    ...detectorHeads({ channels: filters, width }, trunk),
  };
}

/** Options of `cellNetwork`. */
export interface CellNetworkOptions {
  /** [rows, columns, features] of a picture's cells. */
  readonly cellsShape: readonly [rows: number, columns: number, features: number];
  /** Numbers of an embedding: 64 by default. */
  readonly width?: number;
}

/**
 * The network of a detector over cells that something else has seen, as a frozen encoder of photos: its trunk is what it is
 * given, its heads are those of `detectorNetwork`. A cell is the unit of its grid.
 */
export function cellNetwork({ cellsShape, width = 64 }: CellNetworkOptions): DetectorNetwork {
  const [rows, columns, channels] = cellsShape;
  return {
    grid: [rows, columns],
    stride: 1,
    reach: Number.POSITIVE_INFINITY,
    width,
    description: `cells ${cellsShape.join(" x ")}`,
    ...detectorHeads(
      { channels, width },
      functionLayer((x) => x),
    ),
  };
}

/** Steps and gaps of a window of 3 x 3. */
type Windows = { readonly stride?: 2; readonly dilation?: 2 };

/** Those of the trunk, one after another. */
const windows: readonly Windows[] = [{ stride: 2 }, { stride: 2 }, {}, {}, { dilation: 2 }, { dilation: 2 }];

/** Pixels of a side that windows of 3 reach over, one after another. */
function reachOf(list: readonly Windows[]): number {
  let [reach, pixels] = [1, 1];
  for (const { stride = 1, dilation = 1 } of list) {
    reach += 2 * dilation * pixels;
    pixels *= stride;
  }
  return reach;
}

/** Heads of 1 x 1 over what a trunk gives, and the trunk. */
export function detectorHeads(
  { channels, width }: { readonly channels: number; readonly width: number },
  trunk: Layer,
): Pick<DetectorNetwork, "init" | "apply" | "trunk" | "heads"> {
  const head = (channelsOut: number): Layer =>
    conv2d({ channelsIn: channels, channelsOut, window: 1, padding: 0 }) as Layer;
  const [embedding, objectness, box] = [head(width), head(1), head(4)];
  const withBias = (params: Tree, value: number): Tree => {
    const { weight, bias } = params as { readonly weight: Tensor; readonly bias: Tensor };
    return { weight, bias: tensor(new Float32Array(bias.size).fill(value), bias.shape) };
  };
  const parts: Pick<DetectorNetwork, "trunk" | "heads"> = {
    trunk,
    heads: (params, maps) => {
      const vectors = embedding.apply(params.embedding, maps);
      const found = objectness.apply(params.objectness, maps);
      return {
        embedding: div(vectors, norm(vectors, -1, { keepAxes: true, epsilon: 1e-8 })),
        objectness: reshape(found, found.shape.slice(0, 3)),
        box: exp(clip(box.apply(params.box, maps), -2, 4)),
      };
    },
  };
  return {
    ...parts,
    apply: (params, x) => parts.heads(params, trunk.apply(params.trunk, x)),
    init: (key) => ({
      trunk: trunk.init(split(key, "trunk")),
      embedding: embedding.init(split(key, "embedding")),
      objectness: withBias(objectness.init(split(key, "objectness")), -4),
      box: withBias(box.init(split(key, "box")), Math.log(3)),
    }),
  };
}

/** A layer whose output has its input added. */
const residual = (inner: Layer): Layer => ({
  init: inner.init,
  apply: (params, x, context) => add(x, inner.apply(params, x, context)),
});
