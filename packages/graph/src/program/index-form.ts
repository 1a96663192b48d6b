/**
 * Whole numbers that loops make: where an element lies, as a sum of loop variables times constants. Views of arrays
 * (transpose, slice, reshape ...) are functions of such forms, so that a compiled program reads an array through any number
 * of views and copies nothing.
 */

/** A part of an index that a loop changes: a loop's variable, or what no sum of variables says. */
export interface IndexAtom {
  /** As it stands in C. */
  readonly text: string;
  /** It is from 0 to below this. */
  extent: number;
  /** The variables that it depends on. */
  readonly variables: ReadonlySet<LoopVariable>;
}

/** A loop's variable, from 0 to below its extent. */
export class LoopVariable implements IndexAtom {
  readonly variables: ReadonlySet<LoopVariable> = new Set([this]);

  constructor(
    readonly text: string,
    public extent: number,
  ) {}
}

/** constant + sum of factor x atom */
export interface IndexForm {
  readonly constant: number;
  readonly terms: readonly { readonly atom: IndexAtom; readonly factor: number }[];
}

/** Where `low <= form < high`, an element is there. */
export interface IndexGuard {
  readonly form: IndexForm;
  readonly low: number;
  readonly high: number;
}

/** An element of an array by its index on each axis, and where it is there at all. */
export interface Access {
  readonly at: readonly IndexForm[];
  /** Where one of them does not hold, the element is `fill`. */
  readonly guards?: readonly IndexGuard[];
  readonly fill?: number;
}

/** Asks for a loop to be written as two, of which the inner has so many turns: an index is a sum of variables then. */
export class SplitRequest extends Error {
  constructor(
    readonly variable: LoopVariable,
    readonly inner: number,
  ) {
    super(`a loop of ${variable.extent} in rows of ${inner}`);
  }
}

export const indexOf = (constant: number): IndexForm => ({ constant, terms: [] });

/** The index that a variable is; one that takes one value only is that number. */
export const indexBy = (atom: IndexAtom): IndexForm =>
  atom.extent === 1 ? indexOf(0) : { constant: 0, terms: [{ atom, factor: 1 }] };

export function addIndex(a: IndexForm, b: IndexForm): IndexForm {
  const terms = a.terms.map((term) => ({ ...term }));
  for (const { atom, factor } of b.terms) {
    const same = terms.find((term) => term.atom === atom);
    if (same) same.factor += factor;
    else terms.push({ atom, factor });
  }
  return { constant: a.constant + b.constant, terms: terms.filter(({ factor }) => factor !== 0) };
}

export const scaleIndex = (a: IndexForm, by: number): IndexForm =>
  by === 0
    ? indexOf(0)
    : { constant: a.constant * by, terms: a.terms.map(({ atom, factor }) => ({ atom, factor: factor * by })) };

/** The least and the greatest number that it can be. */
export function rangeOfIndex({ constant, terms }: IndexForm): readonly [least: number, greatest: number] {
  let [low, high] = [constant, constant];
  for (const { atom, factor } of terms) {
    if (factor > 0) high += factor * (atom.extent - 1);
    else low += factor * (atom.extent - 1);
  }
  return [low, high];
}

/** Quotient and remainder by a whole number, of an index that is never negative. Throws SplitRequest. */
export function divideIndex(
  form: IndexForm,
  by: number,
): { readonly quotient: IndexForm; readonly remainder: IndexForm } {
  const whole = form.terms.filter(({ factor }) => factor % by === 0);
  const rest = form.terms.filter(({ factor }) => factor % by !== 0);
  const constant = Math.floor(form.constant / by);
  const quotient: IndexForm = {
    constant,
    terms: whole.map(({ atom, factor }) => ({ atom, factor: factor / by })),
  };
  const remainder: IndexForm = { constant: form.constant - constant * by, terms: rest };
  const [low, high] = rangeOfIndex(remainder);
  if (low >= 0 && high < by) return { quotient, remainder };
  for (const { atom, factor } of rest) {
    if (!(atom instanceof LoopVariable) || factor < 0 || by % factor !== 0) continue;
    const inner = by / factor;
    if (inner > 1 && atom.extent > inner && atom.extent % inner === 0) throw new SplitRequest(atom, inner);
  }
  const text = indexText(form);
  const variables = new Set(form.terms.flatMap(({ atom }) => [...atom.variables]));
  const [, greatest] = rangeOfIndex(form);
  const atom = (what: string, extent: number): IndexForm => indexBy({ text: what, extent, variables });
  return {
    quotient: atom(`((${text}) / ${by})`, Math.floor(greatest / by) + 1),
    remainder: atom(`((${text}) % ${by})`, Math.min(by, greatest + 1)),
  };
}

/** Splits an index into those of axes of these sizes, row-major. Throws SplitRequest. */
export function unravelIndex(form: IndexForm, sizes: readonly number[]): IndexForm[] {
  const out: IndexForm[] = new Array(sizes.length);
  let rest = form;
  for (let axis = sizes.length - 1; axis > 0; axis--) {
    if (sizes[axis] === 1) {
      out[axis] = indexOf(0);
      continue;
    }
    if (sizes.slice(0, axis).every((n) => n === 1)) {
      out[axis] = rest;
      rest = indexOf(0);
      continue;
    }
    const { quotient, remainder } = divideIndex(rest, sizes[axis]!);
    out[axis] = remainder;
    rest = quotient;
  }
  if (sizes.length > 0) out[0] = rest;
  return out;
}

/** The place of an element by its indices, in a row-major array whose axes have these strides. */
export const ravelIndex = (at: readonly IndexForm[], strides: readonly number[]): IndexForm =>
  at.reduce((sum, form, axis) => addIndex(sum, scaleIndex(form, strides[axis]!)), indexOf(0));

/** The index in C. */
export function indexText({ constant, terms }: IndexForm): string {
  const parts = terms.map(({ atom, factor }) => (factor === 1 ? atom.text : `${atom.text} * ${factor}`));
  if (constant !== 0 || parts.length === 0) parts.push(String(constant));
  return parts.join(" + ");
}

/** Guards without those that always hold; undefined where one never does. */
export function openGuards(guards: readonly IndexGuard[]): readonly IndexGuard[] | undefined {
  const open: IndexGuard[] = [];
  for (const guard of guards) {
    const [low, high] = rangeOfIndex(guard.form);
    if (high < guard.low || low >= guard.high) return undefined;
    if (low < guard.low || high >= guard.high) open.push(guard);
  }
  return open;
}
