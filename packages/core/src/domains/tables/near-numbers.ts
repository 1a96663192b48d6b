/** Cells that are no numbers as they are written, and may be meant as ones. */
import { numberIn } from "./decimal-number.js";

/** @internal What keeps a cell from being a number, and how it is written as one. */
export const waysToNumbers = {
  percent: "without the percent sign",
  currency: "without the currency",
  thousands: "without marks between thousands",
  comma: "with a point for the comma",
  unit: "without the unit",
  signs: "without other signs, negative ones with a plain -",
  hexadecimal: "in decimals",
  range: "within the range of float32, 3.4e38",
  date: "as numbers, such as days or minutes since the first",
  truth: "as 1 and 0",
  quotes: "as numbers, without quotes",
  list: "as a column for each number",
} as const;
/** @internal What a cell that is no number may be meant as. */
export type NearNumber = keyof typeof waysToNumbers;

const truthWords: ReadonlySet<string> = new Set(["true", "false", "yes", "no", "y", "n", "t", "f", "on", "off"]);
const currencies = ["$", "€", "£", "¥", "₹", "usd", "eur", "gbp", "chf", "jpy", "inr", "cny"];
/** Longer texts are none that stand for a number. */
const longest = 32;

/** @internal What a cell that is no number may be meant as; undefined for other texts. */
export function nearNumber(cell: unknown): NearNumber | undefined {
  if (typeof cell === "boolean") return "truth";
  if (Array.isArray(cell)) return cell.every((value) => typeof value === "number") ? "list" : undefined;
  if (typeof cell === "number") return "range";
  if (typeof cell !== "string" || cell.length > longest) return undefined;
  const text = cell.trim().toLowerCase();
  if (truthWords.has(text)) return "truth";
  if (!/[0-9]/.test(text)) return undefined;
  const plain = numberIn(text);
  if (!Number.isNaN(plain)) return Number.isFinite(Math.fround(plain)) ? "quotes" : "range";
  if (isThousands(text)) return "thousands";
  if (isNumberLike(text)) return "comma";
  if (text.endsWith("%") && isNumberLike(text.slice(0, -1))) return "percent";
  for (const currency of currencies) {
    const without = text.replace(currency, "");
    if (without !== text && isNumberLike(without)) return "currency";
  }
  if (/^0x[0-9a-f]+$/.test(text)) return "hexadecimal";
  if (/^\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:$|[ t])/.test(text) || /^\d{1,2}:\d{2}(?:$|[: ])/.test(text)) return "date";
  const unit = /^([-+]?[\d.,]+) ?[^\d\s.,:;/_-]{1,8}$/.exec(text);
  if (unit && isNumberLike(unit[1]!)) return "unit";
  const bare = text.replace(/^['(<>~≈=≤≥−–]{1,2} ?/, "").replace(/[)']$/, "");
  return bare !== text && isNumberLike(bare) ? "signs" : undefined;
}

/** @internal Numbers with marks between thousands: 1,234 or 1.234.567,8 or 1 234 or 1'234 or 1_000. */
export function isThousands(text: string): boolean {
  const digits = /^[-+]/.test(text) ? text.slice(1) : text;
  const mark = digits.charAt(digits.search(/[^0-9]/));
  if (mark === "" || !/[,.'’_\s]/.test(mark)) return false;
  const [first = "", ...others] = digits.split(mark);
  const last = others.pop() ?? "";
  const isGroup = (part: string): boolean => /^\d{3}$/.test(part);
  return /^\d{1,3}$/.test(first) && others.every(isGroup) && (isGroup(last) || /^\d{3}[.,]\d{1,9}$/.test(last));
}

const isNumberLike = (text: string): boolean =>
  !Number.isNaN(numberIn(text)) || !Number.isNaN(numberIn(text, ",")) || isThousands(text.trim());
