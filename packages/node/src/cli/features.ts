/** FEATURES.md: what each learner of the catalogue is for. A test keeps the file equal to this, and tries each entry. */
import { type LearnerFamily, learnerNames } from "@innerloop/core";
import { learnerEntry } from "@innerloop/core/learners";
import { exportedKinds } from "@innerloop/experiments/exported";

const families: readonly (readonly [LearnerFamily, string])[] = [
  ["gradient", "Gradient-based: adapt by steps of an optimizer"],
  ["metric", "Metric-based: compare embeddings"],
  ["model", "Model-based: a network that reads the support set"],
  ["baseline", "Baselines: without learning to learn"],
];

/**
 * A row for each learner, as its entry says. What goes for all is a sentence: the test writes each one's adaptation and
 * prediction as a standard ONNX model, and runs it in onnxruntime-web.
 */
export async function featuresMarkdown(): Promise<string> {
  const entries = learnerNames.map((name) => [name, learnerEntry(name)] as const);
  const yes = (holds: boolean): string => (holds ? "yes" : "");
  const sections = families.flatMap(([family, title]) => {
    const rows = entries
      .filter(([, entry]) => entry.family === family)
      .map(([name, { kinds, variableWays, summary, source }]) =>
        [
          "",
          `\`${name}\``,
          summary,
          yes(kinds.includes("regression")),
          yes(kinds.includes("classification")),
          yes(kinds.includes("tagging")),
          yes(kinds.includes("policy")),
          yes(kinds.includes("detection")),
          (["classification", "tagging", "detection"] as const).some((kind) => kinds.includes(kind))
            ? variableWays
              ? "any"
              : "up to trained"
            : "",
          source,
          "",
        ].join(" | "),
      );
    if (rows.length === 0) return [];
    return [
      `## ${title}`,
      "",
      "| `--learner` | what is learned, and how a task is adapted to | regression | classification | tagging | policies | detection | ways at evaluation | source |",
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
      ...rows.map((row) => row.trim()),
      "",
    ];
  });
  const kinds = Object.values(await exportedKinds());
  const exported = entries.map(
    ([name, entry]) => `| \`${name}\` | ${kinds.map((kind) => yes(kind.learners(entry))).join(" | ")} |`,
  );
  return [
    "# Features",
    "",
    "<!-- Written by `node packages/node/dist/cli/write-reference.js` from the catalogue of learners; a test keeps it so. -->",
    "",
    "Every learner takes tasks of varying ways and shots, padded to one shape. The adaptation and prediction of each are one",
    "standard ONNX model, which the official checker accepts and which onnxruntime computes, natively and in the browser, as",
    "the reference interpreter does. (Of policies, that is those that adapt in steps: they are these learners.) `npm test` tries",
    "every cell, and every learner's model.",
    "",
    ...sections,
    "## Exported: adaptation as a file",
    "",
    "What `innerloop export` writes of each learner, by what its tasks are of ([docs/export.md](docs/export.md)). `npm test`",
    "writes each: programs of classes, numbers, marked texts and objects are run by onnxruntime (`scripts/export-counts.mjs` runs",
    "them in a browser as well); runs of ratings, of policies, and of marked texts and photos behind a frozen encoder are trained,",
    "exported, and held to their own answers.",
    "",
    `| \`--learner\` | ${kinds.map(({ tasks }) => tasks).join(" | ")} |`,
    `| --- |${" --- |".repeat(kinds.length)}`,
    ...exported,
    "",
  ].join("\n");
}
