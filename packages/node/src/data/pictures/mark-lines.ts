/** The lines of a text file of marks. */

import { DataError } from "../data-error.js";
import { textOfBytes } from "../formats/text-file.js";
import type { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import type { PictureTree, TreePath } from "./picture-tree.js";

/** A line with something on it, blanks at its ends left out. */
export interface MarkLine {
  readonly text: string;
  /** From 1 on. */
  readonly line: number;
}

/** The text of a file of marks. @throws DataError ILD54 for another encoding, with the line */
export function textOfMarks(bytes: Uint8Array, where: string): string {
  try {
    return textOfBytes(bytes, where);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError("ILD54", error.where, error.problem, "Save it as UTF-8.");
  }
}

/** The text of a file in a tree. @throws DataError ILD54, for one that is too large as well; ILD03 */
export const markText = async (tree: PictureTree, path: TreePath): Promise<string> =>
  textOfMarks(await tree.read(path, readingLimits.markFileBytes), tree.where(path));

/** Lines of a text that are not empty. */
export function linesOf(text: string): readonly MarkLine[] {
  const lines: MarkLine[] = [];
  text.split("\n").forEach((each, i) => {
    const trimmed = each.trim();
    if (trimmed !== "") lines.push({ text: trimmed, line: i + 1 });
  });
  return lines;
}

/** Lines of a file that are not empty; a file that cannot be read, and a line that is too long, is told. */
export async function markLines(tree: PictureTree, path: TreePath, problems: Problems): Promise<readonly MarkLine[]> {
  try {
    const { markLineLength: most } = readingLimits;
    return linesOf(await markText(tree, path)).filter(({ text, line }) => {
      if (text.length <= most) return true;
      problems.add(`${tree.where(path)}:${line}`, `a line of ${text.length} characters`);
      return false;
    });
  } catch (error) {
    if (!(error instanceof DataError) || error.code !== "ILD54") throw error;
    problems.add(error.where, error.problem);
    return [];
  }
}
