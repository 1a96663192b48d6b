import { expect, test } from "vitest";
import { random } from "../../random/random.js";
import { dateIn, timeIn, weekdayOf, withDayFirst } from "./calendar.js";

const day = (text: string): number => Date.parse(`${text}Z`) / 86_400_000;

test("dates are days since 1970, in every usual notation", () => {
  for (const [text, iso] of [
    ["1970-01-01", "1970-01-01T00:00:00"],
    ["2024-02-29", "2024-02-29T00:00:00"],
    ["2024/3/5", "2024-03-05T00:00:00"],
    ["2024.03.05", "2024-03-05T00:00:00"],
    ["5.3.2024", "2024-03-05T00:00:00"],
    [" 31.12.1969 ", "1969-12-31T00:00:00"],
    ["2024-03-05T10:30", "2024-03-05T10:30:00"],
    ["2024-03-05 10:30:15.5", "2024-03-05T10:30:15.500"],
    ["5.3.2024 9:05 PM", "2024-03-05T21:05:00"],
    // The clock as it is written: no zone moves it.
    ["2024-03-05T00:30:00Z", "2024-03-05T00:30:00"],
    ["2024-03-05T00:30:00+05:30", "2024-03-05T00:30:00"],
  ] as const) {
    expect([text, dateIn(text)]).toEqual([text, { days: day(iso), order: "told" }]);
  }
});

test("the order of day and month is told by a number that is no month, or by nothing", () => {
  expect(dateIn("31/1/2024")).toEqual({ days: day("2024-01-31"), order: "day first" });
  expect(dateIn("1/31/2024")).toEqual({ days: day("2024-01-31"), order: "month first" });
  expect(dateIn("3-4-2024")).toEqual({ days: day("2024-03-04"), order: "either" });
  const source = random(5);
  for (let i = 0; i < 500; i++) {
    const [a, b, year] = [1 + source.integer(12), 1 + source.integer(12), 1900 + source.integer(200)];
    const either = dateIn(`${a}/${b}/${year} 06:00`)!;
    const written = [b, a].map((n) => String(n).padStart(2, "0")).join("-");
    expect([a, b, year, withDayFirst(either.days)]).toEqual([a, b, year, day(`${year}-${written}T06:00:00`)]);
  }
  expect(withDayFirst(day("2024-01-31"))).toBe(day("2024-01-31"));
});

test("what is no date or time is none", () => {
  for (const text of [
    ...[
      "",
      "2024",
      "2024-13-01",
      "2024-02-30",
      "31.4.2024",
      "1/31/24",
      "31/31/2024",
      "2024-01-31x",
      "2024-01-31 25:00",
    ],
    ...["2024-01/31", "12345-01-01", "0001-01-01", "2024-01-31 10:30 Europe/Berlin", `2024-01-31${" ".repeat(50)}`],
  ]) {
    expect([text, dateIn(text)]).toEqual([text, undefined]);
  }
  for (const text of ["24:00", "9:60", "9", "13:00 pm", "0:30 am", "9:30:61", "1:2", `9:30${"0".repeat(60)}`])
    expect([text, timeIn(text)]).toEqual([text, undefined]);
});

test("times of day are fractions of one, dates have weekdays", () => {
  expect(["0:00", "6:00", "12:00 PM", "12:00 am", "23:59:59", "18:00Z"].map(timeIn)).toEqual([
    ...[0, 0.25, 0.5, 0],
    (24 * 3600 - 1) / (24 * 3600),
    0.75,
  ]);
  expect(
    ["1969-12-31", "1970-01-01", "2024-03-03T23:00", "2024-03-04"].map((text) => weekdayOf(dateIn(text)!.days)),
  ).toEqual([2, 3, 6, 0]);
});
