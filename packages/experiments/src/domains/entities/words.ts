/** What tasks of marked texts are, in words. */
import { countInWords } from "../../options/values.js";
import { count, counted } from "../../words.js";
import type { EntityValues } from "./options.js";
import type { EntityData } from "./reading.js";

const parts = ["train", "validation", "test"] as const;

/** `snips: 5 domains to train on, PlayMusic to validate, GetWeather held out` */
export function markedText({ data }: EntityValues, held: EntityData): string {
  const sentences = (part: (typeof parts)[number]): number =>
    held[part].domains.reduce((sum, { starts }) => sum + starts.length - 1, 0);
  if (held.by !== "domains") {
    const [train, validation, test] = parts.map((part) => count(sentences(part)));
    const types = held.by === "types" ? "of other types" : "of the same types";
    return `${data}: ${train} sentences to train on, ${validation} to validate, ${test} held out, ${types}`;
  }
  const names = (part: (typeof parts)[number]): string => held[part].domains.map(({ name }) => name).join(", ");
  return `${data}: ${counted(held.train.domains.length, "domain")} to train on, ${names("validation")} to validate, ${names("test")} held out`;
}

/** `all types of a domain, 5 spans of each, 20 query sentences` */
export function entityTasksText({ types, shots, trainShots = shots, queries }: EntityValues): string {
  const of = types === undefined ? "all types of a domain" : counted(types, "type");
  const trained =
    trainShots === shots
      ? `${counted(shots, "span")} of each`
      : `${countInWords(trainShots)} spans of each (evaluated ${shots})`;
  return `${of}, ${trained}, ${counted(queries, "query sentence")}`;
}
