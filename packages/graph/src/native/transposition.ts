/** Copies that lie along one loop where they are read and along another where they are written: by squares of as many vectors as one has lanes. */
import { addIndex, type IndexForm, indexOf, indexText, type LoopVariable } from "../program/index-form.js";
import type { LoopBody } from "./loop-body.js";

/** Shorter loops are copied number by number. */
const leastExtent = 4;

/** A copy of one array, with the loop that it is read along. */
export interface TransposedCopy {
  readonly read: IndexForm;
  readonly readAlong: LoopVariable;
}

const factorOf = ({ terms }: IndexForm, variable: LoopVariable): number | undefined => {
  if (terms.some(({ atom }) => atom !== variable && atom.variables.has(variable))) return undefined;
  return terms.find(({ atom }) => atom === variable)?.factor ?? 0;
};

/** Tells copies in which a vector that is written would be gathered number by number; `along` is what it is written along. */
export function transposedCopy(
  body: LoopBody,
  place: IndexForm,
  variables: readonly LoopVariable[],
  along: LoopVariable,
): TransposedCopy | undefined {
  const [read, ...others] = body.reads;
  if (!read || others.length > 0 || read.guards.length > 0 || body.operations > 0) return undefined;
  const stride = factorOf(read.form, along);
  if (stride === undefined || stride < 2 || along.extent < leastExtent) return undefined;
  const readAlong = variables.find(
    (variable) =>
      variable !== along &&
      variable.extent >= leastExtent &&
      factorOf(read.form, variable) === 1 &&
      factorOf(place, variable) !== undefined,
  );
  return readAlong && { read: read.form, readAlong };
}

/** The lines that copy, within the loops of all other variables. */
export function transposedLines(
  { read, readAlong }: TransposedCopy,
  place: IndexForm,
  along: LoopVariable,
  type: string,
  lanes: number,
): string {
  const at = (form: IndexForm, variable: LoopVariable, n: number): string =>
    indexText(addIndex(form, indexOf(n * factorOf(form, variable)!)));
  const count = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);
  const square = (rows: number, columns: number): string =>
    [
      `${type} r[${lanes}];`,
      ...count(lanes).map((n) => {
        if (n >= columns) return `r[${n}] = (${type}){0};`;
        const from = `x0 + ${at(read, along, n)}`;
        return `r[${n}] = ${rows === lanes ? `load_${type}(${from})` : `some_${type}(${from}, ${rows})`};`;
      }),
      `transpose_${type}(r);`,
      ...count(rows).map((n) => `store_${type}(y + ${at(place, readAlong, n)}, r[${n}], ${columns});`),
    ].join("\n");
  const blocks = ({ text, extent }: LoopVariable, lines: (n: number) => string): string => {
    const whole = Math.floor(extent / lanes) * lanes;
    return [
      ...(whole > 0 ? [`for (long ${text} = 0; ${text} < ${whole}; ${text} += ${lanes}) {\n${lines(lanes)}\n}`] : []),
      ...(whole < extent ? [`{ const long ${text} = ${whole};\n${lines(extent - whole)}\n}`] : []),
    ].join("\n");
  };
  return blocks(readAlong, (rows) => blocks(along, (columns) => square(rows, columns)));
}

/** `transpose_S`: the numbers of a square of vectors across its diagonal, by halves, quarters and so on. */
export function transposeFunction(type: string, lanes: number): string {
  const mask = type === "vf" || type === "vi" ? "vi" : "vl";
  const lines: string[] = [];
  for (let half = lanes / 2; half >= 1; half /= 2) {
    const chosen = (make: (lane: number, isLow: boolean) => number): string =>
      Array.from({ length: lanes }, (_, lane) => make(lane, (lane & half) === 0)).join(", ");
    const low = chosen((lane, isLow) => (isLow ? lane : lanes + lane - half));
    const high = chosen((lane, isLow) => (isLow ? lane + half : lanes + lane));
    for (let n = 0; n < lanes; n++) {
      if ((n & half) !== 0) continue;
      lines.push(
        `{ const ${type} a = r[${n}], b = r[${n + half}]; r[${n}] = chosen(a, b, ${mask}, ${low}); r[${n + half}] = chosen(a, b, ${mask}, ${high}); }`,
      );
    }
  }
  return `#ifndef chosen
#ifdef __clang__
#define chosen(a, b, mask, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define chosen(a, b, mask, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif
#endif
static inline void transpose_${type}(${type} *r) {
${lines.join("\n")}
}`;
}
