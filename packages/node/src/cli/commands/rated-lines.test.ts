import { describe, expect, it } from "vitest";
import { ratedLines } from "./rated-lines.js";

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
const read = (text: string) => ratedLines(bytesOf(text));

describe("lines of ratings", () => {
  it("are titles and ratings, with a tab or the last comma between them", async () => {
    const { rows, places } = await read("Alien, 9\n\n  The Good, the Bad and the Ugly,8.5\r\nA, B\t-1\n007,0");
    expect(rows).toEqual([
      { item: "Alien", rating: "9" },
      { item: "The Good, the Bad and the Ugly", rating: "8.5" },
      { item: "A, B", rating: "-1" },
      { item: "007", rating: "0" },
    ]);
    // An empty line is one, too.
    expect(places).toEqual(["line 1", "line 3", "line 4", "line 5"]);
  });

  it.each([
    ["Alien", /^line 1: "Alien" is no title and rating\. Write/],
    ["Alien,9\nitem,rating\n", /^line 2: /],
    ["Alien,\n", /^line 1: /],
    [",9\n", /^line 1: /],
    ["Alien,Infinity", /^line 1: /],
    ["\n \n", /^there are no ratings on standard input/],
    ["a,1\n".repeat(10_001), /^more than 10,000 ratings/],
  ])("are refused where they are none: %j", async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});
