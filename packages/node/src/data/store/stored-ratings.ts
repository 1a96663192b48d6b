/** Ratings of users for items, as the store keeps them. */
import type { Attribute, BagAttribute, Entities, Interactions, RatingScale } from "@innerloop/core/tasks";
import { isRecord, quoted } from "@innerloop/experiments";
import type { DataError } from "../data-error.js";
import { interactionsFault } from "../ratings/interactions-fault.js";
import { readingLimits } from "../reading-limits.js";
import { isCount, type StoredHeader, type StoredKind } from "./stored-kind.js";

/** An attribute, without its values. */
type AttributeHead =
  | { readonly kind: "number"; readonly name: string }
  | { readonly kind: "category"; readonly name: string; readonly words: number; readonly wordBytes: number }
  | {
      readonly kind: "bag";
      readonly name: string;
      readonly words: number;
      readonly wordBytes: number;
      /** Of all bags together. */
      readonly places: number;
    };

/** Users or items, without what they are. Bytes are those of texts in UTF-8. */
interface EntitiesHead {
  readonly count: number;
  readonly idBytes: number;
  readonly titleBytes?: number;
  readonly attributes: readonly AttributeHead[];
}

/** The head of a stored data set of ratings. */
export interface RatingsHeader extends StoredHeader {
  readonly ratings: number;
  readonly users: EntitiesHead;
  readonly items: EntitiesHead;
  readonly scale: RatingScale;
  readonly times: boolean;
  readonly implicit?: true;
}

/** What is told of stored ratings. */
export interface RatingsFacts {
  readonly ratings: number;
  readonly users: number;
  readonly items: number;
  readonly scale: RatingScale;
  readonly implicit?: true;
  /** Names of attributes. */
  readonly userAttributes: readonly string[];
  readonly itemAttributes: readonly string[];
}

/** Texts that are encoded at a time. */
const atOnce = 4096;
const mostAttributes = 10_000;
const mostBytes = readingLimits.arrayBytes;

const viewOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const bytesOfTexts = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

/**
 * After the header, of users and then of items: the ids; where there are titles, these; of each attribute its values as
 * 64-bit floats, or its words and the place of each entity's word as signed 32-bit numbers, of a bag those of all words
 * and where each bag begins. Then of each rating its user and its item, as such numbers, its rating as a 32-bit float, and
 * where there are times these, as 64-bit ones. Texts are the bytes of each, as unsigned 32-bit numbers, and then they
 * themselves, in UTF-8, one after the other. All little endian.
 */
export const storedRatings: StoredKind<Interactions, RatingsHeader, RatingsFacts> = {
  version: 2,
  what: "ratings",
  training: (name) => `innerloop train ratings --ratings ${name}`,

  header(contents, source, misfit) {
    const fault = interactionsFault(contents);
    if (fault !== undefined) throw misfit(fault);
    const { name, users, items, user, time, scale, implicit } = contents;
    for (const texts of [...textsOf(users), ...textsOf(items)])
      if (texts.some((text) => /\p{Surrogate}/u.test(text))) throw misfit("a text holds half of a character");
    return {
      name,
      ratings: user.length,
      users: headOf(users),
      items: headOf(items),
      scale: { least: scale.least, most: scale.most },
      times: time !== undefined,
      ...(implicit ? { implicit } : {}),
      source,
    };
  },

  *pieces({ users, items, user, item, rating, time }) {
    for (const { ids, titles, attributes } of [users, items]) {
      yield* textPieces(ids);
      if (titles) yield* textPieces(titles);
      for (const attribute of attributes) {
        if (attribute.kind === "number") yield viewOf(attribute.values);
        else {
          yield* textPieces(attribute.words);
          yield viewOf(attribute.of);
          if ("starts" in attribute) yield viewOf(attribute.starts);
        }
      }
    }
    for (const values of [user, item, rating, ...(time ? [time] : [])]) yield viewOf(values);
  },

  parse(header, { name, source }, damaged) {
    const { ratings, users, items, scale, times, implicit } = header;
    if (!isCount(ratings) || ratings > readingLimits.ratings)
      throw damaged(`its number of ratings is ${quoted(ratings)}`);
    const isScale =
      isRecord(scale) && typeof scale.least === "number" && typeof scale.most === "number" && scale.least < scale.most;
    if (!isScale) throw damaged(`its scale is ${quoted(scale)}`);
    if (typeof times !== "boolean" || (implicit !== undefined && implicit !== true))
      throw damaged("it does not say whether there are times and ratings");
    const parsed: RatingsHeader = {
      name,
      ratings,
      users: parsedHead(users, "users", damaged),
      items: parsedHead(items, "items", damaged),
      scale: { least: scale.least as number, most: scale.most as number },
      times,
      ...(implicit ? { implicit } : {}),
      source,
    };
    if (!(sizeOf(parsed) <= mostBytes)) throw damaged(`its data would have ${sizeOf(parsed)} bytes`);
    return parsed;
  },

  dataBytes: sizeOf,

  contents(header, data, damaged) {
    const { name, ratings, scale, times, implicit } = header;
    const reader = new DataReader(data, damaged);
    const [users, items] = [reader.entities(header.users), reader.entities(header.items)];
    const user = new Int32Array(reader.take(4 * ratings));
    const item = new Int32Array(reader.take(4 * ratings));
    const rating = new Float32Array(reader.take(4 * ratings));
    const time = times ? new Float64Array(reader.take(8 * ratings)) : undefined;
    const interactions: Interactions = {
      ...{ name, users, items, user, item, rating },
      ...(time ? { time } : {}),
      scale,
      ...(implicit ? { implicit } : {}),
    };
    const fault = interactionsFault(interactions);
    if (fault !== undefined) throw damaged(fault);
    return interactions;
  },

  facts: ({ ratings, users, items, scale, implicit }) => ({
    ratings,
    users: users.count,
    items: items.count,
    scale,
    ...(implicit ? { implicit } : {}),
    userAttributes: users.attributes.map(({ name }) => name),
    itemAttributes: items.attributes.map(({ name }) => name),
  }),

  counts: ({ ratings, users, items, scale, implicit, userAttributes, itemAttributes }) => [
    {
      count: ratings,
      ...(implicit ? { one: "click or purchase", many: "clicks or purchases" } : { one: "rating" }),
      ...(implicit ? {} : { shape: `from ${scale.least} to ${scale.most}` }),
    },
    { count: users, one: "user", of: attributesIn(userAttributes) },
    { count: items, one: "item", of: attributesIn(itemAttributes) },
  ],
};

const attributesIn = ({ length }: readonly string[]): (readonly [number, string])[] =>
  length === 0 ? [] : [[length, length === 1 ? "attribute" : "attributes"]];

const textsOf = ({ ids, titles, attributes }: Entities): (readonly string[])[] => [
  ids,
  ...(titles ? [titles] : []),
  ...attributes.map((attribute) => (attribute.kind === "number" ? [] : attribute.words)),
];

const headOf = ({ ids, titles, attributes }: Entities): EntitiesHead => ({
  count: ids.length,
  idBytes: bytesOfTexts(ids),
  ...(titles ? { titleBytes: bytesOfTexts(titles) } : {}),
  attributes: attributes.map(attributeHead),
});

function attributeHead(attribute: Attribute): AttributeHead {
  const { kind, name } = attribute;
  if (kind === "number") return { kind, name };
  const words = { words: attribute.words.length, wordBytes: bytesOfTexts(attribute.words) };
  return kind === "category" ? { kind, name, ...words } : { kind, name, ...words, places: attribute.of.length };
}

function* textPieces(texts: readonly string[]): Iterable<Uint8Array> {
  yield viewOf(Uint32Array.from(texts, (text) => Buffer.byteLength(text)));
  for (let from = 0; from < texts.length; from += atOnce) yield Buffer.from(texts.slice(from, from + atOnce).join(""));
}

function sizeOf({ ratings, users, items, times }: RatingsHeader): number {
  return entitiesBytes(users) + entitiesBytes(items) + ratings * (times ? 20 : 12);
}

function entitiesBytes({ count, idBytes, titleBytes, attributes }: EntitiesHead): number {
  const texts = 4 * count + idBytes + (titleBytes === undefined ? 0 : 4 * count + titleBytes);
  return attributes.reduce((sum, attribute) => sum + attributeBytes(attribute, count), texts);
}

function attributeBytes(attribute: AttributeHead, count: number): number {
  if (attribute.kind === "number") return 8 * count;
  const words = 4 * attribute.words + attribute.wordBytes;
  return words + (attribute.kind === "category" ? 4 * count : 4 * attribute.places + 4 * (count + 1));
}

type Damaged = (problem: string) => DataError;

const ofBags: BagAttribute["kind"] = "bag";
const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= mostBytes;

function parsedHead(value: unknown, what: string, damaged: Damaged): EntitiesHead {
  const { count, idBytes, titleBytes, attributes } = isRecord(value) ? value : {};
  if (!isCount(count) || count > readingLimits.ratedEntities)
    throw damaged(`its number of ${what} is ${quoted(count)}`);
  if (!isSize(idBytes)) throw damaged(`the ids of ${what} have ${quoted(idBytes)} bytes`);
  if (titleBytes !== undefined && !isSize(titleBytes))
    throw damaged(`the titles of ${what} have ${quoted(titleBytes)} bytes`);
  if (!Array.isArray(attributes) || attributes.length > mostAttributes)
    throw damaged(`the list of the attributes of ${what} is missing or too long`);
  return {
    count,
    idBytes,
    ...(titleBytes === undefined ? {} : { titleBytes }),
    attributes: attributes.map((attribute: unknown) => parsedAttribute(attribute, what, damaged)),
  };
}

function parsedAttribute(value: unknown, what: string, damaged: Damaged): AttributeHead {
  const { kind, name, words, wordBytes, places } = isRecord(value) ? value : {};
  if (typeof name !== "string" || name === "") throw damaged(`an attribute of ${what} has no name`);
  if (kind === "number") return { kind, name };
  const isWords = isSize(words) && isSize(wordBytes);
  if (isWords && kind === "category") return { kind, name, words, wordBytes };
  if (isWords && kind === ofBags && isSize(places)) return { kind: ofBags, name, words, wordBytes, places };
  throw damaged(`attribute ${quoted(name)} of ${what} is ${quoted(value)}`);
}

/** The data piece by piece. Copies: a view would have to begin at a multiple of eight, and keep all bytes in memory. */
class DataReader {
  private at = 0;
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(
    private readonly data: Uint8Array,
    private readonly damaged: Damaged,
  ) {}

  take(bytes: number): ArrayBuffer {
    const from = this.data.byteOffset + this.at;
    this.at += bytes;
    return this.data.buffer.slice(from, from + bytes) as ArrayBuffer;
  }

  private texts(count: number, bytes: number, what: string): string[] {
    const lengths = new Uint32Array(this.take(4 * count));
    if (lengths.reduce((sum, length) => sum + length, 0) !== bytes)
      throw this.damaged(`the lengths of ${what} are not those of their bytes`);
    return Array.from(lengths, (length, i) => {
      this.at += length;
      try {
        return this.decoder.decode(this.data.subarray(this.at - length, this.at));
      } catch {
        throw this.damaged(`text ${i} of ${what} is not UTF-8`);
      }
    });
  }

  entities({ count, idBytes, titleBytes, attributes }: EntitiesHead): Entities {
    const ids = this.texts(count, idBytes, "ids");
    const titles = titleBytes === undefined ? undefined : this.texts(count, titleBytes, "titles");
    return { ids, ...(titles ? { titles } : {}), attributes: attributes.map((head) => this.attribute(head, count)) };
  }

  private attribute(head: AttributeHead, count: number): Attribute {
    const { kind, name } = head;
    if (kind === "number") return { kind, name, values: new Float64Array(this.take(8 * count)) };
    const words = this.texts(head.words, head.wordBytes, "words");
    if (kind === "category") return { kind, name, words, of: new Int32Array(this.take(4 * count)) };
    const of = new Int32Array(this.take(4 * head.places));
    return { kind, name, words, of, starts: new Int32Array(this.take(4 * (count + 1))) };
  }
}
