/** Ratings in lines of a stream: a title and a rating in each. */
import { PlacedRows, quoted, type RatedRow, UsageError } from "@innerloop/experiments";
import { inputLines } from "./input-lines.js";

/** Lines that are read at most. */
const mostLines = 10_000;

/**
 * Rows of `title<TAB>rating` or `title,rating`; where there is no tab, the last comma counts. Lines of nothing are left out.
 *
 * @throws UsageError for a line that is none, by its number, and where there are none
 */
export async function ratedLines(chunks: AsyncIterable<Uint8Array>): Promise<PlacedRows> {
  const rows: RatedRow[] = [];
  const places: string[] = [];
  for await (const line of inputLines(chunks)) {
    if ("fault" in line) throw new UsageError(`line ${line.number}: ${line.fault}`, line.remedy);
    const { number, text } = line;
    if (text.trim() === "") continue;
    if (rows.length === mostLines)
      throw new UsageError(`more than ${mostLines.toLocaleString("en")} ratings`, "Give them as a table");
    const tab = text.lastIndexOf("\t");
    const at = tab >= 0 ? tab : text.lastIndexOf(",");
    const [item, rating] = [text.slice(0, Math.max(0, at)).trim(), text.slice(at + 1).trim()];
    if (item === "" || rating === "" || !Number.isFinite(Number(rating)))
      throw new UsageError(
        `line ${number}: ${quoted(text)} is no title and rating`,
        "Write the title, a tab or comma, and the rating: Alien, 9",
      );
    rows.push({ item, rating });
    places.push(`line ${number}`);
  }
  if (rows.length === 0)
    throw new UsageError("there are no ratings on standard input", "Send a title and rating a line");
  return new PlacedRows(rows, places);
}
