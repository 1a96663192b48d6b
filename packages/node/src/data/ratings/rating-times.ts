/** Times of ratings. */

/** Seconds of the year 5138, and milliseconds of 1973: numbers beyond are milliseconds. */
const mostSeconds = 1e11;
const mostMilliseconds = 1e14;

const written =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|UTC|[+-]\d\d:?\d\d))?)?$/i;
const longest = 48;

/**
 * The seconds since 1970 that a cell says, NaN where it is no time: a number of seconds, or of milliseconds from 1e11 on; an
 * ISO date with or without a time of day and a zone, such as `2021-11-02` and `2021-11-02 20:52:59`. UTC where there is no
 * zone.
 */
export function timeIn(cell: string): number {
  const text = cell.length > longest ? "" : cell.trim();
  const number = text === "" ? Number.NaN : Number(text);
  if (Number.isFinite(number) && /^[\d.e+-]+$/i.test(text)) {
    const size = Math.abs(number);
    return size < mostSeconds ? number : size < mostMilliseconds ? number / 1000 : Number.NaN;
  }
  const found = written.exec(text);
  if (!found) return Number.NaN;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "0", zone] = found;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // A year below 100 would be one of the last century, and a 31st of February one of March.
  const isDate = Number(year) >= 100 && new Date(date).toISOString().slice(0, 10) === `${year}-${month}-${day}`;
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  if (!isDate || !isTime) return Number.NaN;
  const seconds = 60 * (60 * Number(hour) + Number(minute)) + Number(second) + Number(`0.${fraction}`);
  return date / 1000 + seconds - zoneSeconds(zone);
}

/** `+05:30` as seconds. */
function zoneSeconds(zone: string | undefined): number {
  if (zone === undefined || /^[a-z]/i.test(zone)) return 0;
  const minutes = 60 * Number(zone.slice(1, 3)) + Number(zone.slice(-2));
  return (zone.startsWith("-") ? -60 : 60) * minutes;
}
