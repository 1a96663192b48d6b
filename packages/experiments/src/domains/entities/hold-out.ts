/** The parts of marked texts that training, validation and evaluation draw from. */
import { random } from "@innerloop/core";
import type { MarkedText, MarkedTexts } from "@innerloop/core/tasks";
import { onlyDomain } from "@innerloop/core/tasks";
import { quoted } from "../../options/outside-text.js";
import { nearestName, UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import type { EntityValues } from "./options.js";
import type { HeldNames, HoldOut } from "./spec.js";

/** Marked texts in parts, with the names of what each part is made of. */
export interface HeldTexts {
  readonly holdOut: HoldOut;
  readonly held: HeldNames;
  readonly parts: Readonly<Record<keyof HeldNames, MarkedTexts>>;
  /** Sentences that are in no part: those with types of several. */
  readonly leftOut: number;
}

type HoldOutOptions = Pick<EntityValues, "holdOut" | "testDomain" | "validationDomain">;

/** Splits do not depend on a run's seed: results of several seeds are then about the same held-out texts. */
const splitSeed = 20181224;

const partNames = ["train", "validation", "test"] as const;
type Part = (typeof partNames)[number];

/**
 * Marked texts in three parts.
 *
 * - domains: one domain for evaluation, one for validation, all others for training. Types of one name in two domains are
 *   different ones.
 * - types: a fifth of them for evaluation, a fifth for validation. A sentence goes with its types; one that has types of
 *   several parts is left out, as in Few-NERD's splits (Ding et al. 2021).
 * - sentences: the published parts where the texts have them; else three fifths, a fifth and a fifth.
 *
 * @param recorded of an existing run: its texts are split as they were
 * @throws UsageError where there are too few domains, types or sentences, or no domain of a name
 */
export function heldTexts(
  texts: MarkedTexts,
  options: HoldOutOptions,
  recorded?: { readonly holdOut: HoldOut; readonly held: HeldNames },
): HeldTexts {
  const domains = [...new Set(texts.texts.map(domainOf))].sort();
  const asked = recorded?.holdOut ?? options.holdOut ?? (domains.length >= 3 ? "domains" : "sentences");
  const named = [options.testDomain, options.validationDomain].filter((name) => name !== undefined);
  if (asked !== "domains" && named.length > 0)
    throw new UsageError(
      `${options.testDomain === undefined ? "--validation-domain" : "--test-domain"} ${named[0]} where ${asked} are held out`,
      domains.length >= 3
        ? "Leave it out, or give --hold-out domains"
        : `${texts.name} has ${counted(domains.length, "domain")}: leave it out`,
    );
  if (asked === "domains") return byDomains(texts, domains, options, recorded?.held);
  if (asked === "types") return byTypes(texts, recorded?.held);
  return bySentences(texts);
}

const domainOf = ({ domain }: MarkedText): string => domain ?? onlyDomain;

function byDomains(
  texts: MarkedTexts,
  domains: readonly string[],
  { testDomain, validationDomain }: HoldOutOptions,
  recorded: HeldNames | undefined,
): HeldTexts {
  if (domains.length < 3)
    throw new UsageError(
      `${texts.name} has ${counted(domains.length, "domain")}, and to hold some out takes three: one for evaluation, one for validation, and others to train on`,
      "Give --hold-out types or --hold-out sentences",
    );
  const known = (name: string, flag: string): string => {
    if (domains.includes(name)) return name;
    const near = nearestName(name, domains);
    throw new UsageError(
      `${flag} ${quoted(name)}: ${texts.name} has no such domain`,
      near ? `Did you mean ${near}?` : `Give one of ${domains.slice(0, 20).join(", ")}`,
    );
  };
  const test =
    testDomain === undefined
      ? domains.findLast((name) => name !== validationDomain)!
      : known(testDomain, "--test-domain");
  const before = domains[(domains.indexOf(test) + domains.length - 1) % domains.length]!;
  const validation = validationDomain === undefined ? before : known(validationDomain, "--validation-domain");
  if (test === validation)
    throw new UsageError(`--test-domain and --validation-domain are both ${test}`, "Give two different ones");
  const held = recorded ?? {
    train: domains.filter((name) => name !== test && name !== validation),
    validation: [validation],
    test: [test],
  };
  return {
    holdOut: "domains",
    held,
    leftOut: 0,
    parts: partsOf(texts, (text) => partNames.find((part) => held[part].includes(domainOf(text)))),
  };
}

function byTypes(texts: MarkedTexts, recorded: HeldNames | undefined): HeldTexts {
  const types = [...new Set(texts.texts.flatMap(({ spans }) => spans.map(({ type }) => type)))].sort();
  if (types.length < 3)
    throw new UsageError(
      `${texts.name} has ${counted(types.length, "type")}, and to hold some out takes three`,
      "Give --hold-out sentences",
    );
  const each = Math.max(1, Math.round(types.length / 5));
  const order = random(splitSeed).shuffle([...types]);
  const held = recorded ?? {
    train: order.slice(2 * each).sort(),
    validation: order.slice(each, 2 * each).sort(),
    test: order.slice(0, each).sort(),
  };
  const partOfType = new Map(partNames.flatMap((part) => held[part].map((type) => [type, part] as const)));
  const drawn = drawnParts(texts.texts.length);
  let leftOut = 0;
  const parts = partsOf(texts, ({ spans }, index) => {
    const found = new Set(spans.map(({ type }) => partOfType.get(type)));
    if (found.size === 0) return drawn[index];
    if (found.size === 1) return [...found][0];
    leftOut++;
    return undefined;
  });
  return { holdOut: "types", held, parts, leftOut };
}

function bySentences(texts: MarkedTexts): HeldTexts {
  const published = partNames.every((name) => texts.texts.some(({ part }) => part === name));
  const drawn = drawnParts(texts.texts.length);
  return {
    holdOut: "sentences",
    held: { train: [], validation: [], test: [] },
    leftOut: 0,
    parts: partsOf(texts, ({ part }, index) => (published ? part : drawn[index])),
  };
}

/** A part for each of so many sentences: three fifths, a fifth and a fifth. */
function drawnParts(count: number): readonly Part[] {
  const parts = new Array<Part>(count);
  const order = random(splitSeed).shuffle(Array.from({ length: count }, (_, i) => i));
  order.forEach((index, place) => {
    parts[index] = place < count * 0.6 ? "train" : place < count * 0.8 ? "validation" : "test";
  });
  return parts;
}

function partsOf(
  { name, texts }: MarkedTexts,
  partOf: (text: MarkedText, index: number) => Part | undefined,
): HeldTexts["parts"] {
  const of = texts.map(partOf);
  const part = (wanted: Part): MarkedTexts => ({ name, texts: texts.filter((_, i) => of[i] === wanted) });
  return { train: part("train"), validation: part("validation"), test: part("test") };
}
