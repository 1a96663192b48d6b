/**
 * The law over the doors by which texts and ratings of a user come in: whatever wrong value is put wherever, what comes out is a
 * UsageError that names the place, never an answer, nor an error about what the value broke further in.
 */
import { learnerEntry } from "@innerloop/core/learners";
import { describe, expect, it } from "vitest";
import { configOf, memoryIo } from "../made-up.fixture.js";
import { UsageError } from "../options/usage-error.js";
import type { GivenSupport, Own } from "./domain.js";
import { entities } from "./entities/domain.js";
import type { EntityValues } from "./entities/options.js";
import { loadEntities } from "./entities/reading.js";
import type { EntitySpec } from "./entities/spec.js";
import { recommendation } from "./recommendation/domain.js";
import { loaded, madeUpInteractions, optionsOf, ratingsIo } from "./recommendation/ratings.fixture.js";
import { texts } from "./texts/domain.js";
import type { TextValues } from "./texts/options.js";
import { loadTexts } from "./texts/reading.js";
import type { TextSpec } from "./texts/spec.js";
import { foundTexts, madeUpTexts, textsIo } from "./texts/texts.fixture.js";

const circular: unknown[] = [];
circular.push(circular);
const sparse: unknown[] = [];
sparse[2 ** 31] = "text";

/** What is no text, in whatever place one is expected. */
const noTexts: readonly unknown[] = [
  ...[undefined, null, 5, Number.NaN, 3n, true, new Date(), {}, [], ["text"], () => "text", Symbol("text"), /text/],
  ...[new Map(), new Uint8Array(8), circular, sparse, new Array(4)],
];
/** What is no list of texts, where a name would be that of a file. */
const noLists: readonly unknown[] = [
  ...noTexts.filter((value) => !Array.isArray(value)),
  [],
  circular,
  sparse,
  new Array(4),
];

async function refusal(act: () => Promise<unknown>): Promise<string> {
  const error: unknown = await act().then(
    () => new Error("it was taken"),
    (thrown: unknown) => thrown,
  );
  expect(error, String(error)).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}

describe("texts of classes", async () => {
  const io = textsIo({ mine: foundTexts(madeUpTexts(10, 8)) });
  const options = configOf("labelled-texts", { learner: "prototypical", data: "mine", ways: 2, shots: 1, queries: 1 })
    .domain as unknown as TextValues;
  const needs = { learner: learnerEntry("prototypical"), training: { kind: "episodes" } } as const;
  const { spec } = await loadTexts(options, io, {}, needs);
  const own: Own<TextValues, TextSpec> = { options, spec: spec! };
  const support = (given: unknown) => texts.adaptation!.readSupport(given, own, {}, io, {});
  const inputs = async (given: unknown, of?: GivenSupport) =>
    texts.adaptation!.readInputs(given, of ?? (await support(good)), own, io, {});
  const good = { transfer: ["send 20 to Ann", "pay Bob"], balance: ["how much is there"] };

  it("are taken as they should be", async () => {
    expect((await support(good)).counts).toEqual([2, 1]);
    expect((await inputs(["pay Cid", "what is left"])).names).toEqual(["pay Cid", "what is left"]);
    expect((await inputs("pay Cid")).names).toEqual(["pay Cid"]);
  });

  it("are refused where a text is none, with its place", async () => {
    for (const value of [...noTexts, "", " \n"]) {
      expect(await refusal(() => support({ ...good, transfer: ["pay Bob", value] }))).toMatch(
        /^text 2 of "transfer" is /,
      );
      expect(await refusal(() => inputs(["pay Bob", value]))).toMatch(/^text 2 is /);
      if (!Array.isArray(value)) expect(await refusal(() => inputs(value))).toMatch(/^text 1 is /);
    }
    expect(await refusal(() => inputs([]))).toMatch(/^there are no texts\. Give/);
    for (const value of [sparse, new Array(4)]) expect(await refusal(() => inputs(value))).toMatch(/^text 1 is /);
  });

  it("are refused where there are no lists of classes", async () => {
    for (const value of noLists) {
      expect(await refusal(() => support({ ...good, transfer: value }))).toMatch(/transfer/);
      expect(await refusal(() => support(value))).toMatch(/\. Give /);
    }
    expect(await refusal(() => support({ transfer: good.transfer }))).toMatch(/^there is 1 class\. Give two or more/);
  });
});

describe("marked sentences", async () => {
  const sentence = (domain: string, i: number) => ({
    text: `fly from Oslo on day ${i}`,
    domain,
    spans: [{ start: 9, end: 13, type: "city" }],
  });
  const all = ["a", "b", "c"].flatMap((domain) => Array.from({ length: 6 }, (_, i) => sentence(domain, i)));
  const found = { texts: { name: "trips", texts: all }, sha256: "s", folder: "/trips.jsonl", notes: [] };
  const io = memoryIo({ markedTexts: { "trips.jsonl": found } });
  const options = configOf("entities", { learner: "struct-shot", data: "trips.jsonl", shots: 2, queries: 2 })
    .domain as unknown as EntityValues;
  const needs = { learner: learnerEntry("struct-shot"), training: { kind: "episodes" } } as const;
  const { spec } = await loadEntities(options, io, {}, needs);
  const own: Own<EntityValues, EntitySpec> = { options, spec: spec! };
  const support = (given: unknown) => entities.adaptation!.readSupport(given, own, {}, io, {});
  const good = [sentence("x", 1), sentence("x", 2)];
  const [, second] = good;
  const inputs = async (given: unknown) => entities.adaptation!.readInputs(given, await support(good), own, io, {});

  it("are taken as they should be", async () => {
    expect((await support(good)).facts).toEqual({ types: ["city"], spans: { city: 2 } });
    expect((await inputs("to Rome")).names).toEqual(["to Rome"]);
  });

  it("are refused where a sentence, its text or its spans are none, with its place", async () => {
    for (const value of noTexts) {
      expect(await refusal(() => support([good[0], value]))).toMatch(/^sentence 2 is /);
      expect(await refusal(() => support([good[0], { ...second, text: value }]))).toMatch(/^sentence 2 is /);
      expect(await refusal(() => inputs(["to Rome", value]))).toMatch(/^text 2 is /);
      if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
      expect(await refusal(() => support([good[0], { ...second, spans: value }]))).toMatch(/^sentence 2/);
    }
    for (const value of noLists) expect(await refusal(() => support(value))).toMatch(/(\. Give|^sentence 1 is )/);
  });

  it("are refused where a span has places that are none, with its sentence", async () => {
    const places = [...noTexts, Number.POSITIVE_INFINITY, -1, 0.5, 1e9, "3"].filter((value) => value !== 5);
    for (const value of places)
      for (const name of ["start", "end"]) {
        const spans = [{ ...second!.spans[0], [name]: value }];
        expect(await refusal(() => support([good[0], { ...second, spans }])), name).toMatch(/^sentence 2/);
      }
    for (const value of [...noTexts, ""]) {
      const spans = [{ ...second!.spans[0], type: value }];
      expect(await refusal(() => support([good[0], { ...second, spans }]))).toMatch(/^sentence 2/);
    }
  });
});

describe("ratings", async () => {
  const { spec } = await loaded();
  const [own, io] = [{ options: optionsOf(), spec }, ratingsIo(madeUpInteractions())];
  const support = (given: unknown) => recommendation.adaptation!.readSupport(given, own, {}, io, {});
  const good = [
    { item: "001", rating: 4 },
    { item: "heat 1995", rating: 2 },
  ];
  const [first, second] = good;
  const inputs = async (given: unknown) =>
    recommendation.adaptation!.readInputs(given, await support(good), own, io, {});

  it("are taken as they should be", async () => {
    expect((await support(good)).facts).toEqual({ ratings: { "Amélie (2001)": 4, "Heat (1995)": 2 } });
    expect((await inputs(["010", { item: "Film 11" }])).names).toEqual(["Film 10", "Film 11"]);
  });

  it("are refused where a row is none, with its place", async () => {
    for (const value of noTexts) {
      expect(await refusal(() => support([first, value]))).toMatch(/^row 2 .*\. Give /);
      expect(await refusal(() => inputs(["001", value]))).toMatch(/^row 2 .*\. Give /);
      if (value === undefined) continue;
      for (const door of [support, inputs])
        expect(await refusal(() => door(value))).toMatch(/^(row 1|there are)\b.*\. Give /);
    }
  });

  it("are refused where an item, its rating or what is known of it is none, with its row", async () => {
    for (const value of noTexts) {
      expect(await refusal(() => support([first, { ...second, item: value }]))).toMatch(
        /^row 2.*\. (Give|Did you mean) /,
      );
      expect(await refusal(() => inputs([first, { item: value }]))).toMatch(/^row 2.*\. (Give|Did you mean) /);
      if (value !== 5) {
        expect(await refusal(() => support([first, { ...second, rating: value }]))).toMatch(
          /^row 2: the rating is .*\. Give a number from 1 to 5$/,
        );
        for (const name of ["year", "genres"]) {
          if (name === "genres" && Array.isArray(value) && value[0] === "text") continue;
          const row = { item: "new one", rating: 3, [name]: value };
          expect(await refusal(() => support([first, row])), name).toMatch(/^row 2.*\. Give /);
          expect(await refusal(() => inputs([first, row])), name).toMatch(/^row 2.*\. Give /);
        }
      }
    }
    for (const rating of ["", " ", "good", 0.9, 5.1, "0x9", Number.POSITIVE_INFINITY])
      expect(await refusal(() => support([first, { ...second, rating }]))).toMatch(/^row 2: the rating is /);
  });
});
