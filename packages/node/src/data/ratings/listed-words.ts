/** Cells of a table that hold several words: `Crime|Drama`, `['Pork', "Rich Fish"]`. */

/** What a word within brackets that has no quotes may be, and says that there is none. */
const noWords: ReadonlySet<string> = new Set(["", "None", "null", "nan", "NaN"]);

/**
 * The words of a list in Python's or JSON's notation, undefined where the text is none. Words without quotes end at a comma;
 * a backslash takes the next character as it is.
 */
export function listIn(text: string): string[] | undefined {
  const list = text.trim();
  if (!list.startsWith("[") || !list.endsWith("]")) return undefined;
  const json = jsonList(list);
  if (json) return json;
  const words: string[] = [];
  let at = 1;
  const end = list.length - 1;
  const skipBlanks = (): void => {
    while (at < end && list[at]!.trim() === "") at++;
  };
  while (at < end) {
    skipBlanks();
    const quote = list[at];
    if (at < end && (quote === "'" || quote === '"')) {
      let word = "";
      let from = ++at;
      while (at < end && list[at] !== quote) {
        if (list[at] === "\\") {
          word += list.slice(from, at);
          from = ++at;
        }
        at++;
      }
      // The bracket at the end is not a part of a word.
      if (at >= end) return undefined;
      words.push(word + list.slice(from, at));
      at++;
      skipBlanks();
      if (at < end && list[at] !== ",") return undefined;
    } else {
      const from = at;
      while (at < end && list[at] !== ",") at++;
      const word = list.slice(from, at).trim();
      // Lists of lists are none of words.
      if (word.includes("[") || word.includes("]")) return undefined;
      if (!noWords.has(word)) words.push(word);
    }
    at++;
  }
  return words;
}

/** The same of a list of strings that is JSON, whose escapes are its own. */
function jsonList(list: string): string[] | undefined {
  if (!list.slice(1).trimStart().startsWith('"')) return undefined;
  try {
    const found: unknown = JSON.parse(list);
    return Array.isArray(found) && found.every((word) => typeof word === "string") ? found : undefined;
  } catch {
    return undefined;
  }
}

/** The words of a cell: those of a list, or those that stand between `|`. Each once, without blanks around it. */
export function wordsIn(text: string): string[] {
  const words = (listIn(text) ?? text.split("|")).map((word) => word.normalize("NFC").trim());
  return [...new Set(words.filter((word) => word !== ""))];
}
