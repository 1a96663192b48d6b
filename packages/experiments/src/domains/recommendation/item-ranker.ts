/** All items of a run, ranked for a user by a trained learner. */
import type { FeatureRows, ResidualLearner, ResidualParameters, UserTaste } from "@innerloop/core/learners";
import { finiteResult, type RatedInputs } from "@innerloop/core/tasks";
import { paddedRows } from "@innerloop/core/training";
import { type CompiledFunction, compile, KeptPrograms, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { LongWork } from "../../io.js";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import {
  type Influence,
  type ItemNaming,
  type NamedItem,
  type Question,
  type QuestionRequest,
  questionRules,
  type Ranker,
  type RankerSetting,
  type RecommendationRequest,
  type Recommendations,
} from "../ranker.js";
import { feedbackOf } from "./feedback.js";
import { type KnownRatings, namedPlaces, readKnownRatings } from "./given-ratings.js";
import type { FoundItem } from "./item-index.js";
import { knownItems, ratedInputs } from "./known-items.js";
import type { RatingValues } from "./options.js";
import { evidenceCandidates, informativeRows, mostAsked, popularItems } from "./preference-elicitation.js";
import {
  bestPlaces,
  influencesOf,
  mostExplained,
  namedItem,
  placesOutside,
  recommendedItems,
  requireCount,
  requireKnown,
  unknownPlaces,
} from "./ranked-items.js";
import type { RatingSpec } from "./spec.js";
import { type ItemRows, type StepProgram, stepsOf, type TrainingSteps, trainingSteps } from "./training-steps.js";

/** Items that are told at once: one program for all of them, however many there are. */
const chunkRows = 8192;
/** The fewest rows of another set: five ratings and ten answers have one program for their features. */
const fewRows = 16;
/** Bytes that features of items may take; of those beyond they are made anew for each user. */
const keptFeatureBytes = 2 ** 28;
/** Bytes that programs may take which stay loaded. */
const keptProgramBytes = 2 ** 26;
/** Items one after another, as the rows of a program; the last ones may be of none. */
interface Chunk {
  readonly rows: FeatureRows;
  readonly present: Tensor;
}

/** Ratings as the rows of a program. */
interface KnownRows {
  readonly rows: FeatureRows;
  readonly rating: Tensor;
  /** Rows that are ratings. */
  readonly count: number;
}

type TasteProgram = CompiledFunction<readonly Tree[], UserTaste>;

/**
 * Ranks the items of a run. Features of items do not depend on the user: they are made once, in parts of one size, and for
 * a user there is one adaptation and one prediction of each part. An explanation adapts once more for each rating, without
 * it, and tells the items that are named.
 */
export class ItemRanker implements Ranker {
  readonly #setting: RankerSetting<RatingValues, RatingSpec>;
  readonly #learner: ResidualLearner;
  readonly #kept = new KeptPrograms({ bytes: keptProgramBytes });
  readonly #features: CompiledFunction<readonly Tree[], FeatureRows>;
  readonly #told: CompiledFunction<readonly Tree[], Tensor>;
  readonly #tastes = new Map<number, TasteProgram>();
  /** The first parts of the items, as many as may be kept. */
  #chunks: Promise<Chunk>[] = [];
  #steps: StepProgram | undefined;
  #training: Promise<TrainingSteps> | undefined;

  constructor(setting: RankerSetting<RatingValues, RatingSpec>) {
    this.#setting = setting;
    // The domain has made it of one of the catalogue.
    this.#learner = setting.learner as unknown as ResidualLearner;
    const { features, told } = this.#learner;
    this.#features = this.#compiled(features as unknown as (...args: Tree[]) => FeatureRows);
    this.#told = this.#compiled(told as unknown as (...args: Tree[]) => Tensor);
  }

  async recommend(request: RecommendationRequest = {}): Promise<Recommendations> {
    requireKnown("recommend", request, recommendOptions);
    const { ratings, top = 10, exclude, domain, knownBy = 0, explain = false, ...more } = request;
    const { steps = this.#setting.usualSteps, ...work } = more;
    const { spec, io, name } = this.#setting;
    requireCount("top", top, 1);
    requireCount("knownBy", knownBy, 0);
    this.#requireSteps(steps);
    const known = await readKnownRatings(ratings, this.#setting, io, work);
    if (explain && known.items.length > mostExplained)
      throw new UsageError(
        `an explanation by ${known.items.length} ratings of ${name}`,
        `Give ${mostExplained} at most, or leave the explanation out`,
      );
    const leftOut = await this.#leftOut(known, { exclude, domain }, work);
    for (const place of unknownPlaces(spec, knownBy)) leftOut.add(place);
    const rows = await this.#knownRows(known);
    const taste = await this.#taste(rows, steps);
    const predictions = await this.#predictions(taste);
    const places = bestPlaces(predictions.centres, top, leftOut);
    const influences = explain ? await this.#influences(places, { known, rows, steps, taste }) : undefined;
    const { told } = feedbackOf(spec);
    const items = recommendedItems(spec, predictions, places).map((item, i) =>
      influences ? { ...item, because: influences[i]! } : item,
    );
    return { items, told, known: known.items.length, ranked: predictions.centres.length - leftOut.size, steps };
  }

  async questions(request: QuestionRequest = {}): Promise<readonly Question[]> {
    requireKnown("questions", request, questionOptions);
    const { count = 5, by = "information", ratings, exclude, domain, ...work } = request;
    requireCount("count", count, 1);
    if (!questionRules.includes(by))
      throw new UsageError(`questions by ${quoted(by)}`, `Choose one of ${questionRules.join(", ")}`);
    const { spec, io, name } = this.#setting;
    if (feedbackOf(spec).noQuestions !== undefined)
      throw new UsageError(
        `what to ask of ${name}: ${feedbackOf(spec).noQuestions}`,
        "Give what the user took: --ratings FILE",
      );
    if (by === "evidence") this.#requireStepping();
    const known = await readKnownRatings(ratings, this.#setting, io, work);
    const leftOut = await this.#leftOut(known, { exclude, domain }, work);
    const { counts } = spec.base;
    const question = (place: number): Question => ({ ...this.#named(place), ratings: counts[place]! });
    if (by === "evidence") return evidenceCandidates(await this.#evidence(work), { count, leftOut }).map(question);
    if (by === "popularity") return popularItems(counts, { count, leftOut }).map(question);
    const places = popularItems(counts, { count: mostAsked, leftOut });
    const asked = [...known.items, ...places.map((place) => ({ place, name: "" }))];
    const { features } = await this.#rowsOf(asked, paddedRows(Math.max(fewRows, asked.length)));
    const chosen = informativeRows(features.data as Float32Array, {
      width: features.shape[1]!,
      counts: asked.map((_, row) => (row < known.items.length ? 0 : counts[places[row - known.items.length]!]!)),
      known: known.items.map((_, row) => row),
      count,
    });
    return chosen.map((row) => question(places[row - known.items.length]!));
  }

  get lineForm(): string {
    return feedbackOf(this.#setting.spec).lineForm;
  }

  rowOf(line: string, at: string): Readonly<Record<string, string>> {
    return feedbackOf(this.#setting.spec).rowOf(line, at);
  }

  async release(): Promise<void> {
    const steps = this.#steps ? [this.#steps] : [];
    await Promise.all(
      [this.#features, this.#told, ...steps, ...this.#tastes.values()].map((program) => program.release()),
    );
    this.#tastes.clear();
    this.#chunks = [];
  }

  /** @throws UsageError where the learner takes no steps */
  #requireStepping(): void {
    const { learner, name } = this.#setting;
    if (learner.steps !== undefined) return;
    const others = questionRules.filter((rule) => rule !== "evidence");
    throw new UsageError(
      `evidence of ${name}, whose learner (${learner.name}) takes no gradient steps: none of its ratings moves it`,
      `Ask by ${others.join(" or ")}`,
    );
  }

  /** What ratings of training say of the items: made once, a failure is not remembered. */
  #evidence(work: LongWork): Promise<TrainingSteps> {
    this.#steps ??= this.#compiled(stepsOf(this.#learner) as unknown as (...args: Tree[]) => Tensor);
    if (!this.#training) {
      const made = trainingSteps(this.#setting, this.#steps, this.#parts(), work);
      made.catch(() => {
        if (this.#training === made) this.#training = undefined;
      });
      this.#training = made;
    }
    return this.#training;
  }

  /** The rows of all items, part by part. */
  async *#parts(): AsyncGenerator<ItemRows> {
    const { length } = this.#setting.spec.items.ids;
    for (let at = 0; at * chunkRows < length; at++) yield { from: at * chunkRows, rows: (await this.#chunk(at)).rows };
  }

  #requireSteps(steps: number): void {
    const { learner, name } = this.#setting;
    requireCount("steps", steps, 0);
    if (learner.steps === undefined && steps > 0)
      throw new UsageError(
        `${steps} steps of ${name}, whose learner (${learner.name}) takes no steps`,
        "Leave it out: its answers come from one look at the ratings",
      );
  }

  #compiled<Result extends Tree>(f: (...args: Tree[]) => Result): CompiledFunction<readonly Tree[], Result> {
    return compile(f, { executor: this.#setting.executor, alone: true, kept: this.#kept });
  }

  get #params(): ResidualParameters {
    return this.#setting.params as ResidualParameters;
  }

  #named(place: number): NamedItem {
    return namedItem(this.#setting.spec, place);
  }

  /** Places of items that are not ranked. @throws UsageError for what is none of the run's items, or words of none */
  async #leftOut(
    known: KnownRatings,
    { exclude, domain }: Pick<RecommendationRequest, "exclude" | "domain">,
    work: ItemNaming,
  ): Promise<Set<number>> {
    const { spec, io } = this.#setting;
    const rated = [...known.items, ...known.passed].flatMap((item) => ("place" in item ? [item.place] : []));
    const others = exclude === undefined ? [] : await namedPlaces(exclude, spec, io, work);
    return new Set([...rated, ...others, ...(domain === undefined ? [] : placesOutside(spec, domain))]);
  }

  /** Base and features of items, padded to so many rows. */
  async #rowsOf(items: readonly FoundItem[], rows: number): Promise<FeatureRows> {
    const { spec } = this.#setting;
    const padding = Array.from({ length: rows - items.length }, () => ({ place: 0, name: "" }));
    const x: RatedInputs = ratedInputs(spec, [...items, ...padding]);
    return this.#features(this.#params.embedding, x as unknown as Tree);
  }

  async #knownRows({ items, ratings }: KnownRatings): Promise<KnownRows> {
    const { mean, deviation } = this.#setting.spec.units;
    const size = Math.max(fewRows, paddedRows(Math.max(1, items.length)));
    const values = new Float32Array(size);
    values.set(ratings.map((rating) => (rating - mean) / deviation));
    const rows = await this.#rowsOf(items, size);
    return { rows, rating: tensor(values, [size, 1]), count: items.length };
  }

  /** @param without the place of a rating that is left out */
  async #taste({ rows, rating, count }: KnownRows, steps: number, without?: number): Promise<UserTaste> {
    let program = this.#tastes.get(steps);
    if (!program) {
      const taste: ResidualLearner["taste"] = (params, known) => this.#learner.taste(params, known, { steps });
      program = this.#compiled(taste as unknown as (...args: Tree[]) => UserTaste);
      this.#tastes.set(steps, program);
    }
    const { embedding: _, ...ofTaste } = this.#params;
    const present = presence(count, rating.shape[0]!);
    if (without !== undefined) (present.data as Float32Array)[without] = 0;
    const taste = await program(ofTaste, { ...rows, rating, present });
    return finiteResult("recommend", taste, { x: { ...rows, rating }, trained: () => undefined, steps });
  }

  /** Predictions of all items, in units of the learner; and their deviations, where it has them. */
  async #predictions(
    taste: UserTaste,
  ): Promise<{ readonly centres: Float32Array; readonly deviations?: Float32Array | undefined }> {
    const { length } = this.#setting.spec.items.ids;
    const centres = new Float32Array(length);
    let deviations: Float32Array | undefined;
    for (let at = 0, from = 0; from < length; at++, from += chunkRows) {
      const { rows, present } = await this.#chunk(at);
      const told = finiteResult("recommend", await this.#told(taste, rows, present), {
        x: rows,
        trained: () => undefined,
      });
      const { data, width } = { data: told.data as Float32Array, width: told.shape[1]! };
      if (width > 1) deviations ??= new Float32Array(length);
      for (let row = 0; row < Math.min(chunkRows, length - from); row++) {
        centres[from + row] = data[row * width]!;
        if (deviations) deviations[from + row] = data[row * width + 1]!;
      }
    }
    return { centres, deviations };
  }

  /** The part of the items that begins at the place `at * chunkRows`, its features as they were made or made anew. */
  #chunk(at: number): Promise<Chunk> {
    const kept = this.#chunks[at];
    if (kept) return kept;
    const made = this.#madeChunk(at);
    const { codings } = this.#setting.spec;
    const vectors = codings.items.fields.length + (codings.users?.fields.length ?? 0);
    const numbers = codings.items.numbers.length + (codings.users?.numbers.length ?? 0);
    const bytes = 4 * chunkRows * (vectors * this.#setting.options.embeddingWidth + numbers + 2);
    if (at === this.#chunks.length && (at + 1) * bytes <= keptFeatureBytes) {
      this.#chunks.push(made);
      made.catch(() => {
        // A failure is not remembered, nor what came behind it.
        if (this.#chunks[at] === made) this.#chunks.length = at;
      });
    }
    return made;
  }

  async #madeChunk(at: number): Promise<Chunk> {
    const { length } = this.#setting.spec.items.ids;
    const from = at * chunkRows;
    const there = Math.min(chunkRows, length - from);
    const size = Math.min(chunkRows, length);
    const items = Array.from({ length: there }, (_, row) => ({ place: from + row, name: "" }));
    return { rows: await this.#rowsOf(items, size), present: presence(there, size) };
  }

  /** Of each of the places, what every known rating does to its prediction, the most first. */
  async #influences(
    places: readonly number[],
    user: {
      readonly known: KnownRatings;
      readonly rows: KnownRows;
      readonly steps: number;
      readonly taste: UserTaste;
    },
  ): Promise<readonly (readonly Influence[])[]> {
    const { known, rows, steps, taste } = user;
    const { spec } = this.#setting;
    const size = Math.max(fewRows, paddedRows(places.length));
    const asked = await this.#rowsOf(
      places.map((place) => ({ place, name: "" })),
      size,
    );
    const present = presence(places.length, size);
    const told = async (by: UserTaste): Promise<readonly number[]> => {
      const prediction = finiteResult("recommend", await this.#told(by, asked, present), {
        x: asked,
        trained: () => undefined,
      });
      return places.map((_, row) => Number(prediction.data![row * prediction.shape[1]!]));
    };
    const all = await told(taste);
    const without: (readonly number[])[] = [];
    for (const left of known.items.keys()) without.push(await told(await this.#taste(rows, steps, left)));
    const { index } = knownItems(spec);
    const rated = known.items.map((item, j) => ({
      item: "place" in item ? index.idOf(item.place) : item.name,
      title: item.name,
      rating: known.ratings[j]!,
    }));
    return influencesOf(spec, rated, { all, without });
  }
}

const workOptions = ["onWarning", "onProgress", "signal", "choose"];
const recommendOptions = ["ratings", "top", "exclude", "domain", "knownBy", "explain", "steps", ...workOptions];
const questionOptions = ["count", "by", "ratings", "exclude", "domain", ...workOptions];

const presence = (there: number, rows: number): Tensor => tensor(new Float32Array(rows).fill(1, 0, there), [rows]);
