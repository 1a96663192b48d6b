import { expect, it } from "vitest";
import { Problems } from "./problems.js";

it("one problem reads as any other error, several have a line each, and many a number", () => {
  const problems = new Problems();
  expect(() => problems.throwAny("ILD71", "t.csv", "Mend it.")).not.toThrow();
  problems.add("t.csv:3", "a field too many");
  expect(problems.error("ILD71", "t.csv", "Mend it.").message).toBe("ILD71 t.csv:3: a field too many. Mend it.");
  for (let line = 4; line < 28; line++) problems.add(`t.csv:${line}`, "a field too many");
  const { message } = problems.error("ILD71", "t.csv", "Mend them.");
  expect(message).toMatch(/^ILD71 t\.csv: there are 25 problems\. Mend them\.\n {2}t\.csv:3: a field too many\n/);
  expect(message).toMatch(/\n {2}t\.csv:22: a field too many\n {2}\.\.\. and 5 more$/);
  expect(() => problems.throwAny("ILD71", "t.csv", "Mend them.")).toThrow("25 problems");
});
