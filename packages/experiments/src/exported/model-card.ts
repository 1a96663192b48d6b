/** The model card of an exported folder: README.md, as the Hugging Face hub reads it. */
import type { ExportedPrograms } from "@innerloop/core/training";
import type { PortableSlot } from "@innerloop/graph";
import { withInterval } from "../figures/figure-text.js";
import { figureTitle } from "../figures/results-cells.js";
import { cut } from "../options/outside-text.js";
import { scoreTitles } from "../runs/open-set-rule.js";
import { batchNormText } from "../protocol-text.js";
import type { EvaluationRecord, MethodRecord } from "../published/row-evaluations.js";
import { counted } from "../words.js";
import type { ExportedConfig } from "./exported-config.js";
import { type ExportForm, formOf } from "./input-forms.js";

/** What a card is written from. */
export interface CardParts {
  readonly told: Omit<ExportedConfig, "files">;
  readonly form: ExportForm;
  readonly programs: Pick<ExportedPrograms, "models">;
  /** The evaluation of the run; undefined where it has none. */
  readonly results: EvaluationRecord | undefined;
}

/** Text of a run in one line of Markdown: what would be markup, or end a table's cell, is written out. */
const plain = (text: string): string =>
  cut(text, 2000)
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ")
    .replaceAll(/[\\`*_[\]<>|]/g, (letter) => `\\${letter}`);

/** Text of a run as code: in a block, of which it cannot end the fence. */
const code = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ").replaceAll("`", "'");

/** The text of README.md. */
export function modelCard({ told, form, programs, results }: CardParts): string {
  const { learner, ways, targets, support } = told;
  const tags = ["few-shot", "meta-learning", "onnx", "innerloop"];
  const what =
    ways === undefined
      ? `predicts ${targets!.map(({ name }) => plain(name)).join(", ")}`
      : `tells up to ${ways} new classes apart`;
  return [
    ...["---", "license: other", "library_name: innerloop", `pipeline_tag: ${form.pipelineTag ?? "other"}`, "tags:"],
    ...tags.map((tag) => `- ${tag}`),
    "---",
    "",
    `# ${plain(learner)}: ${ways === undefined ? "regression" : "classes"} from a few examples`,
    "",
    `This learner ${what} from at most ${support} examples. Adapting is itself a program of standard ONNX operators: it runs`,
    "wherever ONNX does, offline, and nothing is trained anew. State a license of your own above before you publish it.",
    "",
    "## What it takes",
    "",
    ...takes(told),
    "",
    "## Use from Python",
    "",
    "Nothing but onnxruntime and numpy is needed.",
    "",
    "```python",
    ...python(told),
    "```",
    "",
    "## Use from Node",
    "",
    "```js",
    ...javascript(told),
    "```",
    "",
    "`npx innerloop verify DIR` checks every file and the answers of the programs.",
    "",
    "## Programs",
    "",
    "| program | inputs | outputs |",
    "|---|---|---|",
    ...(["adapt", "predict", "few_shot"] as const).map((name) => {
      const { inputs, outputs } = programs.models[name];
      return `| onnx/${name}.onnx | ${slotsText(inputs)} | ${slotsText(outputs)} |`;
    }),
    "",
    "`status` is 0, or the sum of: 1 a label out of range, 2 no example present, 4 a result that is not finite, 8 negative steps,",
    "16 another number of steps than the programs are written for. expected.safetensors has a held-out task with the answers to it.",
    "",
    "## Results",
    "",
    ...resultLines(told, results),
    "",
    "## Limits",
    "",
    ...limits(told),
    "",
    "## Training",
    "",
    `${plain(learner)}, ${told.checkpoint} checkpoint after ${told.iteration} updates; trained by`,
    "",
    "```sh",
    code(told.command),
    "```",
    "",
  ].join("\n");
}

function takes({
  inputs,
  support,
  padded,
  ways,
  targets,
  queries,
  steps,
  classes,
}: CardParts["told"]): readonly string[] {
  const answer = targets
    ? `Targets are (value - mean) / deviation: ${targets
        .slice(0, 16)
        .map(({ name, mean, deviation }) => `${plain(name)} with ${mean} and ${deviation}`)
        .join("; ")}. So are answers, which \`innerloop\` gives in their own units.`
    : classes
      ? `The classes are ${classes.slice(0, 64).map(plain).join(", ")}, in this order.`
      : `Labels are 0 to ${ways! - 1}, as many as the task has classes; \`innerloop\` takes their names.`;
  const stepText =
    steps.usual === undefined
      ? "It takes no adaptation steps: `steps` is ignored."
      : steps.fixed === undefined
        ? `\`steps\` is the number of adaptation steps, ${steps.usual} usually.`
        : `\`steps\` is ${steps.fixed}.`;
  return [
    `- ${formOf(inputs).about(inputs)}`,
    `- ${answer}`,
    padded
      ? `- Support sets have ${support} rows; \`support_mask\` is 1 for those that are there, 0 for the others.`
      : `- Support sets have any number of rows up to ${support}; \`support_mask\` is 1 for each of them, or 0 for one to leave out.`,
    `- ${stepText}`,
    ...(queries === undefined ? [] : [`- Predictions are for ${queries} inputs at once, no more and no fewer.`]),
  ];
}

function python({ inputs, support, padded, ways, targets, steps, queries = 2 }: CardParts["told"]): readonly string[] {
  const form = formOf(inputs);
  const { dtype, shape } = form.slot(inputs);
  const there = Math.min(support, ways === undefined ? 5 : 2 * ways);
  const rows = padded ? support : there;
  return [
    "import numpy as np",
    "import onnxruntime as ort",
    "",
    'session = ort.InferenceSession("onnx/few_shot.onnx")',
    `inputs = np.zeros((${[rows, ...shape].join(", ")}), np.${dtype})`,
    `inputs[:${there}] = ${form.inPython(inputs, String(there))}  # your examples`,
    ...(targets
      ? [`targets = np.zeros((${rows}, ${targets.length}), np.float32)  # your targets`]
      : [`labels = np.zeros(${rows}, np.int64)`, `labels[:${there}] = np.arange(${there}) % ${ways}  # their classes`]),
    `mask = (np.arange(${rows}) < ${there}).astype(np.float32)`,
    `queries = ${form.inPython(inputs, String(queries))}  # your inputs`,
    "outputs = session.run(None, {",
    '    "support_inputs": inputs,',
    targets ? '    "support_targets": targets,' : '    "support_labels": labels,',
    '    "support_mask": mask,',
    `    "steps": np.array(${steps.usual ?? 0}, np.int64),`,
    '    "query_inputs": queries,',
    "})",
    "answers = dict(zip([output.name for output in session.get_outputs()], outputs))",
    'assert answers["status"] == 0',
    targets ? 'print(answers["mean"])' : 'print(answers["probabilities"].argmax(axis=1))',
  ];
}

function javascript({ inputs, targets }: CardParts["told"]): readonly string[] {
  const one = formOf(inputs).inJavaScript(inputs);
  const answer = targets ? "{ value }" : "{ label, probability }";
  const example = targets ? `{ input: ${one}, target: 1.5 }` : `{ input: ${one}, label: "cat" }`;
  return [
    'import { load } from "innerloop";',
    "",
    "const learner = await load(DIR);",
    `const task = await learner.adapt([${example}, ${example.replace('"cat"', '"dog"')}]);`,
    `const ${answer} = await task.predict(${one});`,
  ];
}

/** Slots in a cell of a table; what adapting hands to predicting may be many. */
const slotsText = (slots: readonly PortableSlot[]): string => {
  const state = slots.filter(({ name }) => name.startsWith("state."));
  const others = slots.filter((slot) => !state.includes(slot));
  const shown = others.map(({ name, dtype, shape }) => `\`${name}\` ${dtype} [${shape.join(", ")}]`);
  return [...(state.length > 0 ? [`\`state.*\` (${counted(state.length, "tensor")})`] : []), ...shown].join(", ");
};

function resultLines(
  { learner, batchNorm }: CardParts["told"],
  results: EvaluationRecord | undefined,
): readonly string[] {
  if (!results) return ["The run had not been evaluated when it was exported: `innerloop eval RUN` does it."];
  const rows = results.evaluations.flatMap((method, place) => methodRows(method, place === 0));
  const { batchNorm: evaluated = "none" } = results.evaluations[0]!.protocol;
  const norm =
    evaluated === batchNorm
      ? ""
      : ` They are with ${plain(batchNormText(evaluated))}, where these programs have ${plain(batchNormText(batchNorm))}: \`innerloop eval RUN --batch-norm ${plain(batchNorm)}\` judges these.`;
  return [
    "| method | steps | figure | mean ± 95% interval over tasks |",
    "|---|---|---|---|",
    ...rows,
    "",
    ...(results.summary === undefined ? [] : [plain(results.summary), ""]),
    `These are figures of the run, ${results.checkpoint ?? "best"} checkpoint after ${results.iteration} updates; the first rows are of ${plain(learner)}.${norm}`,
  ];
}

/** A row for each number of steps and the leading figure. */
function methodRows({ learner, figures, rows }: MethodRecord, isFirst: boolean): readonly string[] {
  return rows.flatMap((row) => {
    const [described] = figures ?? [];
    const value = described && row.figures[described.name];
    if (!value) return [];
    const title = isFirst ? `**${plain(learner)}**` : plain(learner);
    return [`| ${title} | ${row.steps} | ${plain(figureTitle(described))} | ${withInterval(described, value)} |`];
  });
}

function limits({ ways, support, batchNorm, inputs, openSet }: CardParts["told"]): readonly string[] {
  return [
    "- It was trained for tasks like those of its training: on others it may do no better than chance, and says nothing of it.",
    ...(ways === undefined
      ? []
      : openSet
        ? [
            `- \`rejected\` is true where an input is taken to be of none of the classes: where its ${scoreTitles[openSet.score]} is below ${openSet.threshold.toPrecision(5)}. That was chosen on ${openSet.ways}-way ${openSet.shots}-shot tasks after ${counted(openSet.steps, "step")}, and means nothing after others.`,
          ]
        : ["- It always answers with one of the classes of the task, also for an input that is of none of them."]),
    `- At most ${support} examples${ways === undefined ? "" : ` of ${ways} classes`}; a few badly chosen ones make a bad learner.`,
    ...(batchNorm === "none" ? [] : [`- Batch normalisation: ${plain(batchNorm)}.`]),
    ...(formOf(inputs).preprocessor
      ? ["- Images are to be prepared as preprocessor_config.json says; programs do not resize."]
      : []),
  ];
}
