/** A kind of task as one record: all that an application has to know of it. */
import type {
  Adapter,
  LabelledExamples,
  Learner,
  LearnerEntry,
  Loss,
  OpenSetRule,
  Optimizer,
  TaskKind,
  TaskSource,
} from "@innerloop/core";
import type {
  AnyLearner,
  ColumnRange,
  GatheredSteps,
  LinearClassifier,
  NetworkEntry,
  NetworkSetting,
  Networks,
  OptionGroup,
  OptionValues,
  TrainingTasks,
} from "@innerloop/core/learners";
import type { OuterMethod, TaskSupply } from "@innerloop/core/training";
import type { Tensor, Tree } from "@innerloop/graph";
import type { Flags, NamedValues, PartialConfig, RunFacts } from "../config/index.js";
import type { ExportForm } from "../exported/input-forms.js";
import type { Picture } from "../figures/svg-picture.js";
import type { DataIo, LongWork } from "../io.js";
import type { TrainingValues } from "../options/training-options.js";
import type { DomainPractice, ReportSetting } from "./practice.js";
import type { Ranker, RankerSetting } from "./ranker.js";

/** A published setting, or ours: values in which it differs from the defaults of the options. */
export interface Preset {
  /** One line for `innerloop train --help`. */
  readonly summary: string;
  /** What it is taken from and where it differs, for config.json and the documentation. */
  readonly protocol: string;
  readonly config: PartialConfig;
  /** Further values that go with a learner or a network: they stand in for those of `config` where it is chosen. */
  readonly learners?: Readonly<Record<string, PartialConfig>>;
  readonly networks?: Readonly<Record<string, PartialConfig>>;
}

/** A record of the data of a run: enough to notice that they have changed, and to read others as they were read. */
export interface DataSpec {
  readonly name: string;
  /** Of their contents. */
  readonly sha256: string;
  /** Where they are, if that is a path. */
  readonly folder?: string;
  /** Where further tables of them are, by the options that name these. */
  readonly tables?: Readonly<Record<string, string>>;
  readonly exampleShape: readonly number[];
}

/** Data that were read, and what is kept of them. */
export interface Loaded<Data, Spec extends DataSpec> {
  readonly data: Data;
  /** Nothing for tasks that are formulas. */
  readonly spec?: Spec;
  /** What the user is told of them, a line each. */
  readonly notes?: readonly string[];
}

/** Task sources for the parts of a run, or what collects tasks with a run's parameters. */
export interface Tasks<X extends Tree = Tensor, Y extends Tree = Tensor> {
  readonly train: TaskSupply<Tree, X, Y>;
  readonly validation: TaskSupply<Tree, X, Y>;
  readonly test: TaskSupply<Tree, X, Y>;
}

/** The same where no part depends on parameters. */
export interface SourceTasks<X extends Tree = Tensor, Y extends Tree = Tensor> extends Tasks<X, Y> {
  readonly train: TaskSource<X, Y>;
  readonly validation: TaskSource<X, Y>;
  readonly test: TaskSource<X, Y>;
}

/** A baseline of the results table, with the steps that it is given. */
export interface Baseline {
  readonly adapter: Adapter;
  readonly steps: readonly number[];
  /** Tasks for it, where it takes more of them than learners do: of the same addresses. */
  readonly tasks?: () => TaskSupply<Tree, Tensor, Tensor>;
  /**
   * Its parameters out of those of the run, for a baseline that uses what was trained; undefined where the run has none
   * of the kind. Without it they are fresh ones.
   */
  readonly fromTrained?: (params: Tree) => Tree | undefined;
  /** Whether it is told what no learner is: its row is a bound, and nothing that a learner could be asked to beat. */
  readonly oracle?: true;
}

/** The shapes of tasks that a learner is built for, and their sizes. */
export interface TaskShapes extends NetworkSetting {
  readonly supportRows: number;
  readonly trainClasses: number;
  /** A classifier of inputs as they are, fitted to the training examples, where labels mean the same in all tasks. */
  readonly source?: LinearClassifier;
  /** The columns of inputs, as the learner sees them, that say whom a task is about. */
  readonly profile?: readonly ColumnRange[];
  /** The columns of ids that have the words of one attribute of items, an attribute each. */
  readonly paths?: readonly ColumnRange[];
  /** Of support sets that are gathered step by step. */
  readonly gathered?: GatheredSteps;
}

/** The needs of a learner: what tasks and shapes depend on beside the options of the domain. */
export interface LearnerNeeds {
  readonly learner: LearnerEntry;
  readonly training: TrainingTasks;
}

/** The parts that baselines are made of. */
export interface BaselineSetting<O, Spec, X extends Tree = Tensor, Y extends Tree = Tensor> extends LearnerNeeds {
  readonly options: O;
  readonly spec: Spec | undefined;
  /** What was read. */
  readonly data: unknown;
  readonly tasks: Tasks<X, Y>;
  readonly shapes: TaskShapes;
  /** The run's network. */
  readonly networks: Networks<X>;
}

/** An existing run's options and data, where others are asked of it. */
export interface Own<O, Spec> {
  readonly options: O;
  readonly spec: Spec;
}

/** Examples that a user gives to adapt to, read: rows of inputs and targets, trees of tensors where the tasks' are. */
export interface GivenSupport<X extends Tree = Tensor, Y extends Tree = Tensor> {
  readonly x: X;
  readonly y: Y;
  /** Which rows are there, 1 or 0, where not all are: a task without examples has one that is not. */
  readonly present?: Tensor;
  /** Names of the classes that `y` tells apart, where it does. */
  readonly classes?: readonly string[];
  /** Examples of each of them. */
  readonly counts?: readonly number[];
  /** Sizes of the task, as flags: a model of as many classes is asked for. */
  readonly sizes?: Flags;
  /** `10 examples of 2 classes` */
  readonly text: string;
  /** What was done to them, in words that follow: "images inverted to match the run's data". */
  readonly notes: readonly string[];
  /** The same for machines. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** What else the inputs that are asked about have to be read with. */
  readonly reading?: unknown;
}

/** Inputs that a user asks about, read. */
export interface GivenInputs<X extends Tree = Tensor> {
  readonly x: X;
  /** What each is called: a file, a row of a table. */
  readonly names: readonly string[];
  /** What is known of each beside its inputs, by name: a target that is there already. */
  readonly beside?: readonly Readonly<Record<string, string | number>>[];
}

/** An answer to one input, for machines: { prediction: "cat", probabilities: { cat: 0.9, ... } }, { fare: 12.5 }. */
export type Answer = Readonly<Record<string, unknown>>;

/** A cell of the table of answers: text, text that stands out, or a share that may be drawn as a bar. */
export type AnswerCell = string | { readonly mark: string } | { readonly bar: number };

/** The support, inputs and options that answers are about. */
export interface Asked<V, Spec, X extends Tree = Tensor, Y extends Tree = Tensor> extends Own<V, Spec> {
  readonly support: GivenSupport<X, Y>;
  readonly inputs: GivenInputs<X>;
  /** Where inputs may be of none of the classes: by which score, from which threshold on. */
  readonly rule?: OpenSetRule | undefined;
}

/**
 * The way in which a domain's examples are given by users of a trained model, and its answers shown: what is given is a
 * path, or values as a program has them.
 */
export interface Adaptation<V, Spec, X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor> {
  /** Options of `adapt` that have a meaning for it, beside those of all. */
  readonly flags?: readonly string[];
  /** Whether a run answers without examples too, by what it was trained on: `readSupport` is then given undefined. */
  needsNone?(own: Own<V, Spec>): boolean;
  /** @throws UsageError for what is none of its examples */
  readSupport(given: unknown, own: Own<V, Spec>, flags: Flags, io: DataIo, work: LongWork): Promise<GivenSupport<X, Y>>;
  /** @throws UsageError for what is none of its inputs */
  readInputs(
    given: unknown,
    support: GivenSupport<X, Y>,
    own: Own<V, Spec>,
    io: DataIo,
    work: LongWork,
  ): Promise<GivenInputs<X>>;
  /**
   * Values that `readInputs` takes, from the paths of a command line, where a program's values are no paths.
   *
   * @param flags options of `adapt` that were given
   * @throws UsageError for files that hold none
   */
  fromFiles?(paths: readonly string[], own: Own<V, Spec>, io: DataIo, work: LongWork, flags?: Flags): Promise<unknown>;
  /** The value that a line of standard input is, where inputs can be written in one; undefined for a line of nothing. */
  fromLine?(line: string): unknown;
  /** An answer to a line, in one: "transfer 93.1%, then balance 4.0%". */
  lineOf?(answer: Answer): string;
  /** The `reading` of a support set from a file, which anyone may have written; undefined where it is none. */
  parseReading?(value: unknown): unknown;
  /** @param prediction of the learner for the inputs, which may have outputs beyond the classes at hand */
  answers(prediction: Out, asked: Asked<V, Spec, X, Y>): readonly Answer[];
  /** The objects of an answer, where answers are what was found in a picture: by it they are drawn. */
  objectsOf?(answer: Answer): DetectionAnswer;
  /** What is said of the support set by the answers to its own inputs, a line each: whether it was learned. */
  ofSupport?(prediction: Out, support: GivenSupport<X, Y>, own: Own<V, Spec>): readonly string[];
  /** An answer as a line for machines, beside what the input is called; the answer itself unless given. */
  record?(answer: Answer): Readonly<Record<string, unknown>>;
  /** What an input is, in a word: "input" unless given. */
  readonly inputWord?: string;
  /** The table of answers: titles of columns, and a row of cells for each answer. */
  table(answers: readonly Answer[], asked: Asked<V, Spec, X, Y>): AnswerTable;
}

/** The setting of an export. */
export interface ExportSetting {
  /** How messages call the run. */
  readonly shown: string;
  /** Images enter as numbers from 0 to 1 in place of bytes. */
  readonly floatInput: boolean;
  /** Classes that the learner tells apart at most, with the data at hand; undefined where it is of none, or says nothing of it. */
  readonly classes?: number | undefined;
  /** What opens the encoder that inputs go through. */
  readonly io: DataIo;
  readonly work: LongWork;
}

/** An object that was found in a picture. */
export interface FoundObject {
  /** The name of its class. */
  readonly class: string;
  /** How sure it is, from 0 to 1. */
  readonly score: number;
  /** In the picture's own pixels: from its left upper corner so wide and so high. */
  readonly box: readonly [x: number, y: number, width: number, height: number];
}

/** The answer to a picture: what was found in it, the surest first, and its sides in pixels. */
export interface DetectionAnswer {
  readonly width: number;
  readonly height: number;
  readonly objects: readonly FoundObject[];
}

/** Answers for people. */
export interface AnswerTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly AnswerCell[])[];
  /** Columns that are aligned to the left; the first unless given. */
  readonly left?: readonly number[];
}

/**
 * A kind of task. All code that has to know which kind a run is of asks its domain: there is no other place that does.
 *
 * @typeParam O its options
 * @typeParam Data what is read for it
 * @typeParam Spec what is kept of that
 * @typeParam X inputs of n examples: a tensor [n, ...], or a tree of them
 * @typeParam Y their targets, likewise
 * @typeParam Out what a learner predicts of inputs
 */
export interface Domain<
  O extends OptionGroup = OptionGroup,
  Data = unknown,
  Spec extends DataSpec = DataSpec,
  V = OptionGroup extends O ? NamedValues : OptionValues<O>,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> {
  /** In small letters and dashes: "classification". */
  readonly name: string;
  /** What it is about, in words that follow "for": "data sets of classes". */
  readonly title: string;
  /** The kind of learners that it takes. */
  readonly kind: TaskKind;
  readonly options: O;
  /** Settings by name, as `innerloop train` takes them. */
  readonly presets: Readonly<Record<string, Preset>>;
  /** Names of networks that fit its inputs, of the catalogue or its own, the usual one first. */
  readonly networks: readonly string[];
  /** The usual one beside options, as flags, where it is another. */
  usualNetwork?(flags: Flags): string | undefined;
  /** Networks of its own, by name: options of theirs are options of experiments, as those of the catalogue are. */
  readonly ownNetworks?: Readonly<Record<string, NetworkEntry<OptionGroup, X>>>;
  /** The preset for options that came without one, where they speak of this domain. */
  claims?(flags: Flags): string | undefined;
  /** The options that say where its data are, the one that names them first: `data` alone unless given. */
  readonly dataOptions: readonly string[];
  /** How its choice is written on the command line, for messages: `--data hanzi`. */
  shownAs(options: V): string;
  /**
   * Says what is wrong with options before anything is read.
   *
   * @throws UsageError
   */
  check?(options: V, needs: LearnerNeeds & { readonly learnerName: string }): void;
  /** Options that are of no use to a learner which is trained on other tasks than episodes. */
  readonly ofEpisodes?: readonly string[];
  /** Why an option means nothing beside others of the domain: the one that makes it so, and what it is for. */
  uselessness?(name: string, options: V): { readonly beside: string; readonly is: string } | undefined;

  /**
   * @param setting.own of an existing run: its data are read, split and scaled as they were
   * @throws UsageError where options do not fit the data
   */
  load(
    options: V,
    io: DataIo,
    work: LongWork,
    setting: LearnerNeeds & { readonly own?: Partial<Own<V, Spec>> | undefined },
  ): Promise<Loaded<Data, Spec>>;
  /** Of a run that is to be tested on other data than its own: undefined where that makes no sense. */
  loadOther?(
    options: V,
    io: DataIo,
    work: LongWork,
    setting: LearnerNeeds & { readonly own: Own<V, Spec> },
  ): Promise<Loaded<Data, Spec> & { readonly isOwn?: boolean }>;
  /**
   * What is kept of data by a model that was trained on none: for domains in which learners may know enough from elsewhere.
   *
   * @throws UsageError where options name nothing to know it from
   */
  untrained?(options: V, io: DataIo, work: LongWork): Promise<Spec>;
  /** What a file holds of the spec, which anyone may have written; undefined where that is none. */
  parseSpec(value: unknown): Spec | undefined;
  tasks(data: Data, options: V, needs: LearnerNeeds & { readonly own?: V | undefined }): Tasks<X, Y>;
  /**
   * @param needs.own options of the existing run whose model it is: tasks at hand may be of other sizes
   * @param needs.data what was read, where it was: first values of parameters may depend on it, their shapes may not
   */
  shapes(
    spec: Spec | undefined,
    options: V,
    needs: LearnerNeeds & { readonly own?: V | undefined; readonly data?: Data | undefined },
  ): TaskShapes;
  /** @param data what was read, where it was: figures may have names of what tasks are about */
  loss(spec: Spec | undefined, options: V, data?: Data): Loss<Out, Y>;
  /** The outer update where it is a method of its own; the optimizer of the training's options unless given. */
  outer?(
    spec: Spec | undefined,
    options: V,
    setting: { readonly training: TrainingValues; readonly optimizer: Optimizer },
  ): Optimizer | OuterMethod;
  /** Figures of an update in a line of progress, where they are not those of the loss alone. */
  progressText?(figures: Readonly<Record<string, number>>, secondsAnUpdate: number): string;
  /**
   * The learner of its tasks around one of the catalogue, where the catalogue's are not for them as they are: one of vectors
   * and numbers within one of rated items, say. `loss` is that of the learner within.
   */
  readonly around?: {
    loss(setting: { readonly spec: Spec | undefined; readonly options: V }): Loss;
    learner(within: Learner, setting: { readonly spec: Spec | undefined; readonly options: V }): AnyLearner;
  };
  /** Whether networks from scratch stand beside a learner, as they do unless this is false: they may take far too long. */
  readonly fromScratch?: false;
  /** Rows that stand beside a learner, beyond networks from scratch. */
  baselines?(setting: BaselineSetting<V, Spec, X, Y>): readonly Baseline[];
  /** Classes or numbers that a network from scratch has as outputs, for one evaluated task; those of `shapes` unless given. */
  outputs?(spec: Spec | undefined, options: V): number;

  /** What will be trained on, as rows of a label and a text. */
  describe(setting: {
    readonly options: V;
    readonly data: Data;
    readonly tasks: Tasks<X, Y>;
    readonly needs: LearnerNeeds;
  }): readonly (readonly [label: string, text: string])[];
  /** What a task of an evaluation is, from its protocol; ways, shots and queries, where it has them, unless given. */
  taskText?(protocol: Readonly<Record<string, string | number | boolean>>): string;
  /** Sizes of a task, which runs must agree in to be compared, where they are not chosen. */
  readonly taskSizes: readonly string[];
  /** The size of that name in a run's tasks, `chosen` names left out of account. */
  sizeOf(name: string, options: V, chosen: readonly string[]): unknown;
  /** Rows of an evaluated task at most, support and query, where that is not ways x (shots + queries). */
  rowsOfTask?(options: V): number;
  /** What decides which tasks are held out, by name: runs that differ in it are tested on different ones. */
  heldOut(facts: RunFacts<V, Spec>, isOther: boolean): Readonly<Record<string, unknown>>;
  /**
   * @param asked where the sizes come from, in words
   * @throws UsageError where tasks are of a size that the run's model cannot take
   */
  requireSizes?(facts: RunFacts<V, Spec>, options: V, needs: LearnerNeeds, asked?: string): void;
  /**
   * Evaluations of one's own, from the data: the classes to choose an open-set threshold on, and those to report, each with
   * examples that are of no class where the data have some.
   */
  openSet?(data: Data, options: V): OpenSetParts | undefined;
  /** Numbers of adaptation steps to look at after a training; 0, 1, 5, 10 and 20 unless given. */
  readonly moreSteps?: readonly number[];
  /** Suggestions after a training: commands of a run, with their meaning. */
  next?(facts: RunFacts<V, Spec>): readonly NextStep[];
  readonly adaptation?: Adaptation<V, Spec, X, Y, Out>;
  /**
   * The way in which its tasks enter exported programs, for folders that are read without it; domains without one are not
   * exported.
   *
   * @throws ExportError ILE201 for a run whose inputs no program takes
   */
  exported?(own: Own<V, Spec>, setting: ExportSetting): ExportForm | Promise<ExportForm>;
  /** The ranking of all that a run knows, where its tasks are users who choose among them. */
  ranker?(setting: RankerSetting<V, Spec>): Ranker;
  /** Episodes of one task, where its tasks are environments that a policy acts in: it adapts by them, and by no examples. */
  readonly practice?: DomainPractice<V, Spec>;
  /** Pictures of a run's report, beside those that all have. */
  report?(setting: ReportSetting<V, Spec>): Promise<readonly Picture[]>;
  /** Options and spec for the tasks of a program, where they are of this kind: what it adapts to is read as this domain's is. */
  adopt?(tasks: Tasks): Own<V, Spec> | undefined;
}

/** Classes to choose a threshold on, and others to report. */
export type OpenSetParts = Readonly<Record<"validation" | "test", OpenSetPart>>;

/** The classes of a part; unknown queries are of `unknown` where there are such examples, of further classes where not. */
export interface OpenSetPart extends LabelledExamples {
  /** Examples that are of no class: out of scope. */
  readonly unknown?: LabelledExamples;
}

/** A command to try next: `words` behind `innerloop`, where RUN stands for the run. */
export interface NextStep {
  readonly command: "eval" | "adapt" | "recommend" | "again";
  readonly flags: Flags;
  /** Words behind the flags, as they are. */
  readonly more?: string;
  readonly meaning: string;
}

/** Parts of a domain that are the same for most: `domain` fills them in. */
type Usual = "shownAs" | "dataOptions" | "load" | "parseSpec" | "taskSizes" | "sizeOf" | "heldOut";

/** A domain as it is written: what most have alike may be left out. */
export type DomainRecord<
  O extends OptionGroup,
  Data,
  Spec extends DataSpec,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> = Omit<Domain<O, Data, Spec, OptionValues<O>, X, Y, Out>, Usual> &
  Partial<Pick<Domain<O, Data, Spec, OptionValues<O>, X, Y, Out>, Usual>>;

/**
 * A kind of task from its record, with the types of its options, data and spec. What is left out: nothing is read, nothing
 * is kept of data, and runs are compared whatever they have held out.
 *
 * @example registerDomain(domain({ name: "ranking", ... }))
 */
export const domain = <
  const O extends OptionGroup,
  Data = undefined,
  Spec extends DataSpec = DataSpec,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
>(
  record: DomainRecord<O, Data, Spec, X, Y, Out>,
): Domain<O, Data, Spec, OptionValues<O>, X, Y, Out> => ({
  shownAs: () => `a preset of ${record.name}`,
  dataOptions: ["data"],
  load: async () => ({ data: undefined as Data }),
  parseSpec: () => undefined,
  taskSizes: [],
  sizeOf: (name, options) => (options as Readonly<Record<string, unknown>>)[name],
  heldOut: () => ({}),
  ...record,
});
