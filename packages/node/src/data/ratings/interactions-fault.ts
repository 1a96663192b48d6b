/** What all interactions must be, whoever made them. */
import type { Attribute, Entities, Interactions } from "@innerloop/core/tasks";
import { readingLimits } from "../reading-limits.js";

/** What keeps interactions from being as they are described; undefined for none. Nothing of an id of a user is in it. */
export function interactionsFault(interactions: Interactions): string | undefined {
  const { users, items, user, item, rating, time, scale, implicit } = interactions;
  const count = user.length;
  if (count === 0) return "there are no ratings";
  if (count > readingLimits.ratings) return `there are more than ${readingLimits.ratings} ratings`;
  if (item.length !== count || rating.length !== count || (time && time.length !== count))
    return "users, items, ratings and times are not as many";
  if (!(Number.isFinite(scale.least) && Number.isFinite(scale.most) && scale.least < scale.most))
    return `the scale goes from ${scale.least} to ${scale.most}`;
  return (
    entitiesFault("users", users) ??
    entitiesFault("items", items) ??
    (implicit && !rating.every((value) => value === 1) ? "a rating of implicit feedback is not 1" : undefined) ??
    rowsFault(interactions)
  );
}

function rowsFault({ users, items, user, item, rating, time, scale }: Interactions): string | undefined {
  const seenBy = new Int32Array(items.ids.length).fill(-1);
  const [least, most] = [Math.fround(scale.least), Math.fround(scale.most)];
  for (let row = 0; row < user.length; row++) {
    const [by, of, value] = [user[row]!, item[row]!, rating[row]!];
    if (by < 0 || by >= users.ids.length) return `rating ${row} is by a user that is not there`;
    if (of < 0 || of >= items.ids.length) return `rating ${row} is of an item that is not there`;
    if (!(value >= least && value <= most)) return `rating ${row} is ${value}, which is off its scale`;
    if (time && !Number.isFinite(time[row])) return `rating ${row} has no time`;
    if (seenBy[of] === by) return `rating ${row} is of a user and an item that came up before`;
    seenBy[of] = by;
    if (row === 0) continue;
    if (by < user[row - 1]!) return `rating ${row} is not in the order of users`;
    if (time && by === user[row - 1] && time[row]! < time[row - 1]!)
      return `rating ${row} is not in the order of times`;
  }
  return undefined;
}

function entitiesFault(what: string, { ids, titles, attributes }: Entities): string | undefined {
  if (ids.length === 0 || ids.length > readingLimits.ratedEntities) return `there are ${ids.length} ${what}`;
  if (new Set(ids).size !== ids.length) return `two ${what} have the same id`;
  if (ids.some((id) => id === "")) return `the id of one of the ${what} is empty`;
  if (titles && titles.length !== ids.length) return `the titles of ${what} are not one for each`;
  const names = new Set(attributes.map(({ name }) => name));
  if (names.size !== attributes.length) return `two attributes of ${what} have the same name`;
  for (const attribute of attributes) {
    const fault = attributeFault(attribute, ids.length);
    if (fault !== undefined) return `attribute ${attribute.name} of ${what}: ${fault}`;
  }
  return undefined;
}

function attributeFault(attribute: Attribute, count: number): string | undefined {
  if (attribute.kind === "number") {
    if (attribute.values.length !== count) return "its values are not one for each";
    return attribute.values.some((value) => Math.abs(value) === Number.POSITIVE_INFINITY)
      ? "a value is not finite"
      : undefined;
  }
  const { words, of } = attribute;
  if (new Set(words).size !== words.length || words.some((word) => word === ""))
    return "a word is empty, or there twice";
  const least = attribute.kind === "category" ? -1 : 0;
  if (of.some((place) => place < least || place >= words.length)) return "it has a word that is not there";
  if (attribute.kind === "category") return of.length === count ? undefined : "its words are not one for each";
  const { starts } = attribute;
  if (starts.length !== count + 1 || starts[0] !== 0 || starts[count] !== of.length)
    return "its bags do not hold all of its words";
  const seenIn = new Int32Array(words.length).fill(-1);
  for (let entity = 0; entity < count; entity++) {
    if (starts[entity + 1]! < starts[entity]!) return "a bag ends before it begins";
    // Those behind may be wrong as yet.
    const end = Math.min(starts[entity + 1]!, of.length);
    for (let i = starts[entity]!; i < end; i++) {
      if (seenIn[of[i]!] === entity) return "a bag has a word twice";
      seenIn[of[i]!] = entity;
    }
  }
  return undefined;
}
