/** The networks that the command line knows by name: what each is for, its options, and how it is made. */
import { glorotUniform, heNormal, type Initializer, truncatedNormal } from "../layers/initialization.js";
import { flatten } from "../layers/layers.js";
import { contextualConvNet, contextualMlp } from "../learners/gradient/cavia.js";
import { convEmbedding, convMaps, convNet, linearClassifier, mlp, mostPooledBlocks } from "../networks/models.js";
import { optionGroup } from "../options/option.js";
import { network } from "./network-entry.js";
import { problemOfIds, textNetworkCatalogue } from "./text-networks.js";

export { type NetworkEntry, network, type OptionProblem } from "./network-entry.js";

const batchNormHelp =
  "where normalisation takes its statistics: all examples at hand, as published; the support set; averages over training";

const initializers = {
  glorot: glorotUniform,
  he: heNormal,
  small: truncatedNormal(0.01),
} as const satisfies Readonly<Record<string, Initializer>>;

const numbersIn = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** All networks by name. */
export const networkCatalogue = {
  conv: network({
    summary: "convolutional",
    inputRanks: [2, 3],
    options: optionGroup({
      filters: { kind: "integer", default: 64, least: 1, most: 1024, help: "channels of each block" },
      blocks: { kind: "integer", default: 4, least: 1, most: 8, help: "blocks, of a convolution each" },
      downsampling: {
        kind: "choice",
        choices: ["stride", "pool"],
        default: "stride",
        help: "how a block halves the image",
      },
      batchNorm: {
        kind: "choice",
        choices: ["transductive", "support", "running"],
        default: "transductive",
        help: batchNormHelp,
      },
    }),
    problem: (setting, { blocks, downsampling }) => {
      const found = problemOfIds("conv", setting);
      if (found) return found;
      const [height = 1, width = 1] = setting.inputShape;
      const most = mostPooledBlocks([height, width]);
      if (downsampling !== "pool" || blocks <= most) return undefined;
      return {
        name: "blocks",
        problem: `${blocks} with downsampling pool of images of ${height} x ${width}, which can be halved ${most} times`,
        remedy: `Give ${most} blocks or fewer, larger images, or downsampling stride`,
      };
    },
    networks: ({ inputShape, outputs: ways }, { filters, blocks, downsampling, batchNorm }) => {
      const [height = 1, width = 1, channels = 1] = inputShape;
      const shared = { imageShape: [height, width, channels], filters, blocks, batchNorm } as const;
      return {
        model: () => convNet({ ...shared, downsampling, ways }),
        perStepModel: (batchNormSteps) => convNet({ ...shared, downsampling, ways, batchNormSteps }),
        embedding: () => convEmbedding({ ...shared, downsampling }),
        maps: () => convMaps(shared),
        // After the third block, or the last of fewer.
        contextual: (contextSize) =>
          contextualConvNet({ ...shared, downsampling, ways, contextSize, contextIn: Math.min(3, blocks) }),
      };
    },
    describe: (_, { blocks, filters }) => `${blocks} convolutions of ${filters}`,
  }),
  mlp: network({
    summary: "fully connected",
    options: optionGroup({
      hidden: {
        kind: "integers",
        default: [256, 128, 64, 64],
        least: 1,
        most: 65536,
        help: "units of the hidden layers",
      },
      init: {
        kind: "choice",
        choices: ["glorot", "he", "small"],
        default: "glorot",
        help: "first weights: Glorot's uniform, He's normal, or truncated normal of deviation 0.01",
      },
      batchNorm: {
        kind: "choice",
        choices: ["transductive", "support", "running", "none"],
        default: "transductive",
        help: `${batchNormHelp}; none for a network without it`,
      },
    }),
    problem: (setting) => problemOfIds("mlp", setting),
    networks: ({ inputShape, outputs }, { hidden, init, batchNorm: mode }) => {
      const batchNorm = mode === "none" ? undefined : mode;
      const sizes = [numbersIn(inputShape), ...hidden];
      const shared = { weightInit: initializers[init], ...(batchNorm ? { batchNorm } : {}) };
      const embedding = () => mlp({ sizes, ...shared });
      return {
        model: () => mlp({ sizes: [...sizes, outputs], ...shared }),
        perStepModel: (batchNormSteps) =>
          mlp({ sizes: [...sizes, outputs], ...shared, ...(batchNorm ? { batchNormSteps } : {}) }),
        embedding,
        maps: embedding,
        contextual: (contextSize) => contextualMlp({ sizes: [...sizes, outputs], ...shared, contextSize }),
      };
    },
    describe: ({ inputShape, outputs }, { hidden }) =>
      `fully connected ${[numbersIn(inputShape), ...hidden, outputs].join("-")}`,
  }),
  linear: network({
    summary: "linear",
    isHeadAlone: true,
    options: optionGroup({}),
    problem: (setting) => problemOfIds("linear", setting),
    networks: ({ inputShape, outputs }) => {
      const inputs = numbersIn(inputShape);
      const model = () => linearClassifier({ inputs, ways: outputs });
      const embedding = () => Object.assign(flatten(), { outputShape: [inputs] });
      return {
        model,
        perStepModel: model,
        embedding,
        maps: embedding,
        contextual: (contextSize) => contextualMlp({ sizes: [inputs, outputs], contextSize }),
      };
    },
    describe: ({ inputShape, outputs }) => `linear ${numbersIn(inputShape)}-${outputs}`,
  }),
  ...textNetworkCatalogue,
};

/** Names of the networks of the catalogue, as `--model` takes them. */
export type NetworkName = keyof typeof networkCatalogue;
/** The names of the networks, in the order of the catalogue. */
export const networkNames = Object.keys(networkCatalogue) as readonly NetworkName[];
