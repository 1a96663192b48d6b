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
  const wholeFrom = afterSign(number, 0);
  let at = afterDigits(number, wholeFrom);
  let digits = at - wholeFrom;
  const pointAt = number[at] === point ? at : -1;
  if (pointAt >= 0) {
    at = afterDigits(number, pointAt + 1);
    digits += at - pointAt - 1;
  }
  if (digits === 0) return Number.NaN;
  if (number[at] === "e" || number[at] === "E") {
    const exponentFrom = afterSign(number, at + 1);
    at = afterDigits(number, exponentFrom);
    if (at === exponentFrom) return Number.NaN;
  }
  if (at < number.length) return Number.NaN;
  return Number(pointAt < 0 || point === "." ? number : `${number.slice(0, pointAt)}.${number.slice(pointAt + 1)}`);
}

const afterSign = (text: string, at: number): number => (text[at] === "+" || text[at] === "-" ? at + 1 : at);

function afterDigits(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code >= zero && code <= nine; code = text.charCodeAt(at)) at++;
  return at;
}
