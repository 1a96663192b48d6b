/** Ranking of vectors as a kind of task of one's own: a hidden direction gives every item its score. */
import { meanSquaredError, random, type TaskSource } from "@innerloop/core";
import { optionGroup } from "@innerloop/core/learners";
import { domain, UsageError } from "@innerloop/experiments";
import { tensor, toNumbers } from "@innerloop/graph";

const options = optionGroup({
  features: { kind: "integer", default: 4, least: 1, most: 64, help: "numbers of an item", inEvaluation: true },
  shots: { kind: "integer", default: 8, least: 1, most: 1000, help: "scored items of a task", inEvaluation: true },
});

const rows = (given: unknown): number[][] => {
  const list = typeof given === "string" ? (JSON.parse(given) as unknown) : given;
  if (Array.isArray(list) && list.every(Array.isArray)) return list as number[][];
  throw new UsageError(`items are ${String(given)}`, "Give [[number, ...], ...]");
};
const matrix = (list: readonly (readonly number[])[]) =>
  tensor(Float32Array.from(list.flat()), [list.length, list[0]?.length ?? 0]);

const scores = { kind: "numbers", targets: [{ name: "score", mean: 0, deviation: 1 }] } as const;
function rankings(features: number, shots: number): TaskSource {
  return {
    name: "rankings",
    description: { features, shots, queries: shots },
    sample: (seed, index) => {
      const draw = random(seed, index);
      const hidden = Array.from({ length: features }, () => draw.normal());
      const examples = () => {
        const x = Array.from({ length: shots }, () => hidden.map(() => draw.normal()));
        return { x: matrix(x), y: matrix(x.map((item) => [item.reduce((sum, v, i) => sum + v * hidden[i]!, 0)])) };
      };
      return { support: examples(), query: examples() };
    },
  };
}

export const ranking = domain({
  name: "ranking",
  title: "rankings",
  kind: "regression",
  options,
  presets: {
    ranking: {
      summary: "items in the order of a hidden direction",
      protocol: "scores are inner products with a vector drawn for each task",
      config: { learner: { innerRate: 0.05 }, network: { name: "mlp", hidden: [16], batchNorm: "none" } },
    },
  },
  networks: ["mlp", "linear"],
  tasks: (_, { features, shots }) => {
    const source = rankings(features, shots);
    return { train: source, validation: source, test: source };
  },
  shapes: (_, { features, shots }) => ({ inputShape: [features], outputs: 1, supportRows: shots, trainClasses: 0 }),
  loss: () => meanSquaredError,
  describe: ({ options: { features } }) => [["data", `rankings of vectors of ${features}`]],
  taskSizes: ["shots"],
  heldOut: ({ options: { features } }) => ({ features }),
  exported: ({ options: { features } }) => ({ inputs: { kind: "numbers", shape: [features] }, answers: scores }),
  adaptation: {
    readSupport: async (given) => {
      const scored = rows(given);
      const [x, y] = [scored.map((row) => row.slice(0, -1)), scored.map((row) => row.slice(-1))];
      return { x: matrix(x), y: matrix(y), text: `${x.length} scored items`, notes: [] };
    },
    readInputs: async (given) => {
      const items = (Array.isArray(given) ? given : [given]).flatMap((each) =>
        typeof each === "string" ? rows(each) : [each],
      );
      return { x: matrix(items as number[][]), names: items.map(String) };
    },
    answers: (prediction) => toNumbers(prediction).map((score) => ({ score })),
    table: (answers, { inputs }) => ({
      header: ["item", "score"],
      rows: answers
        .map(({ score }, i) => [inputs.names[i]!, Number(score).toFixed(3)])
        .sort((a, b) => Number(b[1]) - Number(a[1])),
    }),
  },
});
