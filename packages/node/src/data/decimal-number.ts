/** Numbers as texts, files and command lines write them. */

const [zero, nine] = [48, 57];

/**
 * The number that a text writes in decimal notation, such as `-2.5e-3`, spaces around it allowed; NaN for any other text,
 * such as `1,5`, `0x10` or `NaN`. It takes one look at each character, however long the text is.
 *
 * @param point what stands between whole and broken: a comma in much of Europe
 */
export function numberIn(text: string, point: "." | "," = "."): number {
  const number = text.trim();
  let at = 0;
  const skipSign = (): void => {
    if (number[at] === "+" || number[at] === "-") at++;
  };
  const skipDigits = (): number => {
    const from = at;
    for (let code = number.charCodeAt(at); code >= zero && code <= nine; code = number.charCodeAt(at)) at++;
    return at - from;
  };
  skipSign();
  let digits = skipDigits();
  const pointAt = number[at] === point ? at++ : -1;
  if (pointAt >= 0) digits += skipDigits();
  if (digits === 0) return Number.NaN;
  if (number[at] === "e" || number[at] === "E") {
    at++;
    skipSign();
    if (skipDigits() === 0) return Number.NaN;
  }
  if (at < number.length) return Number.NaN;
  return Number(pointAt < 0 || point === "." ? number : `${number.slice(0, pointAt)}.${number.slice(pointAt + 1)}`);
}
