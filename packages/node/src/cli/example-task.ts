/** One task on a terminal: what a learner is shown, what it is asked, and what it answers. */
import { brailleArt } from "./image-art.js";
import type { Output } from "./output.js";
import { counted, padEnd, widthOf, wrapped } from "./terminal.js";

/** A task as `innerloop start` shows it. */
export interface ExampleTask {
  readonly names: readonly string[];
  readonly support: readonly Float32Array[];
  /** By hand, a query of each class. */
  readonly queries: readonly (readonly Float32Array[])[];
}

/**
 * The task as lines: an example of each class, then the queries with the answers to them, all classes side by side where
 * there is room.
 *
 * @param answers probabilities [hands x classes][classes] before and after adapting
 */
export function exampleTaskLines(
  { names, support, queries }: ExampleTask,
  {
    before,
    after,
    steps,
  }: {
    readonly before: readonly (readonly number[])[];
    readonly after: readonly (readonly number[])[];
    readonly steps: number;
  },
  shape: readonly number[],
  { paint, width: room }: Pick<Output, "paint" | "width">,
): string[] {
  const [height = 28, width = 28] = shape;
  const cell = Math.ceil(width / 2) + 1;
  // A terminal that is too narrow for all classes has them in several rows.
  const fits = Math.max(1, Math.floor((room - 1) / cell));
  const drawn = (images: readonly Float32Array[], captions: readonly string[]): string[] => {
    const pictures = images.map((image) => brailleArt(image, height, width));
    const rows = [...pictures[0]!.map((_, line) => pictures.map((lines) => lines[line]!)), captions];
    return Array.from({ length: Math.ceil(images.length / fits) }, (_, part) =>
      rows.map((cells) => {
        const shown = cells.slice(part * fits, (part + 1) * fits).map((text) => padEnd(text, cell));
        return `  ${shown.join("")}`.trimEnd();
      }),
    ).flat();
  };
  const centred = (text: string): string => " ".repeat(Math.max(0, Math.floor((cell - 1 - widthOf(text)) / 2))) + text;
  const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));
  const right = (rows: readonly (readonly number[])[]): number =>
    rows.filter((row, i) => best(row) === i % names.length).length;
  const captions = (answers: readonly (readonly number[])[]): string[] =>
    answers.map((row, i) => {
      const answer = best(row);
      const said = `${names[answer]} ${Math.round(100 * row[answer]!)}%`;
      const text = answer === i ? `✓ ${said}` : `✗ ${said} (${names[i]})`;
      return paint(answer === i ? "green" : "red", centred(text));
    });
  const sentence = (text: string): string => wrapped(text, Math.min(room, 88), "  ");
  return [
    sentence(
      `${paint("bold", "One new task")}, of characters that it never practised on. It is shown one example of each:`,
    ),
    "",
    ...drawn(support, names.map(centred)),
    "",
    sentence(
      `and asked which is which in other hands. Its answers after ${counted(steps, "gradient step")}, in brackets what it was where they are wrong:`,
    ),
    "",
    ...queries.flatMap((images, hand) => [
      ...drawn(images, captions(after.slice(hand * names.length, (hand + 1) * names.length))),
      "",
    ]),
    sentence(`In this task ${right(after)} of ${after.length} are right; before adapting, ${right(before)}.`),
  ];
}
