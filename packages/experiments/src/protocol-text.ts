/** A task in words, from the protocol of an evaluation. */
import { counted } from "./words.js";

type Protocol = Readonly<Record<string, string | number | boolean>>;

/** `5-way 1-shot, 3 queries per class`, `5 support and 10 query points`: the task of a protocol. */
export function taskTextOf(protocol: Protocol): string {
  const { family, ways, shots, queries } = protocol;
  if (shots === undefined) return String(family);
  if (ways === undefined) return `${shots} support and ${queries} query points`;
  return [
    `${ways}-way ${shots}-shot`,
    ...unlabelledText(protocol),
    `${counted(Number(queries), "query", "queries")} per class`,
  ].join(", ");
}

/** `5 unlabelled examples per class`; nothing for learners to whom the tasks give none. */
function unlabelledText({ unlabelled, unlabelledUsed, distractorClasses = 0 }: Protocol): string[] {
  if (unlabelled === undefined || unlabelledUsed === false) return [];
  const others = Number(distractorClasses);
  const beyond = others > 0 ? ` and of ${counted(others, "other class", "other classes")}` : "";
  return [`${counted(Number(unlabelled), "unlabelled example")} per class${beyond}`];
}
