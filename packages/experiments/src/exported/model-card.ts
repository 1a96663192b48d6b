/** The model card of an exported folder: README.md, as the Hugging Face hub reads it. */
import type { ExportedPrograms } from "@innerloop/core/training";
import type { PortableSlot } from "@innerloop/graph";
import { withInterval } from "../figures/figure-text.js";
import { figureTitle } from "../figures/results-cells.js";
import { cut } from "../options/outside-text.js";
import { batchNormText } from "../protocol-text.js";
import type { EvaluationRecord, MethodRecord } from "../published/row-evaluations.js";
import { bytes, counted } from "../words.js";
import type { ExportedConfig } from "./exported-config.js";
import type { KindWords } from "./exported-kind.js";
import { kindOf } from "./exported-kinds.js";
import { querySlots, supportSlots, wasmFile } from "./exported-programs.js";
import { backboneFile } from "./input-encoder.js";
import { type ExportForm, formOf } from "./input-forms.js";
import { code, plain } from "./markdown-text.js";
import type { RowSlot } from "./row-arrays.js";

/** What a run does not know of itself, for its card. */
export interface CardDetails {
  /** As the hub names licenses: mit, cc-by-4.0. */
  readonly license?: string | undefined;
  /** The first line. */
  readonly title?: string | undefined;
  /** Whose the data of training were, and under which licenses. */
  readonly credits?: string | undefined;
  /** Names of data sets, for the hub's lists. */
  readonly datasets?: readonly string[] | undefined;
}

/** What a card is written from. */
export interface CardParts {
  readonly told: Omit<ExportedConfig, "files">;
  readonly form: ExportForm;
  readonly programs: Pick<ExportedPrograms, "models">;
  /** The evaluations of the run, its own first where it has one. */
  readonly results: readonly EvaluationRecord[];
  readonly details: CardDetails;
  /** The bytes of the module in WebAssembly, where the folder has one. */
  readonly wasmBytes?: number | undefined;
}

const packages = new Intl.ListFormat("en");

/** The text of README.md. */
export function modelCard({ told, form, programs, results, details, wasmBytes }: CardParts): string {
  const { learner, support, answers } = told;
  const { license, title, credits, datasets = [] } = details;
  const tags = ["few-shot", "meta-learning", "onnx", "innerloop"];
  const words = kindOf(answers).words(told);
  return [
    "---",
    `license: ${license ?? "other"}`,
    "library_name: innerloop",
    `pipeline_tag: ${form.pipelineTag ?? "other"}`,
    "tags:",
    ...tags.map((tag) => `- ${tag}`),
    ...(datasets.length === 0 ? [] : ["datasets:", ...datasets.map((name) => `- ${quotedScalar(name)}`)]),
    ...modelIndex(title ?? learner, form, { results, datasets }),
    "---",
    "",
    `# ${title === undefined ? `${plain(learner)}: ${words.title}` : plain(title)}`,
    "",
    `This learner ${words.does} from at most ${support} examples. Adapting is itself a program of standard ONNX operators: it runs`,
    `wherever ONNX does, offline, and nothing is trained anew.${license === undefined ? " State a license of your own above before you publish it." : ""}`,
    "",
    ...(credits === undefined ? [] : ["## Data and licenses", "", plain(credits), ""]),
    "## What it takes",
    "",
    ...takes(told, words),
    "",
    "## Use from Python",
    "",
    `Nothing but ${packages.format(["onnxruntime", "numpy", ...(formOf(told.inputs).pythonPackages ?? [])])} is needed.`,
    "",
    "```python",
    ...python(told, words),
    "```",
    "",
    "## Use from Node",
    "",
    "```js",
    ...javascript(told, words),
    "```",
    "",
    "`npx innerloop verify DIR` checks every file and the answers of the programs.",
    "",
    "## Use in a page",
    "",
    "The same, of the folder as any server of files has it; nothing is sent anywhere.",
    "",
    "```js",
    'import { loadExported } from "@innerloop/web";',
    "",
    "const learner = await loadExported(URL);",
    "```",
    "",
    ...(wasmBytes === undefined ? [] : moduleLines(form, wasmBytes)),
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
    ...limits(told, words),
    "",
    "## Training",
    "",
    told.iteration === 0
      ? `${plain(learner)}, whose parameters were trained elsewhere; imported by`
      : `${plain(learner)}, ${told.checkpoint} checkpoint after ${told.iteration} updates; trained by`,
    "",
    "```sh",
    code(told.command),
    "```",
    "",
  ].join("\n");
}

/** The module in WebAssembly: what it has in place of what. */
const moduleLines = ({ encoder }: ExportForm, wasmBytes: number): readonly string[] => [
  `With \`loadExported(URL, { engine: "wasm" })\` the module ${wasmFile} (${bytes(wasmBytes)}) adapts and predicts in place of the ONNX`,
  encoder === undefined
    ? "programs, in Node by `@innerloop/node` as well: no onnxruntime is loaded."
    : `programs, in Node by \`@innerloop/node\` as well; onnxruntime then runs the encoder, ${backboneFile}, alone.`,
  "",
];

function takes(
  { inputs, answers, support, padded, queries, steps }: CardParts["told"],
  { takes: own }: KindWords,
): readonly string[] {
  const stepText =
    steps.usual === undefined
      ? "It takes no adaptation steps: `steps` is ignored."
      : steps.fixed === undefined
        ? `\`steps\` is the number of adaptation steps, ${steps.usual} usually.`
        : `\`steps\` is ${steps.fixed}.`;
  const rows = kindOf(answers).masked
    ? padded
      ? `Support sets have ${support} rows; \`support_mask\` is 1 for those that are there, 0 for the others.`
      : `Support sets have any number of rows up to ${support}; \`support_mask\` is 1 for each of them, or 0 for one to leave out.`
    : `Support sets have ${support} rows, all of which are there.`;
  return [
    `- ${formOf(inputs).about(inputs)}`,
    ...own.map((each) => `- ${each}`),
    `- ${rows}`,
    `- ${stepText}`,
    ...(queries === undefined ? [] : [`- Predictions are for ${queries} inputs at once, no more and no fewer.`]),
  ];
}

function python(told: CardParts["told"], words: KindWords): readonly string[] {
  const { inputs, answers, support, padded, steps, queries } = told;
  const there = words.pythonRows(support);
  const all = padded ? support : there;
  const form = formOf(inputs);
  const made = (name: string, rows: number | undefined): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(form.inPython(inputs, rows)).map(([path, text]) => [path === "" ? name : `${name}.${path}`, text]),
    );
  const known = { ...made("support_inputs", there), ...words.pythonTargets(there) };
  const isInput = ({ name }: RowSlot): boolean => name.startsWith("support_inputs");
  const asked = made("query_inputs", queries);
  return [
    "import numpy as np",
    "import onnxruntime as ort",
    "",
    ...(words.pythonDefinitions ?? []),
    ...(form.pythonFirst?.(inputs) ?? []),
    'session = ort.InferenceSession("onnx/few_shot.onnx")',
    "task = {",
    ...supportSlots(told).map(
      ({ name, dtype, shape }) =>
        `    "${name}": np.zeros(${pythonShape([all, ...shape])}, np.${dtype}),${isInput({ name, dtype, shape }) || known[name] ? "" : "  # yours"}`,
    ),
    ...(kindOf(answers).masked
      ? [`    "support_mask": (np.arange(${all}) < ${there}).astype(np.float32),  # ${there} are there`]
      : []),
    `    "steps": np.array(${steps.usual ?? 0}, np.int64),`,
    "}",
    ...supportSlots(told).flatMap((slot) =>
      known[slot.name]
        ? [`task["${slot.name}"][:${there}] = ${known[slot.name]}  # your ${isInput(slot) ? "examples" : words.given}`]
        : [],
    ),
    "queries = {",
    ...querySlots(told).map(({ name }) => `    "${name}": ${asked[name]},  # your inputs`),
    "}",
    "outputs = session.run(None, {**task, **queries})",
    "answers = dict(zip([output.name for output in session.get_outputs()], outputs))",
    'assert answers["status"] == 0',
    ...words.pythonAnswers,
  ];
}

/** A shape as numpy takes it: one number, or a tuple. */
const pythonShape = (shape: readonly number[]): string =>
  shape.length === 1 ? `${shape[0]}` : `(${shape.join(", ")})`;

function javascript({ inputs }: CardParts["told"], words: KindWords): readonly string[] {
  const { examples, ask } = words.javascript(formOf(inputs).inJavaScript(inputs));
  return [
    'import { load } from "innerloop";',
    "",
    "const learner = await load(DIR);",
    `const task = await learner.adapt([${examples.join(", ")}]);`,
    ...ask,
  ];
}

/** Slots in a cell of a table; what adapting hands to predicting may be many. */
const slotsText = (slots: readonly PortableSlot[]): string => {
  const state = slots.filter(({ name }) => name.startsWith("state."));
  const others = slots.filter((slot) => !state.includes(slot));
  const shown = others.map(({ name, dtype, shape }) => `\`${name}\` ${dtype} [${shape.join(", ")}]`);
  return [...(state.length > 0 ? [`\`state.*\` (${counted(state.length, "tensor")})`] : []), ...shown].join(", ");
};

/** A text as YAML takes any: in quotes. */
const quotedScalar = (text: string): string =>
  JSON.stringify(cut(text, 400).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " "));

/** The figures of the learner as the hub reads them: the leading one of each evaluation, after the most steps. */
function modelIndex(
  name: string,
  form: ExportForm,
  { results, datasets }: Pick<CardParts, "results"> & { readonly datasets: readonly string[] },
): readonly string[] {
  const data = datasets.length === 0 ? "of the run" : datasets.join(", ");
  const entries = results.flatMap(({ evaluations: [own], summary }) => {
    const [described] = own?.figures ?? [];
    const row = own?.rows.findLast(({ figures }) => described && figures[described.name]);
    const value = described && row?.figures[described.name];
    if (!value || !Number.isFinite(value.mean)) return [];
    const { tasks } = own!.protocol;
    const ofTasks = typeof tasks === "number" ? ` over ${tasks} tasks` : "";
    const after = row!.steps === 0 ? "" : ` after ${counted(row!.steps, "step")}`;
    return [
      "  - task:",
      `      type: ${form.pipelineTag ?? "other"}`,
      `      name: ${quotedScalar(summary ?? "held-out tasks")}`,
      "    dataset:",
      `      name: ${quotedScalar(data)}`,
      `      type: ${quotedScalar(data)}`,
      "    metrics:",
      `    - type: ${quotedScalar(described.title)}`,
      `      value: ${value.mean}`,
      `      name: ${quotedScalar(`${figureTitle(described)}${after}: ${withInterval(described, value)} (95% interval${ofTasks})`)}`,
    ];
  });
  return entries.length === 0 ? [] : ["model-index:", `- name: ${quotedScalar(name)}`, "  results:", ...entries];
}

function resultLines(
  { learner, batchNorm }: CardParts["told"],
  results: readonly EvaluationRecord[],
): readonly string[] {
  const [first] = results;
  if (!first) return ["The run had not been evaluated when it was exported: `innerloop eval RUN` does it."];
  const { batchNorm: evaluated = "none" } = first.evaluations[0]!.protocol;
  const norm =
    evaluated === batchNorm
      ? ""
      : ` They are with ${plain(batchNormText(evaluated))}, where these programs have ${plain(batchNormText(batchNorm))}: \`innerloop eval RUN --batch-norm ${plain(batchNorm)}\` judges these.`;
  return [
    ...results.flatMap(({ evaluations, summary }) => [
      "| method | steps | figure | mean ± 95% interval over tasks |",
      "|---|---|---|---|",
      ...evaluations.flatMap((method, place) => methodRows(method, place === 0)),
      "",
      ...(summary === undefined ? [] : [plain(summary), ""]),
    ]),
    `These are figures of the run, ${first.checkpoint ?? "best"} checkpoint after ${first.iteration} updates; the first rows are of ${plain(learner)}.${norm}`,
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

function limits({ support, batchNorm, inputs }: CardParts["told"], words: KindWords): readonly string[] {
  const most = words.most.replace(/^up to /, "");
  return [
    "- It was trained for tasks like those of its training: on others it may do no better than chance, and says nothing of it.",
    ...words.limits.map((each) => `- ${each}`),
    `- At most ${support} examples${most === "" ? "" : ` of ${most}`}; a few badly chosen ones make a bad learner.`,
    ...(batchNorm === "none" ? [] : [`- Batch normalisation: ${plain(batchNorm)}.`]),
    ...(formOf(inputs).preprocessor
      ? ["- Images are to be prepared as preprocessor_config.json says; programs do not resize."]
      : []),
  ];
}
