/** What is known of a user in lines of a stream, a rating or an item in each. */
import { PlacedRows, type RatedRow, UsageError } from "@innerloop/experiments";
import { inputLines } from "./input-lines.js";

/** Lines that are read at most. */
const mostLines = 10_000;

/**
 * Rows of the lines of a stream; those of nothing are left out.
 *
 * @param rowOf of a line and where it is: `Ranker.rowOf`
 * @throws UsageError for a line that is none, by its number, and where there are none
 */
export async function ratedLines(
  chunks: AsyncIterable<Uint8Array>,
  rowOf: (line: string, at: string) => RatedRow,
): Promise<PlacedRows> {
  const rows: RatedRow[] = [];
  const places: string[] = [];
  for await (const line of inputLines(chunks)) {
    if ("fault" in line) throw new UsageError(`line ${line.number}: ${line.fault}`, line.remedy);
    const { number, text } = line;
    if (text.trim() === "") continue;
    if (rows.length === mostLines)
      throw new UsageError(`more than ${mostLines.toLocaleString("en")} lines`, "Give them as a table");
    const place = `line ${number}`;
    rows.push(rowOf(text, place));
    places.push(place);
  }
  if (rows.length === 0) throw new UsageError("there is nothing on standard input", "Send a line for each item");
  return new PlacedRows(rows, places);
}
