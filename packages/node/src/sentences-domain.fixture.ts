/** Sentences as a kind of task of one's own: its inputs are trees, and its network is its own. */
import { crossEntropy, probabilitiesOf } from "@innerloop/core";
import { headedNetworks, network, optionGroup } from "@innerloop/core/learners";
import { domain, UsageError } from "@innerloop/experiments";
import { tensor } from "@innerloop/graph";
import { embeddingBag, type Sentences, topics, words } from "./topics.fixture.js";

const length = 6;

/** Lists of word numbers as a tree of tensors. */
function sentencesOf(lists: readonly (readonly number[])[]): Sentences {
  const tokens = new Int32Array(lists.length * length);
  const mask = new Float32Array(lists.length * length);
  lists.forEach((list, row) => {
    if (list.length > length || list.some((word) => !(Number.isInteger(word) && word >= 0 && word < words)))
      throw new UsageError(
        `sentence ${row + 1} is ${JSON.stringify(list)}`,
        `Give up to ${length} words below ${words}`,
      );
    tokens.set(list, row * length);
    mask.fill(1, row * length, row * length + list.length);
  });
  return { tokens: tensor(tokens, [lists.length, length]), mask: tensor(mask, [lists.length, length]) };
}

const parsed = <T>(given: unknown): T => (typeof given === "string" ? JSON.parse(given) : given) as T;

export const sentences = domain({
  name: "sentences",
  title: "sentences of topics",
  kind: "classification",
  options: optionGroup({
    ways: { kind: "integer", default: 3, least: 2, most: 10, help: "topics of a task", inEvaluation: true },
    shots: { kind: "integer", default: 2, least: 1, most: 50, help: "sentences of each", inEvaluation: true },
  }),
  presets: {
    topics: {
      summary: "sentences of a few topics",
      protocol: "six words in ten are of the topic",
      config: {
        learner: { innerRate: 4, steps: 2 },
        network: { width: 8 },
        training: { outerRate: 0.02, metaBatch: 8 },
      },
    },
  },
  networks: ["word-bag"],
  ownNetworks: {
    "word-bag": network({
      summary: "bag of words",
      options: optionGroup({ width: { kind: "integer", default: 16, least: 1, most: 256, help: "numbers of a word" } }),
      networks: ({ outputs }, { width }) => headedNetworks(() => embeddingBag(width), outputs),
      describe: (_, { width }) => `mean of word vectors of ${width}`,
    }),
  },
  tasks: (_, { ways, shots }) => {
    const source = topics({ ways, shots, queries: 5 });
    return { train: source, validation: source, test: source };
  },
  shapes: (_, { ways, shots }, { own }) => {
    const outputs = own?.ways ?? ways;
    return { inputShape: [], outputs, supportRows: outputs * shots, trainClasses: 10 };
  },
  loss: () => crossEntropy,
  describe: () => [["data", `${words} words of 10 topics`]],
  taskSizes: ["ways", "shots"],
  adaptation: {
    // { sport: [[0, 3], [1]], ... }: sentences of each topic
    readSupport: async (given) => {
      const classes = Object.entries(parsed<Record<string, number[][]>>(given));
      const lists = classes.flatMap(([, list]) => list);
      return {
        x: sentencesOf(lists),
        y: tensor(Int32Array.from(classes.flatMap(([, list], label) => list.map(() => label)))),
        classes: classes.map(([name]) => name),
        sizes: { ways: classes.length },
        text: `${lists.length} sentences of ${classes.length} topics`,
        notes: [],
      };
    },
    readInputs: async (given) => {
      const lists = [given].flat().every((each) => typeof each === "string")
        ? ([given].flat() as string[]).flatMap((each) => parsed<number[][]>(each))
        : (given as number[][]);
      return { x: sentencesOf(lists), names: lists.map((list) => list.join(" ")) };
    },
    answers: (logits, { support }) =>
      probabilitiesOf(logits).map((row) => {
        const shares = row.slice(0, support.classes!.length);
        return { topic: support.classes![shares.indexOf(Math.max(...shares))]! };
      }),
    table: (answers, { inputs }) => ({
      header: ["words", "topic"],
      rows: answers.map(({ topic }, i) => [inputs.names[i]!, String(topic)]),
    }),
  },
});
