import { describe, expect, it } from "vitest";
import { beyondTitle, isPool, type Pool, poolText } from "./results-cells.js";

describe("pools in words", () => {
  const pool = (of: Pool["of"], count: number, examples: number): Pool => ({ of, count, examples });

  it("are classes or domains of examples, and groups of rows", () => {
    expect(poolText(pool("classes", 3, 24), true)).toBe("3 held-out classes (24 examples)");
    expect(poolText(pool("groups", 1, 1), false)).toBe("1 group (1 row)");
    expect(poolText(pool("domains", 7, 25_745), true)).toBe("7 held-out domains (25,745 examples)");
    expect(poolText({ ...pool("domains", 1, 2), seen: true }, true)).toBe("1 domain (held out: 2 examples)");
    expect(beyondTitle({ of: "domains" })).toBe("± for other domains");
  });

  it("are taken from files where they are pools", () => {
    expect(isPool(pool("domains", 7, 25_745))).toBe(true);
    for (const value of [null, 5, "domains", {}, { of: "toString", count: 1, examples: 1 }, pool("groups", -1, 2)])
      expect(isPool(value)).toBe(false);
    expect(isPool({ of: "classes", count: "3", examples: 9 })).toBe(false);
  });
});
