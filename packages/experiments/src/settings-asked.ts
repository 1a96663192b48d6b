/** Settings that a method is called with. */
import { quoted } from "./options/outside-text.js";
import { nearestName, UsageError } from "./options/usage-error.js";

/** @throws UsageError for a setting that the operation does not know, which would be ignored */
export function requireKnown(operation: string, setting: object, known: readonly string[]): void {
  const unknown = Object.keys(setting).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearestName(unknown, known);
  throw new UsageError(
    `${operation} has no option ${quoted(unknown)}`,
    near ? `Did you mean ${near}?` : `It takes ${known.join(", ")}`,
  );
}

/** @throws UsageError for what is no whole number of at least so much */
export function requireWhole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${name} is ${quoted(String(value))}`, `Give a whole number of at least ${least}`);
}
