import { formatShape, sameShape } from "@innerloop/graph";
import { type Random, random } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  describeCount,
  drawCount,
  isRange,
  TaskError,
  type TaskPool,
  wholeNumber,
} from "../../tasks/task.js";
import { requireObject, shownValue } from "../../tasks/value-gate.js";
import {
  type Augmentation,
  classSpec,
  describeGiven,
  ExampleRows,
  exampleSpec,
  requireFitting,
  requireWhole,
  type Share,
  sharesOf,
  shareText,
} from "../classification/episodes.js";
import type { ExampleClass, LabelledExamples } from "../classification/labelled-examples.js";

/** A domain of `domainTasks`: where its examples are from (a product, a site, a language), and they by class. */
export interface ExampleDomain {
  readonly name: string;
  readonly data: LabelledExamples;
}

/** Options of `domainTasks`. */
export interface DomainTaskOptions {
  /**
   * "fixed", the default: all classes are in every task, and a class has the same label in all of them. "shuffled": a task
   * is of `ways` classes of its domain, numbered anew.
   */
  readonly labels?: "fixed" | "shuffled";
  /** Of fixed labels: names of the classes, in the order of their labels; those of the first domain unless given. */
  readonly classes?: readonly string[];
  /** Of shuffled labels: classes of a task (N). */
  readonly ways?: number;
  /** Support examples of each class (K), 0 too, or a range that may begin at 0. */
  readonly shots: Count;
  /** Query examples of each class. */
  readonly queries: Count;
  /** Leave out domains with too few examples or classes, rather than refuse them. */
  readonly skipSmallDomains?: boolean;
  /** Changes each example, of support and query alike. For training: evaluate without it. */
  readonly augment?: Augmentation;
}

/**
 * Tasks that are domains: a task is one domain, each equally likely, with `shots` support and `queries` other examples of
 * each class, drawn anew. Domains are never mixed. Where classes mean the same everywhere, as positive and negative do,
 * labels are fixed, and a learner may keep what other domains have told of them: with 0 shots that is all it has.
 *
 * Shapes: support x [ways max(1, shots), ...exampleShape] float32, int32 of ids, and y [ways max(1, shots)] int32; query x
 * [ways queries, ...exampleShape] and y [ways queries]. Rows are grouped by class.
 *
 * Where shots are a range or 0, support sets are padded to the most shots, to one row of each class at least; where queries
 * are a range, query sets. Rows that are there come first, `present` is 1 for them, and the others are zeros with label 0
 * and `present` 0. Each task draws its numbers uniformly; of a class with fewer examples it takes what there is, as
 * `episodes` does. A number that is no range is given in full.
 *
 * Blitzer, Dredze & Pereira 2007, "Biographies, Bollywood, boom-boxes and blenders", for the domains; Yu et al. 2018,
 * "Diverse few-shot text classification with multiple metrics", for domains as tasks.
 *
 * @throws ILT201 where a number is out of range, or an option is one of the other kind of labels
 * @throws ILT301 where examples of domains are of different shapes or codings, or an array is not count x exampleShape
 * @throws ILT303 where two domains or two of `classes` have the same name
 * @throws ILT304 where labels are fixed, `classes` are not given, and a domain has a class that the first one has not
 * @throws ILT306 where `augment` is of ids, and the examples are not, or the reverse
 * @throws ILT401 where a domain lacks one of the classes, or examples of it, and `skipSmallDomains` is not set
 * @throws ILT402 where there is no domain, or all are too small
 * @example
 * const reviews = [{ name: "books", data: books }, { name: "films", data: films }];
 * domainTasks(reviews, { classes: ["negative", "positive"], shots: { from: 0, to: 16 }, queries: 20 });
 */
export function domainTasks(domains: readonly ExampleDomain[], options: DomainTaskOptions): DescribedTaskSource {
  requireObject(options, "domainTasks", "the second argument", "Give { shots, queries }");
  const { shots, queries, augment } = options;
  const { from: fewestShots, to: mostShots } = countRange(shots, "domainTasks", "shots", 0);
  const most: Share = {
    shots: mostShots,
    queries: countRange(queries, "domainTasks", "queries").to,
  };
  const [first] = requireAlike(domains);
  if (augment) requireFitting("domainTasks", first.data, augment);
  const labelling = labellingOf(domains, options);
  const least: Share = {
    shots: isRange(shots) ? Math.min(1, most.shots) : shots,
    queries: isRange(queries) ? 1 : queries,
  };
  const usable = usableDomains(domains, labelling, least, options.skipSmallDomains ?? false);
  const areSmall = usable.some(({ classes }) => classes.some(({ count }) => count < most.shots + most.queries));
  const { ways, names } = labelling;
  const rows = { support: ways * Math.max(1, most.shots), query: ways * most.queries };
  const padded = { support: isRange(shots) || shots === 0, query: isRange(queries) };
  const all = { ...first.data, classes: usable.flatMap(({ classes }) => classes) };
  /** The domain of a task, and the random numbers that go on to choose its examples. */
  const drawnAt = (seed: number, index: number): { readonly source: Random; readonly place: number } => {
    const source = random(seed, index);
    return { source, place: source.integer(usable.length) };
  };
  return {
    name: `${usable.length === 1 ? usable[0]!.name : `${usable.length} domains`} ${ways}-way ${describeCount(shots)}-shot`,
    description: {
      data: listed(usable.map(({ name }) => name)),
      domains: usable.length,
      labels: names ? "fixed" : "shuffled",
      ways,
      shots: describeGiven(shots, areSmall),
      queries: describeGiven(queries, areSmall),
      skippedDomains: domains.length - usable.length,
      ...(augment ? { augmentation: augment.description ?? "given" } : {}),
    },
    spec: {
      x: exampleSpec(all, augment),
      y: names ? { shape: [], dtype: "int32", classes: { count: ways, names } } : classSpec(ways),
      support: {
        rows: rows.support,
        ...(padded.support ? { present: true } : {}),
        ...(fewestShots === 0 ? { mayBeEmpty: true } : {}),
      },
      query: { rows: rows.query, ...(padded.query ? { present: true } : {}) },
    },
    pool: poolOf(usable, (seed, index) => [drawnAt(seed, index).place]),
    sample(seed, index) {
      const { source, place } = drawnAt(seed, index);
      const asked: Share = { shots: drawCount(shots, source), queries: drawCount(queries, source) };
      // Numbers of its own: which examples a task has does not depend on how they are changed. Counter 1 is dropout's.
      const change = augment && { augment, random: random(seed, index, 2) };
      const { classes } = usable[place]!;
      const chosen = names ? classes : source.choose(classes.length, ways).map((at) => classes[at]!);
      const support = new ExampleRows(all, rows.support, padded.support);
      const query = new ExampleRows(all, rows.query, padded.query);
      chosen.forEach((entry, label) => {
        const given = sharesOf(entry.count, asked, { ...least, shots: Math.min(least.shots, asked.shots) });
        source.choose(entry.count, given.shots + given.queries).forEach((example, i) => {
          (i < given.shots ? support : query).add(entry, example, label, change);
        });
      });
      return { support: support.examples(), query: query.examples() };
    },
  };
}

/** A domain with the classes that its tasks are of. */
interface UsableDomain {
  readonly name: string;
  readonly classes: readonly ExampleClass[];
}

/** The number of classes of a task, and what they are called where they are the same in all tasks. */
interface Labelling {
  readonly ways: number;
  readonly names?: readonly string[];
}

/** @throws ILT201, ILT301, ILT303, ILT402 */
function requireAlike(domains: readonly ExampleDomain[]): readonly [ExampleDomain, ...ExampleDomain[]] {
  if (!Array.isArray(domains)) {
    const problem = `the domains are ${shownValue(domains)}`;
    throw new TaskError("ILT201", "domainTasks", problem, "Give a list of { name, data }");
  }
  const [first] = domains;
  if (!first) throw new TaskError("ILT402", "domainTasks", "there are no domains", "Give at least one");
  const seen = new Set<string>();
  const kindOf = ({ exampleShape, ids }: LabelledExamples): string =>
    `${formatShape(exampleShape)}${ids ? ` of ${ids.count} ids` : ""}`;
  for (const [place, domain] of domains.entries()) {
    requireObject(domain, "domainTasks", `domain ${place}`, "Give { name, data }");
    const { name, data } = domain;
    if (seen.has(name)) {
      const remedy = "Put their examples into one domain, or give them different names";
      throw new TaskError("ILT303", "domainTasks", `two domains are named "${name}"`, remedy);
    }
    seen.add(name);
    requireWhole(data, "domainTasks");
    if (sameShape(data.exampleShape, first.data.exampleShape) && data.ids?.count === first.data.ids?.count) continue;
    const problem = `examples of ${name} are ${kindOf(data)}, those of ${first.name} ${kindOf(first.data)}`;
    throw new TaskError("ILT301", "domainTasks", problem, "Make all in one way: the same shape, the same coding");
  }
  return domains as readonly ExampleDomain[] as readonly [ExampleDomain, ...ExampleDomain[]];
}

/** @throws ILT201, ILT303, ILT304 */
function labellingOf(
  domains: readonly ExampleDomain[],
  { labels = "fixed", classes, ways }: DomainTaskOptions,
): Labelling {
  const refuse = (code: "ILT201" | "ILT303" | "ILT304", problem: string, remedy: string): never => {
    throw new TaskError(code, "domainTasks", problem, remedy);
  };
  if (labels === "shuffled") {
    if (classes !== undefined) refuse("ILT201", "classes beside shuffled labels", 'Leave them out, or labels: "fixed"');
    return { ways: wholeNumber(ways ?? Number.NaN, "domainTasks", "ways", 2) };
  }
  if (labels !== "fixed") refuse("ILT201", `labels is ${shownValue(labels)}`, 'Use "fixed" or "shuffled"');
  if (ways !== undefined)
    refuse(
      "ILT201",
      `ways ${ways} beside fixed labels, of which all are in every task`,
      'Leave it out, or labels: "shuffled"',
    );
  const names = classes ?? domains[0]!.data.classes.map(({ name }) => name);
  if (names.length < 2) refuse("ILT201", `${names.length} classes`, "Give two at least");
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) refuse("ILT303", `two classes are named "${twice}"`, "Name each once");
  if (!classes) {
    for (const { name, data } of domains) {
      const other = data.classes.find((entry) => !names.includes(entry.name));
      if (other)
        refuse(
          "ILT304",
          `class "${other.name}" of ${name} is none of those of ${domains[0]!.name}, ${listed(names)}`,
          "Give `classes`: the names of those that tasks are of",
        );
    }
  }
  return { ways: names.length, names };
}

/** The domains that have all that a task takes. @throws ILT401, ILT402 */
function usableDomains(
  domains: readonly ExampleDomain[],
  { ways, names }: Labelling,
  least: Share,
  skipSmallDomains: boolean,
): readonly UsableDomain[] {
  const needed = least.shots + least.queries;
  const usable: UsableDomain[] = [];
  let problem: string | undefined;
  for (const { name, data } of domains) {
    const large = data.classes.filter(({ count }) => count >= needed);
    const byName = new Map(large.map((entry) => [entry.name, entry]));
    const lacks = names?.find((label) => !byName.has(label));
    const classes = names ? names.flatMap((label) => byName.get(label) ?? []) : large;
    if (lacks === undefined && classes.length >= ways) {
      usable.push({ name, classes });
      continue;
    }
    const have = data.classes.find((entry) => entry.name === lacks)?.count ?? 0;
    problem ??=
      lacks === undefined
        ? `${ways} ways of domain ${name}, in which ${large.length} classes have the ${needed} examples that ${shareText(least)} take`
        : `domain ${name} has ${have} examples of class "${lacks}"; ${shareText(least)} take ${needed}`;
  }
  if (problem !== undefined && !skipSmallDomains) {
    const remedy = "Lower shots, queries or ways, or set skipSmallDomains: true to leave such domains out";
    throw new TaskError("ILT401", "domainTasks", problem, remedy);
  }
  if (usable.length === 0) {
    const all = `all ${domains.length} domains are too small: ${problem}`;
    throw new TaskError("ILT402", "domainTasks", all, "Lower shots, queries or ways, or give other domains");
  }
  return usable;
}

const poolOf = (domains: readonly UsableDomain[], drawn: TaskPool["drawn"]): TaskPool => ({
  of: "domains",
  count: domains.length,
  examples: domains.reduce((sum, { classes }) => classes.reduce((n, { count }) => n + count, sum), 0),
  drawn,
});

/** `books, films and 30 more` */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
