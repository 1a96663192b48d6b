/** The networks for texts that the command line knows by name: of ids, and of features from a frozen encoder. */
import { GraphError } from "@innerloop/graph";
import type { Layer } from "../layers/layer.js";
import { mostTableRows } from "../layers/text-layers.js";
import { modulatedByContext } from "../learners/gradient/cavia.js";
import { bagNetwork, projection, textConvolutionNetwork, textTransformerNetwork } from "../networks/text-models.js";
import { optionGroup } from "../options/option.js";
import { network, type OptionProblem } from "./network-entry.js";
import { headedNetworks, type InputIds, type NetworkSetting, type Networks } from "./network-forms.js";

/** What a network for ids says of other inputs, and the other way round. */
const notIds = (name: string, { inputShape }: NetworkSetting): OptionProblem => ({
  name: "model",
  problem: `${name} of inputs [${inputShape.join(", ")}] of numbers: it is for texts as ids`,
  remedy:
    "Use --model projection for features of an encoder, --model mlp for others; or read texts as ngrams or tokens",
});

/** The problem of a network of numbers with inputs of ids, which have no order of size. */
export const problemOfIds = (name: string, { ids }: NetworkSetting): OptionProblem | undefined =>
  ids && {
    name: "model",
    problem: `${name} of texts as ids, of which one is not more than another`,
    remedy: "Use --model bag, --model text-conv or --model text-transformer; or read texts as features",
  };

const idsOf = ({ ids }: NetworkSetting): InputIds => {
  if (ids) return ids;
  throw new GraphError("IL102", "network", "the setting has no ids", "Give ids: { count }, or another network");
};

/** The forms of an embedding of texts; a context modulates its features. */
function textNetworks(embedding: () => Layer, outputs: number): Networks {
  const forms = headedNetworks(embedding, outputs);
  return { ...forms, contextual: (contextSize) => modulatedByContext(forms.model(), { contextSize, point: 1 }) };
}

const sketchOption = (preset: number) =>
  ({
    kind: "integer",
    default: preset,
    least: 0,
    most: 65_536,
    help: "dimensions of the weighted, hashed counts of ids that stand in the embedding; 0 for none",
  }) as const;

const share = {
  kind: "number",
  default: 0.1,
  least: 0,
  above: true,
  most: 100,
  help: "length of what is learned beside them, next to theirs, at first",
} as const;

// A few dozen classes are learned by heart in a hundred updates where nothing is left out.
const idDropout = {
  kind: "number",
  default: 0.5,
  least: 0,
  most: 0.95,
  help: "probability with which training leaves out a word or n-gram",
} as const;

/** Squared distances at a length of 3 are 18 times cosine distances: a softmax over classes is neither flat nor hard. */
const embeddingScale = {
  kind: "number",
  default: 3,
  least: 0,
  above: true,
  most: 1000,
  help: "length of embeddings at first",
} as const;

const tables = optionGroup({
  trainedTables: {
    kind: "choice",
    choices: ["all", "weights", "vectors"],
    default: "all",
    help: "of ids, what training moves: their weights, their vectors, or both",
  },
});

/** The options of a network of ids as its layers take them. */
const idOptions = (
  setting: NetworkSetting,
  options: {
    readonly sketch: number;
    readonly share: number;
    readonly idDropout: number;
    readonly embeddingScale: number;
  },
) => {
  const { count, weights } = idsOf(setting);
  const { sketch, share: first, idDropout: rate, embeddingScale: scale } = options;
  return { entries: count, ...(weights ? { weights } : {}), sketch, share: first, idDropout: rate, scale };
};

/** The rows of a table, and what is beside it, as descriptions say it. */
const besideOf = ({ sketch }: { readonly sketch: number }): string =>
  sketch > 0 ? ` beside a sketch of ${sketch}` : "";

/** @internal */
export const textNetworkCatalogue = {
  bag: network({
    summary: "bag of words or n-grams",
    options: optionGroup({
      // Of glosses, whose cosines are small, 4096 costs 3 points of accuracy at 5 shots, 8192 two, 16,384 one and a half.
      sketch: sketchOption(8192),
      vectorWidth: {
        kind: "integer",
        default: 64,
        least: 0,
        most: 4096,
        help: "numbers of an id's vector; 0 for no vectors",
      },
      share,
      idDropout,
      embeddingScale,
      ...tables,
    }),
    problem: (setting, { sketch, vectorWidth }) => {
      if (!setting.ids) return notIds("bag", setting);
      if (sketch > 0 || vectorWidth > 0) return undefined;
      const remedy = "Give a sketch of 8192, or vectors of 64";
      return { name: "sketch", problem: "0 without vectors: nothing is left of a text", remedy };
    },
    networks: (setting, { vectorWidth: width, trainedTables: trains, ...options }) =>
      textNetworks(() => bagNetwork({ ...idOptions(setting, options), width, trains }), setting.outputs),
    describe: ({ ids }, { sketch, vectorWidth }) =>
      vectorWidth > 0
        ? `bag of ${Math.min(ids?.count ?? 0, mostTableRows)} vectors of ${vectorWidth}${besideOf({ sketch })}`
        : `sketch of ${sketch}`,
  }),
  "text-conv": network({
    summary: "convolutional for words in order",
    options: optionGroup({
      vectorWidth: { kind: "integer", default: 64, least: 1, most: 4096, help: "numbers of an id's vector" },
      textFilters: { kind: "integer", default: 64, least: 1, most: 4096, help: "features of each of three windows" },
      sketch: sketchOption(0),
      share,
      idDropout,
      embeddingScale,
    }),
    problem: (setting) => (setting.ids ? undefined : notIds("text-conv", setting)),
    networks: (setting, { vectorWidth: width, textFilters: filters, ...options }) =>
      textNetworks(() => textConvolutionNetwork({ ...idOptions(setting, options), width, filters }), setting.outputs),
    describe: (_, { textFilters, ...options }) =>
      `windows of 3, 4 and 5 ids, ${textFilters} features each${besideOf(options)}`,
  }),
  "text-transformer": network({
    summary: "a transformer for words in order",
    options: optionGroup({
      vectorWidth: { kind: "integer", default: 64, least: 1, most: 4096, help: "numbers of an id's vector" },
      attentionHeads: { kind: "integer", default: 4, least: 1, most: 64, help: "heads of attention" },
      encoderLayers: { kind: "integer", default: 2, least: 1, most: 12, help: "layers of attention" },
      sketch: sketchOption(0),
      share,
      idDropout,
      embeddingScale,
    }),
    problem: (setting, { vectorWidth, attentionHeads }) => {
      if (!setting.ids) return notIds("text-transformer", setting);
      if (vectorWidth % attentionHeads === 0) return undefined;
      const problem = `${attentionHeads} of vectors of ${vectorWidth}, which they do not divide`;
      return { name: "attentionHeads", problem, remedy: "Give a vector width that is a multiple of the heads" };
    },
    networks: (setting, { vectorWidth: width, attentionHeads: heads, encoderLayers: layers, ...options }) => {
      const [length = 1] = setting.inputShape;
      const sizes = { length, width, heads, layers };
      return textNetworks(() => textTransformerNetwork({ ...idOptions(setting, options), ...sizes }), setting.outputs);
    },
    describe: (_, { encoderLayers, vectorWidth, attentionHeads, ...options }) =>
      `transformer of ${encoderLayers} layers, width ${vectorWidth}, ${attentionHeads} heads${besideOf(options)}`,
  }),
  projection: network({
    summary: "a linear map of an encoder's features",
    options: optionGroup({
      normalize: {
        kind: "choice",
        choices: ["length", "none"],
        default: "length",
        help: "what of embeddings is made alike: their length, or nothing",
      },
      embeddingScale,
    }),
    problem: (setting) => {
      const found = problemOfIds("projection", setting);
      if (found || setting.inputShape.length === 1) return found;
      const problem = `projection of inputs [${setting.inputShape.join(", ")}], which are no features`;
      return { name: "model", problem, remedy: "Use --model conv for images, --model mlp for others" };
    },
    networks: ({ inputShape: [features = 1], outputs }, { normalize, embeddingScale: scale }) =>
      textNetworks(() => projection({ features, normalize: normalize === "length", scale }), outputs),
    describe: ({ inputShape: [features = 1] }, { normalize }) =>
      `linear map of ${features} features${normalize === "length" ? ", of one length" : ""}`,
  }),
};
