/** What is told of ratings: what is odd about them, with how many of them are. No id of a user is in it. */
import type { Interactions } from "@innerloop/core/tasks";
import { count, counted, quoted } from "@innerloop/experiments";

/** A share of all from which on the most frequent rating is told of. */
const muchOfOne = 0.25;

const percent = (part: number, all: number): string => {
  const share = (100 * part) / all;
  return share > 0 && share < 1 ? "under 1%" : `${Math.round(share)}%`;
};

/** What the counts of ratings say: sizes, the most frequent rating, users that rate once or always the same. */
export function ratingNotes({ users, items, user, item, rating, scale, implicit }: Interactions): string[] {
  const what = implicit ? "times that a user took an item" : "ratings";
  const told = implicit ? "implicit feedback" : `from ${scale.least} to ${scale.most}`;
  const notes = [
    `${count(rating.length)} ${what}, ${told}: ${counted(users.ids.length, "user")}, ${counted(items.ids.length, "item")}`,
  ];
  const most = implicit ? undefined : mostFrequent(rating);
  if (most && most.times > muchOfOne * rating.length)
    notes.push(`${percent(most.times, rating.length)} of all ratings are ${written(most.value)}`);
  let [single, equal, raters] = [0, 0, 0];
  for (let from = 0; from < user.length; ) {
    let to = from + 1;
    let isEqual = true;
    for (; to < user.length && user[to] === user[from]; to++) if (rating[to] !== rating[from]) isEqual = false;
    raters++;
    if (to - from === 1) single++;
    else if (isEqual) equal++;
    from = to;
  }
  if (single > 0)
    notes.push(
      `${counted(single, "user")} of ${count(raters)} (${percent(single, raters)}) ${implicit ? "took" : single === 1 ? "has" : "have"} one ${implicit ? "item" : "rating"} only`,
    );
  if (equal > 0 && !implicit)
    notes.push(`${counted(equal, "user")} of ${count(raters)} gave the same rating to all of theirs`);
  const silent = users.ids.length - raters;
  if (silent > 0) notes.push(`${counted(silent, "user")} of the table of users ${implicit ? "took" : "rated"} nothing`);
  const rated = new Uint8Array(items.ids.length);
  for (const place of item) rated[place] = 1;
  const unrated = rated.reduce((sum, is) => sum + (is === 0 ? 1 : 0), 0);
  if (unrated > 0)
    notes.push(`${counted(unrated, "item")} of ${count(items.ids.length)} nobody ${implicit ? "took" : "rated"}`);
  return notes;
}

/** A rating without what 32 bits make of it. */
const written = (value: number): string => String(Number(value.toPrecision(6)));

function mostFrequent(rating: Float32Array): { readonly value: number; readonly times: number } {
  const times = new Map<number, number>();
  for (const value of rating) times.set(value, (times.get(value) ?? 0) + 1);
  let most = { value: 0, times: 0 };
  for (const [value, found] of times) if (found > most.times) most = { value, times: found };
  return most;
}

/** Ratings of one user and one item that a later one has replaced. */
export const repeatedNote = (repeated: number, kept: number, hasTimes: boolean): string =>
  `${counted(repeated, "rating")} of ${count(repeated + kept)} ${repeated === 1 ? "is" : "are"} of a user and an item that come up again: the last by ${hasTimes ? "time" : "row"} is kept`;

/** Items, or users, that are rated or rate, and that their table lacks; they come behind those of the table. */
export function unlistedNote(
  what: "items" | "users",
  ids: readonly string[],
  listed: number,
  of: Int32Array,
): string | undefined {
  const unlisted = ids.length - listed;
  if (unlisted === 0) return undefined;
  const ratings = of.reduce((sum, place) => sum + (place >= listed ? 1 : 0), 0);
  const told = `${count(ratings)} of ${counted(of.length, "rating")} (${percent(ratings, of.length)}) are ${what === "items" ? "of" : "by"} ${counted(unlisted, what.slice(0, -1))} that the table of ${what} lacks: nothing is known of ${unlisted === 1 ? "it" : "them"}`;
  const example = what === "items" ? `, such as ${quoted(ids[listed])}` : "";
  return `${told}${example}${zerosHint(ids, listed)}`;
}

/** What is added where ids that a table lacks are there with other leading zeros: a spreadsheet takes ids for numbers. */
export function zerosHint(ids: readonly string[], listed: number): string {
  const shortened = new Set(ids.slice(0, listed).map(withoutZeros));
  const lost = ids.slice(listed).filter((id) => shortened.has(withoutZeros(id))).length;
  return lost > 0 ? `; ${count(lost)} of them would be there with other leading zeros, which are part of an id` : "";
}

const withoutZeros = (id: string): string => {
  let at = 0;
  while (id[at] === "0") at++;
  return id.slice(at);
};
