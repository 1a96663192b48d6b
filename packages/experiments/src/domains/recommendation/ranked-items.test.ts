import { random } from "@innerloop/core";
import { expect, it } from "vitest";
import { bestPlaces } from "./ranked-items.js";

it("the best are in order of values, of equal ones the earlier first, and never those left out", () => {
  for (let seed = 0; seed < 200; seed++) {
    const source = random(seed, 2);
    const length = 1 + Math.floor(40 * source.uniform());
    // Few values, so that many are equal.
    const values = Float32Array.from({ length }, () => Math.floor(6 * source.uniform()) - 3);
    const leftOut = new Set(Array.from({ length }, (_, i) => i).filter(() => source.uniform() < 0.2));
    const top = 1 + Math.floor(12 * source.uniform());
    const expected = Array.from({ length }, (_, i) => i)
      .filter((place) => !leftOut.has(place))
      .sort((a, b) => values[b]! - values[a]! || a - b)
      .slice(0, top);
    expect(bestPlaces(values, top, leftOut), `seed ${seed}`).toEqual(expected);
  }
});
