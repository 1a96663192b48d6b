/** A trained model with all that its use takes: adapts to a user's examples, and answers in the user's own terms. */
import { type Examples, type Learner, type OpenSetRule, specOf, structureKey, type Task } from "@innerloop/core";
import type { AnyLearner } from "@innerloop/core/learners";
import type { EnvironmentTask } from "@innerloop/core/reinforcement";
import { isTensorSpec, type SpecTree, specsOfRows, splitSeed, type TaskSpec } from "@innerloop/core/tasks";
import { type AdaptedTask, decodeAdapted, TrainedLearner } from "@innerloop/core/training";
import { compile, type Executor, leaves, paths, Tensor, type Tree, zeros } from "@innerloop/graph";
import { type AdaptedTo, type AnySupport, toldIn, toldOf } from "./adapted-record.js";
import { normOf } from "./adapting-norm.js";
import { buildRunLearner, needsOf } from "./build.js";
import {
  checkFlags,
  domainOf,
  type ExperimentConfig,
  type FlagEntry,
  type Flags,
  flagTable,
  isOfUse,
  type NamedValues,
  placesText,
  type RunFacts,
  requireUse,
  withFlags,
} from "./config/index.js";
import type {
  Adaptation,
  Answer,
  AnswerTable,
  Asked,
  DataSpec,
  DetectionAnswer,
  Domain,
  GivenSupport,
  Own,
  Tasks,
} from "./domains/domain.js";
import type { Practice, PracticeRequest, ReportSetting } from "./domains/practice.js";
import type { Ranker } from "./domains/ranker.js";
import { domains } from "./domains/registry.js";
import type { Picture } from "./figures/svg-picture.js";
import type { DataIo, LongWork } from "./io.js";
import { cut, quoted } from "./options/outside-text.js";
import { UsageError } from "./options/usage-error.js";
import { flagOf } from "./options/values.js";
import { episodesOfPolicy, exampleTask, type PolicyParts, practiceSettings } from "./practised-policy.js";
import { requireKnown } from "./settings-asked.js";

/** The parts of a trained model. */
export interface TrainedParts {
  /** By which its learner is built and its examples are read; or the learner and tasks of a program. */
  readonly made: MadeByConfig | MadeByProgram;
  readonly params: Tree;
  /** Updates behind the parameters. */
  readonly iteration: number;
  /** Adaptation steps that were best on validation tasks, where they were looked at. */
  readonly steps?: number | undefined;
  /** The most steps that it was evaluated with. */
  readonly evaluatedSteps: number;
  /** How tasks were made and figures are to be read. */
  readonly protocol: RunFacts["protocol"];
  /** How messages call it. */
  readonly name: string;
  readonly executor: Executor;
  readonly io: DataIo;
  /** The command that makes a model like it, but for some flags. */
  readonly command?: (flags: Flags) => string;
}

/** A model of options, and what is kept of the data that it was trained on: shapes, scales, classes. */
export interface MadeByConfig {
  readonly config: ExperimentConfig;
  readonly spec: DataSpec | undefined;
}

/** A model of a learner and tasks that a program made. */
export interface MadeByProgram {
  readonly learner: Learner;
  readonly tasks: Tasks;
}

/** Options of `TrainedModel.adapt`. */
export interface AdaptSetting extends LongWork {
  /** Adaptation steps; those that validation has chosen, or the most that were evaluated, unless given. */
  readonly steps?: number | undefined;
  /** Options of the command `adapt`, as flags: { batchNorm: "support", invert: "no" }. */
  readonly flags?: Flags;
  /** For learners of classes: by which score, from which threshold on, an input is of one of them. */
  readonly rule?: OpenSetRule | undefined;
  /** Called with what was done to the examples, `support.notes`; `onWarning` unless given. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * A trained model: its learner, parameters, and what is kept of the data that it was trained on.
 *
 * @typeParam A its answers: { prediction, probabilities } of classes, values by the names of targets of a table
 * @example const task = await model.adapt("examples/"); await task.predict(["new.png"])
 */
export class TrainedModel<A extends Answer = Answer> {
  /** The learner as it was trained. */
  readonly learner: Learner;
  readonly iteration: number;
  private readonly parts: TrainedParts;
  private readonly domain: Domain;
  private readonly own: Own<NamedValues, DataSpec>;
  /** Numbers of one target. */
  private readonly outputs: number;
  /** The shape of one input, where it is one tensor and known. */
  private readonly inputShape: readonly number[] | undefined;
  /** By what they are made for, the one used last is last: learners with the programs that they have compiled. */
  private readonly sized = new Map<string, AnyTrainedLearner>();
  private ranking: Ranker | undefined;

  /** @throws UsageError for tasks of a program that are of no known kind */
  constructor(parts: TrainedParts) {
    this.parts = parts;
    this.iteration = parts.iteration;
    const { made } = parts;
    if ("config" in made) {
      this.domain = domainOf(made.config);
      this.own = { options: made.config.domain, spec: made.spec as DataSpec };
      this.learner = buildRunLearner(made.config, made.spec, made.config);
      const { outputs, inputShape } = this.domain.shapes(made.spec, made.config.domain, needsOf(made.config));
      [this.outputs, this.inputShape] = [outputs, inputShape];
      return;
    }
    const adopted = domains().flatMap((domain) => {
      const own = domain.adopt?.(made.tasks);
      return own ? [{ domain, own }] : [];
    })[0];
    if (!adopted) throw new UsageError(`${parts.name} is of tasks of no known kind`, asRun);
    this.domain = adopted.domain;
    this.own = adopted.own;
    this.learner = made.learner;
    const { x, y } = specOf(made.tasks.test);
    [this.outputs, this.inputShape] = [y.shape[0] ?? 1, x.shape];
  }

  /** Steps that it takes where none are asked for: those that validation chose, or the most that were evaluated. */
  get usualSteps(): number {
    const { steps: trained } = this.learner;
    if (trained === undefined) return 0;
    return this.parts.steps ?? Math.max(this.parts.evaluatedSteps, trained);
  }

  /**
   * Adapts to one task.
   *
   * @param given the examples in the domain's terms: a path, or values; nothing, for a run that answers without examples
   * @throws UsageError for what is none of its examples, and for options that mean nothing for it; TrainingError ILR106
   *   where adaptation diverges
   */
  async adapt(given?: unknown, setting: AdaptSetting = {}): Promise<AdaptedModel<A>> {
    const { domain, own, parts } = this;
    requireKnown("adapt", setting, settings);
    const { steps = this.usualSteps, flags: asked = {}, rule, onWarning = warn, onNote = onWarning, ...more } = setting;
    const work = { ...more, onWarning };
    if (this.learner.steps === undefined && steps > 0)
      throw new UsageError(
        `${steps} steps of ${parts.name}, whose learner (${this.learner.name}) takes no steps`,
        "Leave it out: its answers come from one look at the support set",
      );
    const adaptation = this.adaptationOf();
    if (rule && !domain.openSet)
      throw new UsageError(
        `a rule of open sets for ${parts.name}, which is of ${domain.title}`,
        "Leave it out: it is for tasks of classes, whose inputs may be of none of them",
      );
    const flags = this.checkedFlags(asked);
    if (given === undefined && !adaptation.needsNone?.(own))
      throw new UsageError(`${parts.name} is given no examples`, "Give some: what it was trained on tells no answers");
    const read = await adaptation.readSupport(given, own, flags, parts.io, work);
    const trained = this.trainedFor(read, flags);
    const { x, y, present } = read;
    const task = await trained.adapt({ x, y, ...(present ? { present } : {}) }, { steps });
    const said = adaptation.ofSupport?.((await task.predict(x)) as unknown as Tensor, read, own) ?? [];
    const support = { ...read, notes: [...read.notes, ...said] };
    for (const note of support.notes) onNote?.(note);
    return this.adaptedTo({ support, steps, rule, flags }, trained, task as AdaptedTask<Tree, Tree>);
  }

  /**
   * A task that it has adapted to before, from the bytes of `AdaptedModel.toBytes`: they may come from anyone.
   *
   * @throws TrainingError ILR201 where they are damaged, ILR202 where they are of another model; UsageError where they hold no
   *   task of this kind
   */
  async restore(bytes: Uint8Array): Promise<AdaptedModel<A>> {
    const adaptation = this.adaptationOf();
    const content = decodeAdapted(bytes);
    const refuse = (): never => {
      throw new UsageError(`what was adapted is no task of ${this.domain.title}`, "Adapt to the examples again");
    };
    const told = toldIn(content.told) ?? refuse();
    const { reading: read } = told;
    const reading = read === undefined ? undefined : (adaptation.parseReading?.(read) ?? refuse());
    const support = { ...told.support, ...content.support, ...(reading === undefined ? {} : { reading }) };
    const flags = this.checkedFlags(told.flags);
    const trained = this.trainedFor(support, flags);
    const task = await trained.restore(content);
    return this.adaptedTo({ support, steps: content.steps ?? 0, rule: told.rule, flags }, trained, task);
  }

  /**
   * The ranking of all items of the run for one user or another: `recommend` what a user may like, `questions` to ask. It
   * is the same object each time, which keeps what does not depend on the user.
   *
   * @throws UsageError for a run whose tasks are no users who choose among items
   * @example const { items } = await model.ranker().recommend({ ratings: [{ item: "Alien", rating: 9 }], explain: true })
   */
  ranker(): Ranker {
    const { domain, own, parts } = this;
    const { made, params, executor, io, name } = parts;
    if (!domain.ranker || !("config" in made))
      throw new UsageError(
        `${name} is of ${domain.title}, which recommend nothing`,
        "Ask it of a run of ratings: innerloop train ratings --ratings FILE.csv",
      );
    const { config, spec } = made;
    this.ranking ??= domain.ranker({
      ...own,
      learner: buildRunLearner(withFlags(config, normOf(config, {})), spec, config) as unknown as AnyLearner,
      ...{ params, executor, io, name },
      usualSteps: this.usualSteps,
    });
    return this.ranking;
  }

  /**
   * The episodes of one task of a policy, which adapts by them: before adaptation, and after each step. The same request has
   * the same episodes, to the bit.
   *
   * @param task in the terms of the environment: { goal: [0.3, -0.1] }
   * @throws UsageError for a run that is no policy's, and for options that mean nothing for it; EnvironmentError ILE102 for what
   *   is no task of its environment
   * @example
   * const { after } = await model.practise({ goal: [0.3, -0.1] }, { steps: 3 });
   * for (const { steps, return: { mean, interval } } of after) console.log(steps, mean, interval);
   */
  async practise(task: unknown, request: PracticeRequest = {}): Promise<Practice> {
    requireKnown("practise", request, practiceSettings);
    if (task === undefined) {
      const problem = `${this.parts.name} is given no task`;
      throw new UsageError(
        problem,
        `Give one of its environment's, such as ${cut(JSON.stringify(await this.exampleTask()), 200)}`,
      );
    }
    return episodesOfPolicy(this.player(), { task, ...request });
  }

  /** A task of a policy's environment, to show what tasks look like. @throws UsageError for a run that is no policy's */
  exampleTask(): Promise<EnvironmentTask> {
    return exampleTask(this.player());
  }

  /**
   * Pictures for the report of its run, beside those that all have.
   *
   * @param of what happened, and the results that there are; `seed` is the run's
   */
  async reportPictures({
    seed,
    ...of
  }: Pick<ReportSetting<NamedValues, DataSpec>, "events" | "evaluations"> & {
    readonly seed: number;
  }): Promise<readonly Picture[]> {
    const { domain, own } = this;
    const testSeed = splitSeed(seed, "test");
    const episodesOf = (index: number): Promise<Practice> => episodesOfPolicy(this.player(), { seed: testSeed, index });
    const { io, executor } = this.parts;
    const steps = this.usualSteps;
    const predicted = async ({ support, query }: Task<Tree, Tree>): Promise<Tree> => {
      const learner = this.learner as unknown as AnyLearner;
      const program = compile(
        (params: Tree, given: Examples<Tree, Tree>, x: Tree) =>
          learner.predict(learner.adapt(params, given, { steps }), x),
        { executor },
      );
      try {
        return await program(this.parts.params, support, query.x);
      } finally {
        await program.release();
      }
    };
    return (await domain.report?.({ ...own, ...of, io, seed: testSeed, episodesOf, predicted })) ?? [];
  }

  private player(): PolicyParts {
    return { ...this.parts, own: this.own, domain: this.domain, trainedSteps: this.learner.steps };
  }

  private adaptationOf(): Adaptation<NamedValues, DataSpec> {
    const { domain, parts } = this;
    if (domain.adaptation) return domain.adaptation;
    if (domain.practice)
      throw new UsageError(
        `${parts.name} is a policy, which adapts by episodes of a task and by no examples`,
        "Give it a task: `innerloop adapt RUN --task JSON`, or model.practise(task) in a program",
      );
    throw new UsageError(`${parts.name} is of ${domain.title}, which reads no examples`, inCode);
  }

  private adaptedTo(
    { support, steps, rule, flags }: AdaptedTo,
    trained: AnyTrainedLearner,
    task: AdaptedTask<Tree, Tree>,
  ): AdaptedModel<A> {
    return new AdaptedModel<A>({
      adaptation: this.adaptationOf(),
      own: this.own,
      // Of the domain's own structure, as its inputs are.
      support: support as GivenSupport,
      steps,
      learner: trained.learner as unknown as Learner,
      rule,
      flags,
      io: this.parts.io,
      predict: (inputs) => task.predict(inputs) as Promise<Tensor>,
      toBytes: () => task.toBytes(toldOf({ support, steps, rule, flags })),
    });
  }

  /** Gives back the memory of the programs that it has compiled; they are compiled again when they are needed. */
  async release(): Promise<void> {
    await Promise.all([...this.sized.values(), ...(this.ranking ? [this.ranking] : [])].map((each) => each.release()));
    this.sized.clear();
  }

  /** The options that it was given, checked. @throws UsageError for those that adapting makes nothing of */
  private checkedFlags(asked: Flags): Flags {
    const { domain, parts } = this;
    const { made, name } = parts;
    const config = "config" in made ? made.config : undefined;
    const table = flagTable();
    const takes = [...(config ? ["batchNorm"] : []), ...(domain.adaptation?.flags ?? [])].filter(
      (flag) => table.some((entry) => entry.name === flag) && (!config || isOfUse(flag, config)),
    );
    const remedy = takes.length === 0 ? "It takes none" : `It takes ${takes.map(flagOf).join(", ")}`;
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    for (const flag of Object.keys(given)) {
      const entry = table.find((each) => each.name === flag);
      if (!entry) throw new UsageError(`adapting ${name} has no option ${quoted(flag)}`, remedy);
      if (config) requireUse([flag], config, name);
      else if (isOfOtherKinds(entry, domain))
        throw new UsageError(`${flagOf(flag)} means nothing for ${name}`, `It is for ${placesText(entry)}`);
      if (takes.includes(flag)) continue;
      throw config
        ? new UsageError(`${flagOf(flag)} is no option of adapting ${name}`, remedy)
        : new UsageError(`${flagOf(flag)} is settled by ${name}`, "Change it there");
    }
    return checkFlags(given, "flags");
  }

  /** The learner for a task of the sizes at hand. @throws UsageError where the model cannot take them */
  private learnerFor(support: AnySupport, norm: Flags): Learner {
    const { domain, own, parts } = this;
    const { made, name, protocol, command = () => "innerloop train ..." } = parts;
    if (!("config" in made)) return this.learner;
    const { config, spec } = made;
    const sized = withFlags(config, { ...norm, ...support.sizes });
    const facts = { config, ...own, protocol, shown: name, command };
    domain.requireSizes?.(facts, sized.domain, needsOf(config), support.text);
    const learner = buildRunLearner(sized, spec, config);
    requireSameParameters(this.learner, learner, name);
    return learner;
  }

  /** @throws UsageError where a program's tasks are of fewer classes */
  private requireWays({ classes, text }: AnySupport): void {
    if ("config" in this.parts.made || !classes) return;
    const ways = Number((this.own.options as { readonly ways?: number }).ways);
    if (classes.length > ways)
      throw new UsageError(`${text} for a run of ${ways}-way tasks`, "Give examples of fewer classes");
  }

  /**
   * Learners and their programs are shared by tasks alike: what differs between them is their values, and their rows. Of
   * more than a few the one used longest ago is given up; tasks that it has adapted to still answer.
   */
  private trainedFor(support: AnySupport, flags: Flags): AnyTrainedLearner {
    this.requireWays(support);
    const { params, executor, made } = this.parts;
    const [norm, sizes] = "config" in made ? [normOf(made.config, flags), support.sizes] : [{}, {}];
    const spec = this.taskSpec(support);
    const name = JSON.stringify([norm, sizes, spec.x, spec.y, spec.support.mayBeEmpty]);
    const found = this.sized.get(name);
    if (found) {
      this.sized.delete(name);
      this.sized.set(name, found);
      return found;
    }
    const learner = this.learnerFor(support, norm);
    const trained: AnyTrainedLearner = new TrainedLearner<Tree, Tree, Tree, Tree>({
      learner: learner as unknown as AnyLearner,
      params,
      spec,
      executor,
      sampledSupport: () => undefined,
      outputs: (prediction) => this.pointOf(learner, prediction),
    });
    this.sized.set(name, trained);
    for (const [oldest, given] of this.sized) {
      if (this.sized.size <= mostSized) break;
      this.sized.delete(oldest);
      void given.release();
    }
    return trained;
  }

  /** The look of the tasks that it adapts to: that of the examples at hand. */
  private taskSpec({ x, y, present, classes }: AnySupport): TaskSpec<Tree, Tree> {
    const rows = leaves(x)[0]!.shape[0]!;
    const targets = specsOfRows(y);
    const labels = classes ? { classes: { count: Math.max(classes.length, this.learner.classes ?? 0) } } : {};
    return {
      x: this.inputSpec(x),
      y: isTensorSpec(targets) ? { ...targets, ...labels } : targets,
      support: { rows, ...(present ? { mayBeEmpty: true } : {}) },
      query: { rows },
    };
  }

  /** @throws UsageError where one input has another shape than those of training; what is in a tree is up to its domain */
  private inputSpec(x: Tree): SpecTree {
    const inputs = specsOfRows(x);
    const { inputShape: trained } = this;
    if (isTensorSpec(inputs) && trained && inputs.shape.join() !== trained.join())
      throw new UsageError(
        `examples of shape [${inputs.shape.join(", ")}] for ${this.parts.name}, which was trained on [${trained.join(", ")}]`,
        "Give examples as those that it was trained on",
      );
    return inputs;
  }

  /** The values that predictions stand for, where these are distributions. */
  private pointOf({ loss: { point } }: Learner, prediction: Tree): Tree {
    if (!point || !(prediction instanceof Tensor)) return prediction;
    return point(prediction, zeros([prediction.shape[0]!, this.outputs]));
  }
}

/** Learners of trees and of single tensors alike: which they are is the domain's. */
type AnyTrainedLearner = TrainedLearner<Tree, Tree, Tree, Tree>;

/** Learners of one size and normalisation or another that a model keeps at once. */
const mostSized = 4;

/** Whether an option is one of domains alone, and not of this one. */
const isOfOtherKinds = ({ places }: FlagEntry, { name }: Domain): boolean =>
  places.every(({ part, choice }) => part === "domain" && choice !== name);

const asRun = "Load it with `loadRun(DIR, { learner, tasks, optimizer })`, and adapt it in code: `run.adapt({ x, y })`";
const inCode = "Adapt it in code, with `run.adapt({ x, y })`";

/** @throws UsageError where a learner has parameters that were not trained */
function requireSameParameters(trained: Learner, learner: Learner, name: string): void {
  const [own, needed] = [trained, learner].map((each) => paths(each.init(structureKey)));
  const missing = needed!.filter((path) => !own!.includes(path));
  if (missing.length === 0) return;
  const [from, to] = [trained, learner].map(({ description }) => description.batchNorm ?? "none");
  throw new UsageError(
    `--batch-norm ${to} needs parameters that ${name} has not: it was trained with --batch-norm ${from}`,
    `Train one with --batch-norm ${to}, or leave it out`,
  );
}

/** A model adapted to one task. */
export class AdaptedModel<A extends Answer = Answer> {
  /** Adaptation steps that it took. */
  readonly steps: number;
  /** The examples that it was adapted to. */
  readonly support: GivenSupport;
  /** The learner that made it. */
  readonly learner: Learner;
  private readonly parts: AdaptedParts;

  /** @internal */
  constructor(parts: AdaptedParts) {
    this.parts = parts;
    this.steps = parts.steps;
    this.support = parts.support;
    this.learner = parts.learner;
  }

  /**
   * Answers to inputs.
   *
   * @param given inputs in the domain's terms: paths, or values
   * @throws UsageError for what is none of its inputs; TrainingError ILR106 where an output is no number
   */
  async predict(given: unknown, work: LongWork = {}): Promise<readonly A[]> {
    return (await this.answer(given, work)).answers as readonly A[];
  }

  /**
   * Bytes that `TrainedModel.restore` makes it of again, in another process: safetensors, with the examples that it was
   * adapted to.
   */
  toBytes(): Uint8Array {
    return this.parts.toBytes();
  }

  /** The objects of an answer, where answers are what was found in a picture. */
  objectsOf(answer: Answer): DetectionAnswer | undefined {
    return this.parts.adaptation.objectsOf?.(answer);
  }

  /** Inputs as `answer` takes them, from the paths of a command line. @throws UsageError for files that hold none */
  async fromFiles(paths: readonly string[], { onWarning = warn, ...more }: LongWork = {}): Promise<unknown> {
    const { adaptation, own, io, flags } = this.parts;
    return adaptation.fromFiles ? adaptation.fromFiles(paths, own, io, { ...more, onWarning }, flags) : paths;
  }

  /** The input that a line of text is, undefined for a line of nothing. @throws UsageError where inputs are no lines */
  fromLine(line: string): unknown {
    const { adaptation } = this.parts;
    if (adaptation.fromLine) return adaptation.fromLine(line);
    throw new UsageError("lines of text, where inputs are none", "Give files with --query FILE");
  }

  /** An answer in one line. */
  lineOf(answer: Answer): string {
    return this.parts.adaptation.lineOf?.(answer) ?? JSON.stringify(answer);
  }

  /** The same with what the inputs are called, and as a table for people. */
  async answer(
    given: unknown,
    { onWarning = warn, ...more }: LongWork = {},
  ): Promise<{
    readonly answers: readonly Answer[];
    /** A record for each answer, with what its input is called. */
    readonly records: readonly Readonly<Record<string, unknown>>[];
    readonly table: AnswerTable;
  }> {
    const { adaptation, own, support, io, rule } = this.parts;
    const inputs = await adaptation.readInputs(given, support, own, io, { ...more, onWarning });
    const asked: Asked<NamedValues, DataSpec> = { ...own, support, inputs, rule };
    const answers = adaptation.answers(await this.parts.predict(inputs.x), asked);
    const { inputWord = "input", record = (answer: Answer) => answer } = adaptation;
    const records = answers.map((answer, i) => ({ [inputWord]: inputs.names[i], ...record(answer) }));
    return { answers, records, table: adaptation.table(answers, asked) };
  }
}

interface AdaptedParts {
  readonly adaptation: Adaptation<NamedValues, DataSpec>;
  readonly own: Own<NamedValues, DataSpec>;
  readonly support: GivenSupport;
  readonly steps: number;
  readonly learner: Learner;
  readonly rule: OpenSetRule | undefined;
  /** Options of `adapt` that were given. */
  readonly flags: Flags;
  readonly io: DataIo;
  predict(inputs: Tensor): Promise<Tensor>;
  toBytes(): Uint8Array;
}

/** Warnings of programs that take none. */
const warn = (text: string): void => console.warn(`innerloop: ${text}`);

/** What `adapt` may be told. */
const settings = ["steps", "flags", "rule", "onNote", "onWarning", "onProgress", "signal"];
