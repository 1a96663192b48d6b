import { expect, test } from "vitest";
import { type NearNumber, nearNumber } from "./near-numbers.js";

const meant: Readonly<Record<NearNumber, readonly unknown[]>> = {
  percent: ["12%", " 3.5 %", "-1,5%"],
  currency: ["$3", "3 €", "-£1,234.50", "USD 12", "12.5 chf"],
  thousands: ["1,234", "-1,234,567.8", "1.234.567", "12 345", "1'234", "1_000", "1\u00a0234"],
  comma: ["1,5", "-0,25", "12,3456"],
  unit: ["6 kg", "3.5m²", "12,5 min", "20°C"],
  signs: ["'5", "(3.2)", "<5", "≥ 10", "−4", "~7"],
  hexadecimal: ["0x1F"],
  range: ["1e999", "-3.5e38", 1e39],
  date: ["2024-01-31", "31.1.2024", "1/31/24", "2024-01-31T10:00", "12:30", "12:30:15"],
  truth: ["true", "No", "Y", true],
  quotes: ["5", " -2.5e3 "],
  list: [[1, 2]],
};

test("cells that may be meant as numbers are told by what keeps them from being ones", () => {
  for (const [kind, cells] of Object.entries(meant)) {
    for (const cell of cells) expect([cell, nearNumber(cell)]).toEqual([cell, kind]);
  }
});

test("names, codes and texts are meant as nothing else", () => {
  const texts = ["abc", "g12", "Room 3", "", "%", "$", "1,23,4x,", "12-345-678", "3rd floor left", "+49 30 1234"];
  for (const text of [...texts, `${"5".repeat(40)}%`, null, undefined, {}, ["a"]]) {
    expect([text, nearNumber(text)]).toEqual([text, undefined]);
  }
});
