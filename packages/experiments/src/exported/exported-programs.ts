/** The programs of an exported learner, opened: their inputs and outputs are those that config.json tells. */
import type { PortableArrays, PortableEngine, PortableSession, PortableSlot, WasmModule } from "@innerloop/graph";
import { reasonOf } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";
import type { ExportedConfig } from "./exported-config.js";
import type { ToldFiles } from "./exported-files.js";
import { kindOf } from "./exported-kinds.js";
import { namedSlots } from "./input-form.js";
import { formOf } from "./input-forms.js";
import type { RowSlot } from "./row-arrays.js";

/** A program that is open, by the name of its file. */
export interface OpenProgram {
  /** @throws ExportError ILE202 where it fails */
  run(feeds: PortableArrays): Promise<PortableArrays>;
  close(): Promise<void>;
}

/** Adapting and predicting. */
export interface OpenPrograms {
  readonly adapt: OpenProgram;
  readonly predict: OpenProgram;
  /** What adapting hands to predicting. */
  readonly state: readonly PortableSlot[];
}

/** Elements of a tensor of state at most: a network of 2^28 parameters that all adapt. */
const mostElements = 2 ** 28;

type Told = Pick<
  ExportedConfig,
  "inputs" | "ways" | "answers" | "support" | "padded" | "queries" | "openSet" | "outputs" | "steps"
>;

/** Slots of so many rows. */
const inRows = (slots: readonly RowSlot[], rows: number | string): readonly PortableSlot[] =>
  slots.map(({ name, dtype, shape }) => ({ name, dtype, shape: [rows, ...shape] }));

/** What a support row is fed by: its input, and what it says beside it. */
export const supportSlots = (config: Told): readonly RowSlot[] => [
  ...namedSlots("support_inputs", formOf(config.inputs).slots(config.inputs)),
  ...kindOf(config.answers).targets(config),
];

/** What a query row is fed by. */
export const querySlots = ({ inputs }: Pick<Told, "inputs">): readonly RowSlot[] =>
  namedSlots("query_inputs", formOf(inputs).asked?.(inputs) ?? formOf(inputs).slots(inputs));

/** Predictions for a row. */
export const predictionSlots = (config: Told): readonly RowSlot[] => kindOf(config.answers).predictions(config);

/** The inputs of an adapting program. */
function taskSlots(config: Told): readonly PortableSlot[] {
  const rows = config.padded ? config.support : "support";
  return [
    ...inRows(supportSlots(config), rows),
    ...(kindOf(config.answers).masked ? [{ name: "support_mask", dtype: "float32", shape: [rows] } as const] : []),
    { name: "steps", dtype: "int64", shape: [] },
  ];
}

const askedSlots = (config: Told): readonly PortableSlot[] => inRows(querySlots(config), config.queries ?? "queries");

const answerSlots = (config: Told): readonly PortableSlot[] =>
  inRows(predictionSlots(config), config.queries ?? "queries");

const statusSlot: PortableSlot = { name: "status", dtype: "int64", shape: [] };
const isState = ({ name }: PortableSlot): boolean => name === "state" || name.startsWith("state.");

/** `support_inputs float32[25, 28, 28, 1]`; sizes that may be any are alike. */
const slotText = ({ name, dtype, shape }: PortableSlot): string =>
  `${name} ${dtype}[${shape.map((n) => (typeof n === "string" ? "any" : n)).join(", ")}]`;

/**
 * The state that a program takes or gives, of which sizes may be those of the support set where any are taken.
 *
 * @throws ExportError ILE202 where it is of no sizes that can be
 */
function stateOf(slots: readonly PortableSlot[], { support, padded }: Told, where: string): readonly PortableSlot[] {
  return slots.filter(isState).map((slot) => {
    const most = padded ? Number.NaN : support;
    const size = slot.shape.reduce<number>((a, b) => a * (typeof b === "number" ? b : most), 1);
    if (slot.shape.length <= 16 && size <= mostElements) return slot;
    throw new ExportError("ILE202", where, `${slotText(slot).slice(0, 200)} is of no size that is read`, remedy);
  });
}

const remedy = "Export the run again, or get the folder anew from where it came from";

/** @throws ExportError ILE202 where slots are others */
function requireSlots(
  where: string,
  what: string,
  found: readonly PortableSlot[],
  told: readonly PortableSlot[],
): void {
  const [here, expected] = [found, told].map((list) => list.map(slotText).sort());
  if (here!.join("\n") === expected!.join("\n")) return;
  const missing = expected!.find((each) => !here!.includes(each));
  const more = here!.find((each) => !expected!.includes(each));
  const problem =
    missing === undefined
      ? `it has ${what} ${(more ?? "of one name").slice(0, 200)}, which config.json does not tell`
      : `config.json tells ${what} ${missing.slice(0, 200)}, which it has not`;
  throw new ExportError("ILE202", where, problem, remedy);
}

/** Where programs come from: files whose hashes were checked, and what opens them. */
export interface ProgramSource {
  readonly told: ToldFiles;
  /** How messages call the files. */
  readonly shown: string;
  readonly engine: PortableEngine;
  /** What opens the module in WebAssembly, whose programs are then taken in place of the ONNX models. */
  readonly openModule?: OpenModule | undefined;
}

/** An opener of modules in WebAssembly: `openWasmModule`, or one that does so in a worker. */
export type OpenModule = (bytes: Uint8Array) => Promise<Pick<WasmModule, "functions">>;

/** The file of the module in WebAssembly. */
export const wasmFile = "wasm/learner.wasm";

/** Opens the module in WebAssembly. @throws ExportError ILE202 where it is none, or there is none */
async function wasmPrograms(
  { told, shown }: ProgramSource,
  openModule: OpenModule,
): Promise<readonly [PortableSession, PortableSession]> {
  const bytes = told[wasmFile];
  if (!bytes)
    throw new ExportError(
      "ILE202",
      shown,
      "it has no programs in WebAssembly",
      'Export the run with --wasm, or load it without engine: "wasm"',
    );
  const where = `${shown}/${wasmFile}`;
  try {
    const { adapt, predict } = (await openModule(bytes)).functions;
    if (adapt && predict) return [adapt, predict];
  } catch (cause) {
    throw new ExportError("ILE202", where, `it cannot be opened (${reasonOf(cause)})`, remedy, { cause });
  }
  throw new ExportError("ILE202", where, "it has no functions adapt and predict", remedy);
}

/** Opens a model of the files. @throws ExportError ILE202 where it is none */
async function opened(
  { told, shown, engine }: ProgramSource,
  name: "adapt" | "predict" | "few_shot",
): Promise<PortableSession> {
  const file = `onnx/${name}.onnx` as const;
  try {
    return await engine.open(told[file]!);
  } catch (cause) {
    throw new ExportError("ILE202", `${shown}/${file}`, `it cannot be opened (${reasonOf(cause)})`, remedy, { cause });
  }
}

const programOf = (session: PortableSession, where: string): OpenProgram => ({
  run: async (feeds) => {
    try {
      return await session.run(feeds);
    } catch (cause) {
      throw new ExportError("ILE202", where, `it failed (${reasonOf(cause)})`, remedy, { cause });
    }
  },
  close: () => session.close(),
});

/** Opens adapting and predicting. @throws ExportError ILE202 for what config.json does not tell */
export async function openPrograms(source: ProgramSource, config: ExportedConfig): Promise<OpenPrograms> {
  const inWasm = source.openModule && (await wasmPrograms(source, source.openModule));
  const adapt = inWasm?.[0] ?? (await opened(source, "adapt"));
  let predict: PortableSession | undefined = inWasm?.[1];
  try {
    predict ??= await opened(source, "predict");
    const [first, second] = ["adapt", "predict"].map((name) =>
      inWasm ? `${source.shown}/${wasmFile} ${name}` : `${source.shown}/onnx/${name}.onnx`,
    ) as [string, string];
    const state = stateOf(predict.inputs, config, second);
    requireSlots(first, "the input", adapt.inputs, taskSlots(config));
    requireSlots(first, "the output", adapt.outputs, [...state, statusSlot]);
    requireSlots(second, "the input", predict.inputs, [...state, ...askedSlots(config)]);
    requireSlots(second, "the output", predict.outputs, answerSlots(config));
    return { adapt: programOf(adapt, first), predict: programOf(predict, second), state };
  } catch (error) {
    await adapt.close();
    await predict?.close();
    throw error;
  }
}

/** Opens both in one. @throws ExportError ILE202 for what config.json does not tell */
export async function openFewShot(source: ProgramSource, config: ExportedConfig): Promise<OpenProgram> {
  const session = await opened(source, "few_shot");
  const where = `${source.shown}/onnx/few_shot.onnx`;
  try {
    requireSlots(where, "the input", session.inputs, [...taskSlots(config), ...askedSlots(config)]);
    requireSlots(where, "the output", session.outputs, [...answerSlots(config), statusSlot]);
    return programOf(session, where);
  } catch (error) {
    await session.close();
    throw error;
  }
}
