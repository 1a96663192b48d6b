/** Dates and times of day as tables write them: by the calendar and the clock, without zones. */

/** A date as a cell writes it. */
export interface WrittenDate {
  /**
   * Days since 1970-01-01, the time of day as a fraction of one. Of an order that is told by nothing, such as 3/4/2024,
   * they are those of the month before the day.
   */
  readonly days: number;
  /** The order of day and month: by the notation or by a number that is no month; "either" where nothing tells it. */
  readonly order: "told" | DateOrder | "either";
}

/** The orders of day and month in dates such as 3/4/2024. */
export type DateOrder = "day first" | "month first";

/** Longer texts are no dates. */
const longest = 40;
const secondsOfDay = 86_400;
const millisecondsOfDay = 86_400_000;

/**
 * The date that a text writes: `2024-01-31`, `2024/1/31`, `31.1.2024`, `31/1/2024` or `1/31/2024`, of years of four
 * digits, alone or with a time of day behind it (`2024-01-31T10:30:00Z`, `31.1.2024 10:30`); undefined for other texts.
 *
 * The clock is taken as it is written: a zone behind it (`Z`, `+02:00`) is read and not applied, so that neither the
 * machine's zone nor that of a row moves a date to another weekday.
 */
export function dateIn(text: string): WrittenDate | undefined {
  if (text.length > longest) return undefined;
  const found = /^(\d{1,4})([-/.])(\d{1,2})([-/.])(\d{1,4})(?:[Tt ](.+))?$/.exec(text.trim());
  if (!found) return undefined;
  const [, first, mark, second, otherMark, third, clock] = found as unknown as readonly [string, ...string[]];
  if (mark !== otherMark) return undefined;
  const time = clock === undefined ? 0 : timeIn(clock);
  if (time === undefined) return undefined;
  const at = (year: number, month: number, day: number, order: WrittenDate["order"]): WrittenDate | undefined => {
    const days = dayNumber(year, month, day);
    return days === undefined ? undefined : { days: days + time, order };
  };
  const [a, b, c] = [Number(first), Number(second), Number(third)];
  if (first!.length === 4 && third!.length <= 2) return at(a, b, c, "told");
  if (first!.length > 2 || third!.length !== 4) return undefined;
  if (mark === ".") return at(c, b, a, "told");
  if (a > 12) return at(c, b, a, "day first");
  return at(c, a, b, b > 12 ? "month first" : "either");
}

/** The time of day that a text writes, as a fraction of the day: `9:30`, `21:05:59`, `9:30 PM`; undefined for others. */
export function timeIn(text: string): number | undefined {
  if (text.length > longest) return undefined;
  const found = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)? ?(am|pm)?(?:z|[-+]\d{2}:?\d{2})?$/.exec(
    text.trim().toLowerCase(),
  );
  if (!found) return undefined;
  const [, hour, minute, second = "0", fraction = "", half] = found as unknown as readonly [string, ...string[]];
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const isHour = half === undefined ? h < 24 : h >= 1 && h <= 12;
  if (!isHour || m > 59 || s > 59) return undefined;
  const hours = half === undefined ? h : (h % 12) + (half === "pm" ? 12 : 0);
  // A millionth of a second is what a day among thousands has room for.
  return (3600 * hours + 60 * m + s + Number(`0.${fraction.slice(0, 6)}`)) / secondsOfDay;
}

/** The other reading of a date that may be read either way: 3/4/2024 of the month first as that of the day first. */
export function withDayFirst(days: number): number {
  const whole = Math.floor(days);
  const date = new Date(whole * millisecondsOfDay);
  const [month, day] = [date.getUTCMonth() + 1, date.getUTCDate()];
  // Of a day beyond 12 there is one reading.
  if (day > 12) return days;
  return dayNumber(date.getUTCFullYear(), day, month)! + (days - whole);
}

/** The day of the week of days since 1970-01-01, a Thursday: 0 for Monday to 6 for Sunday. */
export const weekdayOf = (days: number): number => (((Math.floor(days) + 3) % 7) + 7) % 7;

function dayNumber(year: number, month: number, day: number): number | undefined {
  if (year < 1000 || month < 1 || month > 12 || day < 1) return undefined;
  const date = Date.UTC(year, month - 1, day);
  // The 31st of April would be the 1st of May.
  return new Date(date).getUTCDate() === day ? date / millisecondsOfDay : undefined;
}
