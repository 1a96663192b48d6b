import { DescribedError } from "@innerloop/graph";

/** Something wrong with how an experiment or command was asked for; the command line ends with code 2. */
export class UsageError extends DescribedError {
  static {
    UsageError.prototype.name = "UsageError";
  }
  /** A line that follows the message, such as a suggestion. */
  readonly remedy: string;
  constructor(problem: string, remedy: string) {
    super(`${problem}. ${remedy}`);
    this.remedy = remedy;
  }
}

/** Longer texts are no mistyped names. */
const longestName = 64;

/** The known name nearest to a mistyped one, where one is near. */
export function nearestName(wrong: string, names: readonly string[]): string | undefined {
  if (wrong.length > longestName) return undefined;
  const ranked = names
    .map((name) => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (!best) return undefined;
  if (best.distance <= Math.max(2, Math.floor(wrong.length / 3))) return best.name;
  return names.find((name) => wrong.length >= 3 && name.startsWith(wrong));
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
