/** A kind of task of exported folders: what examples say beside their inputs, and what is answered. A record for each. */
import type { OpenSetRule } from "@innerloop/core/exported";
import type { LearnerEntry } from "@innerloop/core/learners";
import type { PortableArrays } from "@innerloop/graph";
import type { Recommendations } from "../domains/ranker.js";
import type { ExportedOpenSet } from "./exported-config.js";
import type { ExportedInputs } from "./input-forms.js";
import type { ExportedRecommendation } from "./rating-kind.js";
import type { RowSlot, RowValues } from "./row-arrays.js";

/** What config.json tells of a kind, and of the programs that it is about. */
export interface KindSetting<Answers> {
  readonly answers: Answers;
  /** Classes that the programs tell apart at most; undefined where targets are no classes. */
  readonly ways: number | undefined;
  readonly inputs: ExportedInputs;
  /** Names of predictions. */
  readonly outputs: readonly string[];
  /** The rule by which an input is of none of the classes; undefined where there is none. */
  readonly openSet?: ExportedOpenSet | undefined;
  /** Rows of a support set at most. */
  readonly support: number;
  readonly steps: {
    /** Steps that are taken unless others are asked for. */
    readonly usual: number | undefined;
    /** Steps that programs are written for; undefined where any may be asked for. */
    readonly fixed: number | undefined;
  };
}

/** The part of it that is known before answers are. */
export type BeforeAnswers = Pick<KindSetting<unknown>, "ways" | "inputs" | "outputs">;

/** The refusal of what a user gives, as ILE206. */
export type Refusal = (where: string, problem: string, remedy: string) => never;

/** Answers to be made: the outputs of programs row by row, and the inputs that rows are of. */
export interface AnswerRequest<Answers, Read> {
  readonly setting: KindSetting<Answers>;
  readonly classes: readonly string[];
  /** Outputs of programs for all rows. */
  readonly outputs: PortableArrays;
  /** The inputs as they were read. */
  readonly read: readonly Read[];
  /** Of each input the first of its rows, and behind the last one the number of all of them. */
  readonly starts: readonly number[];
  /** By which inputs are rejected. */
  readonly rule?: OpenSetRule | undefined;
  /** How messages call the learner. */
  readonly where: string;
}

/** A row of a support set: its input as programs take it, and what its kind of task says of it. */
export interface SaidRow<Said> {
  readonly values: RowValues;
  readonly said: Said;
}

/** The programs by which examples are made ready that were gathered step by step. */
export interface Gathering<Answers> {
  readonly setting: KindSetting<Answers>;
  /** What so many steps make of a whole support set. */
  adapted(rows: readonly RowValues[], steps: number): Promise<PortableArrays>;
  /** Predictions for rows by what adapting has made. */
  predicted(rows: readonly RowValues[], state: PortableArrays): Promise<PortableArrays>;
  readonly refuse: Refusal;
}

/** A task whose inputs are ranked. */
export interface Ranked<Answers, Said> {
  readonly setting: KindSetting<Answers>;
  /** What the rows of its support set say. */
  readonly said: readonly Said[];
  /** Adaptation steps that it took. */
  readonly steps: number;
  /** Predictions for rows; by the task without one of the rows of its support set, where one is named. */
  predicted(rows: readonly RowValues[], without?: number): Promise<PortableArrays>;
  /** How messages call the learner. */
  readonly where: string;
}

/** Words of a kind for model cards and the command line. */
export interface KindWords {
  /** Behind the learner's name in the title: "classes from a few examples". */
  readonly title: string;
  /** What the learner does, as a sentence goes on: "tells up to 5 new classes apart". */
  readonly does: string;
  /** Behind the number of examples in a line: "up to 5 classes"; "" for nothing. */
  readonly most: string;
  /** What examples come with: "labels". */
  readonly given: string;
  /** Items of the list of what programs take and give. */
  readonly takes: readonly string[];
  /** Items of the list of limits. */
  readonly limits: readonly string[];
  /** Rows of a made-up task in Python, at most `support`. */
  readonly pythonRows: (support: number) => number;
  /** Definitions in Python that targets and answers take, before they are used. */
  readonly pythonDefinitions?: readonly string[];
  /** Made-up targets in Python: an expression of numpy for `rows` rows of each slot, by its name; zeros unless given. */
  readonly pythonTargets: (rows: number) => Readonly<Record<string, string>>;
  /** Lines that show the outputs in `answers`. */
  readonly pythonAnswers: readonly string[];
  /** Two examples in JavaScript, and the line that asks about `input`. */
  readonly javascript: (input: string) => { readonly examples: readonly string[]; readonly ask: readonly string[] };
}

/**
 * A kind of task.
 *
 * @typeParam Answers what config.json tells of it
 * @typeParam Given what an example says, checked, before its input is read
 * @typeParam Said what one row of an example says: names and values in their own units
 * @typeParam Read an input as its form has read it
 * @typeParam Answer what is answered to an input
 */
export interface ExportedKind<Answers extends { readonly kind: string }, Given, Said, Read, Answer> {
  /** The kinds of inputs that it goes with. */
  readonly inputs: readonly ExportedInputs["kind"][];
  /** The answers in an object of config.json, which anyone may have written; undefined where they are none. */
  parse(value: Readonly<Record<string, unknown>>, setting: BeforeAnswers): Answers | undefined;
  /** Its tasks in a word or two, in the plural: "marked texts". */
  readonly tasks: string;
  /** Whether a learner of the catalogue answers so, and has programs for it. */
  learners(entry: Pick<LearnerEntry, "kinds" | "needs" | "takesSteps">): boolean;
  /** The name that the hub knows the learner by. */
  readonly architecture: string;
  /** A name among the predictions of programs without which there are no answers of this kind. */
  readonly output: string;
  /** Whether support sets come with `support_mask`, and may be smaller than programs take. */
  readonly masked: boolean;
  /** Tensors of a support row beside its input, by their names in programs. */
  targets(setting: KindSetting<Answers>): readonly RowSlot[];
  /** Predictions for a row, by their names in programs. */
  predictions(setting: KindSetting<Answers>): readonly RowSlot[];

  /** An example in words: `{ input, label }`. */
  readonly example: string;
  /** The input of an example, as its form reads it; undefined where it has none. */
  inputOf(example: Readonly<Record<string, unknown>>): unknown;
  /** What an example says, checked. */
  given(example: Readonly<Record<string, unknown>>, where: string, setting: KindSetting<Answers>): Given;
  /** What each row of an example says. */
  said(given: Given, read: Read, setting: KindSetting<Answers>): readonly Said[];
  /** Classes of a task in the order of their first appearance; none where there are none. @throws by `refuse` where there are too few or too many */
  classes(said: readonly Said[], setting: KindSetting<Answers>, refuse: Refusal): readonly string[];
  /** Values of `targets` for a row. */
  rowOf(said: Said, classes: readonly string[], setting: KindSetting<Answers>): RowValues;
  /**
   * All rows of a support set, and the steps that they are for, where each step has examples of its own, gathered by what
   * the steps before have made; what users ask for unless given.
   */
  gathered?(
    rows: readonly SaidRow<Said>[],
    by: Gathering<Answers>,
  ): Promise<{ readonly rows: readonly RowValues[]; readonly steps: number }>;
  /** What the rows of a task say as arrays that its bytes hold. */
  kept(said: readonly Said[], classes: readonly string[], setting: KindSetting<Answers>): PortableArrays;
  /** The same out of bytes that anyone may have written; undefined where it is not what `kept` makes. */
  restored(
    kept: PortableArrays,
    rows: number,
    classes: readonly string[],
    setting: KindSetting<Answers>,
  ): readonly Said[] | undefined;

  /** Whether names can be the classes of a task. */
  areClasses(classes: readonly string[], setting: KindSetting<Answers>): boolean;
  /** What has to be the same, for examples of another learner to be of this one, too. */
  sameAs(answers: Answers): unknown;

  /** @throws ExportError ILE207 where a prediction is no finite number */
  answers(request: AnswerRequest<Answers, Read>): readonly Answer[];
  /** All that a learner knows in the order of a task, where it knows what may be asked about. @throws ExportError ILE206 */
  recommend?(request: ExportedRecommendation, task: Ranked<Answers, Said>): Promise<Recommendations>;
  words(setting: KindSetting<Answers>): KindWords;
}
