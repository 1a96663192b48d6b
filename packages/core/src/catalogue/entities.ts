/** The learners of sequence labelling of the catalogue, and the network that they have words encoded by. */
import { GraphError, type Tree } from "@innerloop/graph";
import type { TokenInputs } from "../domains/entities/token-inputs.js";
import type { Layer } from "../layers/layer.js";
import { wordEncoder } from "../layers/word-encoder.js";
import { structShot } from "../learners/entities/struct-shot.js";
import { crfTagger, taggingModel } from "../learners/entities/tagging-model.js";
import { nearestTokens, tokenPrototypes } from "../learners/entities/token-prototypes.js";
import type { Learner } from "../learners/learner.js";
import { optionGroup } from "../options/option.js";
import { entry, innerOptimizerOf, type LearnerSetting, stepOptions, tagging } from "./learner-entry.js";
import { type NetworkSetting, type Networks, type TaggedWords, takesNoContext } from "./network-forms.js";
import { network } from "./networks.js";

/** @throws IL102 where the setting is of no sentences */
function wordsOf(operation: string, { words }: Pick<NetworkSetting, "words">): TaggedWords {
  if (words) return words;
  throw new GraphError(
    "IL102",
    operation,
    "inputs are no sentences",
    "Give `words` in the setting: how they are coded",
  );
}

/** The encoder of words among the networks of a setting, whose inputs are sentences. */
const encoderOf = ({ networks }: LearnerSetting): Layer<Tree, TokenInputs> =>
  (networks as unknown as Networks<TokenInputs>).embedding();

/** A learner of sentences among those of one tensor: settings of the kind "tagging" have sentences for inputs. */
const asLearner = (learner: unknown): Learner => learner as Learner;

const compared = {
  family: "metric",
  kinds: tagging,
  variableWays: true,
  takesSteps: false,
  embedding: () => null,
} as const;

/** @internal */
export const entityLearners = {
  "struct-shot": entry({
    ...compared,
    summary:
      "the nearest words, by features and encodings of learned weights, and the best tagging by learned transitions",
    source: "Yang & Katiyar 2020",
    options: optionGroup({
      wordEncoding: {
        kind: "choice",
        choices: ["learned", "none"],
        default: "learned",
        help: "whether words are compared by encodings beside their features",
      },
      tau: {
        kind: "number",
        default: 0.3,
        least: 0,
        above: true,
        most: 10,
        help: "first power that the probabilities of transitions are raised to",
      },
      sharpness: {
        kind: "number",
        default: 20,
        least: 0,
        above: true,
        most: 1000,
        help: "first sharpness of the nearest word: the higher, the less others of its tag count",
      },
    }),
    build: (setting, { wordEncoding, tau, sharpness }) => {
      const { transitions, ...words } = wordsOf("struct-shot", setting);
      return asLearner(
        structShot({
          ...words,
          ...{ tags: setting.outputs, tau, sharpness },
          ...(wordEncoding === "learned" ? { encoder: encoderOf(setting) } : {}),
          ...(transitions ? { transitions } : {}),
        }),
      );
    },
  }),
  "token-prototypes": entry({
    ...compared,
    summary: "a type is the mean of its support words in a learned encoding, none is several means",
    source: "Fritzler, Logacheva & Kretov 2019",
    options: optionGroup({
      nonePrototypes: {
        kind: "integer",
        default: 3,
        least: 0,
        most: 32,
        help: "prototypes of words of no type; 0 for a learned threshold in their place",
      },
    }),
    build: (setting, { nonePrototypes }) =>
      asLearner(
        tokenPrototypes({
          encoder: encoderOf(setting),
          tags: setting.outputs,
          none: nonePrototypes === 0 ? "threshold" : nonePrototypes,
        }),
      ),
  }),
  "nearest-tokens": entry({
    ...compared,
    summary: "the tag of the nearest support word in a learned encoding",
    source: "NNShot of Yang & Katiyar 2020",
    options: optionGroup({}),
    build: (setting) => asLearner(nearestTokens({ encoder: encoderOf(setting), tags: setting.outputs })),
  }),
  crf: entry({
    family: "gradient",
    kinds: tagging,
    variableWays: false,
    takesSteps: true,
    summary: "a conditional random field over encoded words, whose head and transitions adapt",
    source: "Lafferty, McCallum & Pereira 2001, adapted as in ANIL",
    options: stepOptions,
    build: (setting, { steps, ...options }) => {
      const { transitions } = wordsOf("crf", setting);
      return asLearner(
        crfTagger({
          encoder: encoderOf(setting),
          tags: setting.outputs,
          inner: innerOptimizerOf(options),
          steps,
          ...(transitions ? { transitions } : {}),
        }),
      );
    },
  }),
};

/** Networks over the words of sentences, by name: those of a domain of its own. */
export const entityNetworks = {
  "word-encoder": network({
    summary: "word encoder",
    options: optionGroup({
      featureWidth: {
        kind: "integer",
        default: 32,
        least: 1,
        most: 1024,
        help: "numbers of the vector of a word's feature",
      },
      wordUnits: { kind: "integer", default: 128, least: 1, most: 4096, help: "units of the hidden layer over a word" },
      wordWidth: { kind: "integer", default: 64, least: 1, most: 4096, help: "numbers of a word's encoding" },
      wordContext: { kind: "integer", default: 1, least: 0, most: 8, help: "words to each side that an encoding sees" },
    }),
    networks: (setting, { featureWidth, wordUnits, wordWidth, wordContext }): Networks<TokenInputs> => {
      const { ids, slots, width, length } = wordsOf("word-encoder", setting);
      const embedding = () =>
        wordEncoder({
          ...{ ids, width, length, slots: slots.length },
          ...{ embedding: featureWidth, hidden: wordUnits, outputs: wordWidth, context: wordContext },
        });
      // Its output is a tree: tags with their scores and the mask.
      const model = () =>
        taggingModel({ encoder: embedding(), tags: setting.outputs }) as unknown as Layer<Tree, TokenInputs>;
      return {
        model,
        perStepModel: model,
        embedding,
        maps: embedding,
        contextual: takesNoContext("word-encoder"),
      };
    },
    describe: ({ words }, { featureWidth, wordUnits, wordWidth, wordContext }) =>
      `word encoder ${(2 * wordContext + 1) * (featureWidth + (words?.width ?? 0))}-${wordUnits}-${wordWidth}`,
  }),
};
