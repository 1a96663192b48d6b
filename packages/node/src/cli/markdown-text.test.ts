import { expect, it } from "vitest";
import { markdownCell, markdownText } from "./markdown-text.js";

it("shows text of any origin as it is", () => {
  expect(markdownText("<img src=x> [a](b) \\[c](d)\n# e")).toBe("&lt;img src=x> \\[a](b) \\\\\\[c](d) # e");
  expect(markdownText("made by `train '<a>'`, 1.0")).toBe("made by `train '<a>'`, 1.0");
  // Backticks that do not pair could end where the text does not.
  for (const text of ["``x`` `<img> ``", "`<img>", "`<a>``<b>`"]) expect(markdownText(text)).not.toContain("<");
  expect(markdownCell("a | b")).toBe("a \\| b");
});
