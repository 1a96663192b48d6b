import { expect, it } from "vitest";
import { Pace } from "./pace.js";

it("leaves out what came before the first unit, and what came between", () => {
  let ms = 0;
  const pace = new Pace(100, () => ms);
  const after = (seconds: number, done: number) => {
    ms += 1000 * seconds;
    return pace.at(done, 200);
  };
  expect(after(60, 100)).toEqual({ rate: 0, left: Number.NaN });
  expect(after(5, 101)).toEqual({ rate: 0, left: Number.NaN });
  expect(after(1, 111)).toEqual({ rate: 10, left: 8.9 });
  ms += 30_000;
  pace.resume();
  expect(after(0.1, 112)).toEqual({ rate: 10, left: 8.8 });
  expect(after(1, 122)).toEqual({ rate: 10, left: 7.8 });
});

it("follows a machine that gets slower within seconds", () => {
  let ms = 0;
  const pace = new Pace(0, () => ms);
  const rates = Array.from({ length: 20 }, (_, i) => {
    ms += i < 10 ? 100 : 1000;
    return pace.at(i + 1, 100).rate;
  });
  expect(rates[9]).toBeCloseTo(10, 6);
  expect(rates[19]).toBeGreaterThan(1);
  expect(rates[19]).toBeLessThan(1.7);
});
