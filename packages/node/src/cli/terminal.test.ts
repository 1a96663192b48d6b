import { describe, expect, it } from "vitest";
import { columnsWithin, folded, hanging, paintFor, plusMinus, roomIn, suggestions } from "./terminal.js";

describe("commands to go on with", () => {
  const next: [string, string][] = [
    ["innerloop eval runs/a", "longer"],
    ["innerloop adapt runs/a --support DIR", "your own"],
  ];
  it("stand beside what they are for where there is room, else above it, and are never broken", () => {
    const drawn = (room: number): string[] => suggestions(next, { room, indent: 2, paint: paintFor(false) });
    expect(drawn(60)[0]).toBe(`  innerloop eval runs/a${" ".repeat(18)}longer`);
    expect(drawn(48)).toEqual(["  innerloop eval runs/a", "      longer", `  ${next[1]![0]}`, "      your own"]);
  });
});

describe("a line has room", () => {
  it("for the columns of a terminal, 40 at least, and for any number elsewhere", () => {
    expect(roomIn({ isTTY: true, columns: 132 })).toBe(132);
    expect(roomIn({ isTTY: true, columns: 10 })).toBe(40);
    expect(roomIn({ isTTY: true })).toBe(80);
    expect(roomIn({ columns: 80 })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("what people are told", () => {
  const caption = "  accuracy on 600 tasks: 5-way 1-shot; seed 0";

  it("goes on at the indentation of its line", () => {
    expect(folded(`one\n${caption}\n`, 30)).toBe("one\n  accuracy on 600 tasks: 5-way\n  1-shot; seed 0\n");
    expect(folded(caption, 45)).toBe(caption);
    expect(folded(caption, Number.POSITIVE_INFINITY)).toBe(caption);
  });

  it("keeps its colour, whose codes take no room", () => {
    const dim = (text: string): string => paintFor(true)("dim", text);
    expect(folded(dim(caption), 45)).toBe(dim(caption));
    expect(folded(dim(caption), 30)).toBe(dim("  accuracy on 600 tasks: 5-way\n  1-shot; seed 0"));
  });

  it("takes time in proportion to a text, however long its line may be", () => {
    const words = "word ".repeat(100_000).trimEnd();
    const start = process.cpuUsage();
    expect(hanging(words, Number.POSITIVE_INFINITY, 2)).toBe(words);
    expect(folded(`${"\u001b[2m".repeat(20_000)}${words}`, 80).split("\n").length).toBeGreaterThan(5000);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
  });

  it("is not broken where it has columns", () => {
    const line = "  innerloop eval RUN --eval-steps 0,1,5   more adaptation steps";
    expect(folded(line, 30)).toBe(line);
  });

  it("hangs from the column where it begins", () => {
    expect(`  data  ${hanging("1,000 classes of handwritten characters", 30, 8)}`).toBe(
      "  data  1,000 classes of\n        handwritten characters",
    );
  });
});

describe("columns", () => {
  const rows = [
    ["", "accuracy"],
    ["prototypical network (runs/a)", "97.9% ± 0.6"],
    ["MAML", "98.1%"],
  ];

  it("are side by side where there is room", () => {
    expect(columnsWithin(43, rows)).toEqual([
      [`${" ".repeat(35)}accuracy`],
      ["prototypical network (runs/a)   97.9% ± 0.6"],
      [`MAML${" ".repeat(34)}98.1%`],
    ]);
  });

  it("have names in several lines where there is less", () => {
    expect(columnsWithin(42, rows)).toEqual([
      [`${" ".repeat(26)}accuracy`],
      ["prototypical network   97.9% ± 0.6", "  (runs/a)"],
      [`MAML${" ".repeat(25)}98.1%`],
    ]);
  });
});

it("an interval that leaves a share anything from 0 to 1 is unknown", () => {
  expect(plusMinus({ share: true }, 0.0921)).toBe("± 9.2");
  expect([1, 6.353, Number.POSITIVE_INFINITY, null].map((half) => plusMinus({ share: true }, half))).toEqual(
    Array(4).fill("unknown"),
  );
  expect([plusMinus({}, 6.353), plusMinus({}, undefined)]).toEqual(["± 6.353", ""]);
});
