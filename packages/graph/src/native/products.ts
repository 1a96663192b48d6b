/**
 * Functions of C for sums of products: tiles of the result stay in registers, of as many rows and vectors of columns as there
 * are registers. Rows of the left side are read number by number, wherever they lie; the right side in vectors.
 */
import { bytesPerElement, type DType } from "../program/tensor-type.js";
import { elementTypes } from "./loop-body.js";
import type { NativeFunction } from "./loops.js";
import type { NativeNode } from "./nodes.js";
import type { Dimension, Product } from "./plan.js";
import type { NativeTarget } from "./target.js";

/** Rows of a tile at most: more make no product faster. */
const mostRows = 12;

const total = (dimensions: readonly Dimension[]): number => dimensions.reduce((n, { extent }) => n * extent, 1);

/** The function of one product of a node. */
export function productFunction(node: NativeNode, product: Product, target: NativeTarget): NativeFunction {
  const { dtype } = node;
  const element = elementTypes[dtype];
  const start = (pointer: string, of: string, at: number): string =>
    `const ${element} *${pointer} = ${of}${at === 0 ? "" : ` + ${at}`};`;
  const both = product.a === product.b;
  const reads = both ? [product.a] : [product.a, product.b];
  const lines = [
    start("a", "x0", product.startA),
    start("b", both ? "x0" : "x1", product.startB),
    `${element} *c = y${product.startOut === 0 ? "" : ` + ${product.startOut}`};`,
  ];
  const inner = turned(product);
  const written = product.columns.extent === 1 && isDot(inner) ? dots : tiles;
  const { body, shared } = written(inner, dtype, target);
  return { reads, body: `${lines.join("\n")}\n${inBatches(product.batch, body, element)}`, shared };
}

/** A product of one column whose rows lie side by side is one of one row whose columns do. */
function turned(product: Product): Product {
  const { rows, columns } = product;
  const last = rows.at(-1);
  if (columns.extent !== 1 || !last || last.a !== 1 || last.out !== 1 || isDot(product)) return product;
  const swap = ({ extent, a, b, out }: Dimension): Dimension => ({ extent, a: b, b: a, out });
  return {
    ...product,
    rows: rows.slice(0, -1).map(swap),
    sums: product.sums.map(swap),
    batch: product.batch,
    columns: swap(last),
    isTurned: true,
  } as Product & { readonly isTurned: true };
}

const isDot = ({ sums }: Product): boolean => sums.at(-1)?.a === 1 && sums.at(-1)?.b === 1;

const loop = (name: string, extent: number, body: string): string =>
  `for (long ${name} = 0; ${name} < ${extent}; ${name}++) {\n${body}\n}`;

function inBatches(batch: readonly Dimension[], body: string, element: string): string {
  return batch.reduceRight((inner, { extent, a, b, out }, i) => {
    const moved = `const ${element} *a${i} = a, *b${i} = b; ${element} *c${i} = c;`;
    return `${moved}\n${loop(`g${i}`, extent, `const ${element} *a = a${i} + g${i} * ${a}, *b = b${i} + g${i} * ${b}; ${element} *c = c${i} + g${i} * ${out};\n${inner}`)}`;
  }, body);
}

/** Where rows lie, by their number: rows of several loops lie unevenly. */
function rowPlaces(rows: readonly Dimension[]): {
  readonly a: (row: string) => string;
  readonly out: (row: string) => string;
} {
  const place = (key: "a" | "out", row: string): string => {
    let inner = 1;
    const parts: string[] = [];
    for (let at = rows.length - 1; at >= 0; at--) {
      const { extent } = rows[at]!;
      const turns = inner === 1 ? `(uint32_t)(${row})` : `(uint32_t)(${row}) / ${inner}`;
      parts.unshift(`(long)(${at === 0 ? turns : `(${turns}) % ${extent}`}) * ${rows[at]![key]}L`);
      inner *= extent;
    }
    return parts.length === 0 ? "0" : `(${parts.join(" + ")})`;
  };
  return { a: (row) => place("a", row), out: (row) => place("out", row) };
}

/** Vectors of columns, widest first: [16, 16, 8] of 40. */
function columnChunks(columns: number, lanes: number, most: number): number[][] {
  const chunks: number[][] = [];
  let left = columns;
  while (left > 0) {
    const chunk: number[] = [];
    while (left > 0 && chunk.length < most) {
      let width = lanes;
      while (width > left) width /= 2;
      chunk.push(width);
      left -= width;
    }
    chunks.push(chunk);
  }
  return chunks;
}

function tiles(product: Product & { readonly isTurned?: true }, dtype: DType, target: NativeTarget): Written {
  const element = elementTypes[dtype];
  const isFloat = dtype === "float32" || dtype === "float64";
  const lanes = isFloat ? target.vectorBytes / bytesPerElement[dtype] : 1;
  const places = rowPlaces(product.rows);
  const rows = total(product.rows);
  const [left, right] = product.isTurned ? ["b", "a"] : ["a", "b"];
  const spare = target.registers === 32 ? 28 : 12;
  const most = target.registers === 32 ? 4 : 2;
  const loops = product.sums.flatMap(({ extent, a, b }) => [extent, a, b]);
  const shared = new Map<string, string>();
  let column = 0;
  const parts: string[] = [];
  for (const widths of columnChunks(product.columns.extent, lanes, most)) {
    const limit = Math.max(1, Math.min(mostRows, Math.floor(spare / widths.length)));
    const height = Math.max(1, Math.ceil(rows / Math.ceil(rows / limit)));
    const whole = Math.floor(rows / height) * height;
    const tile = (count: number): string => {
      const name = `tile_${element}_${count}_${widths.join("_")}_${product.sums.length}`;
      shared.set(name, tileFunction(name, count, widths, product.sums.length, dtype, lanes));
      return [
        `const ${element} *rows[${count}]; ${element} *to[${count}];`,
        `for (int r = 0; r < ${count}; r++) { rows[r] = ${left} + ${places.a("i + r")}; to[r] = c + ${places.out("i + r")} + ${column}; }`,
        `${name}(${["rows", `${right} + ${column}`, "to", ...loops].join(", ")});`,
      ].join("\n");
    };
    if (whole > 0) parts.push(`for (long i = 0; i < ${whole}; i += ${height}) {\n${tile(height)}\n}`);
    if (whole < rows) parts.push(`{ const long i = ${whole};\n${tile(rows - whole)}\n}`);
    column += widths.reduce((sum, n) => sum + n, 0);
  }
  return { body: parts.join("\n"), shared };
}

/** Lines of C, and functions that they call, by their names. */
interface Written {
  readonly body: string;
  readonly shared: ReadonlyMap<string, string>;
}

/** A tile of so many rows and vectors of the result, over so many loops of sums, of which it is told turns and strides. */
function tileFunction(
  name: string,
  rows: number,
  widths: readonly number[],
  sums: number,
  dtype: DType,
  lanes: number,
): string {
  const element = elementTypes[dtype];
  const letter = dtype === "float32" ? "vf" : "vd";
  const typeOf = (width: number): string => (width === 1 ? element : width === lanes ? letter : `${letter}${width}`);
  const bytes = (width: number): number => width * bytesPerElement[dtype];
  const each = (make: (r: number) => string): string => Array.from({ length: rows }, (_, r) => make(r)).join("\n");
  const starts = widths.map((_, v) => widths.slice(0, v).reduce((sum, n) => sum + n, 0));
  const loops = Array.from({ length: sums }, (_, k) => `long n${k}, long a${k}, long b${k}`);
  const place = (key: string): string =>
    sums === 0 ? "0" : Array.from({ length: sums }, (_, k) => `k${k} * ${key}${k}`).join(" + ");
  const step = [
    `const long at = ${place("a")}; const ${element} *q = b + ${place("b")};`,
    ...widths.map((width, v) => `${typeOf(width)} q${v}; memcpy(&q${v}, q + ${starts[v]}, ${bytes(width)});`),
    each((r) => `{ const ${element} x = p${r}[at]; ${widths.map((_, v) => `s${r}_${v} += x * q${v};`).join(" ")} }`),
  ].join("\n");
  const summed = Array.from({ length: sums }, (_, k) => k).reduceRight(
    (inner, k) => `for (long k${k} = 0; k${k} < n${k}; k${k}++) {\n${inner}\n}`,
    step,
  );
  return `static __attribute__((noinline)) void ${name}(${[`const ${element} *const *rows`, `const ${element} *b`, `${element} *const *to`, ...loops].join(", ")}) {
${each((r) => `const ${element} *const p${r} = rows[${r}];`)}
${each((r) => widths.map((width, v) => `${typeOf(width)} s${r}_${v} = ${width === 1 ? "0" : "{0}"};`).join(" "))}
${summed}
${each((r) => widths.map((width, v) => `memcpy(to[${r}] + ${starts[v]}, &s${r}_${v}, ${bytes(width)});`).join(" "))}
}`;
}

/** Loops over what is summed; `make` is told the places in a and b. */
function summing(sums: readonly Dimension[], make: (a: string, b: string) => string): string {
  const place = (key: "a" | "b"): string =>
    sums.length === 0 ? "0" : sums.map((dimension, i) => `k${i} * ${dimension[key]}L`).join(" + ");
  return sums.reduceRight((inner, { extent }, i) => loop(`k${i}`, extent, inner), make(place("a"), place("b")));
}

/** Rows times one column, both of which lie along what is summed. */
function dots(product: Product, dtype: DType, target: NativeTarget): Written {
  const element = elementTypes[dtype];
  const places = rowPlaces(product.rows);
  const lanes = dtype === "float32" || dtype === "float64" ? target.vectorBytes / bytesPerElement[dtype] : 1;
  const type = lanes === 1 ? element : dtype === "float32" ? "vf" : "vd";
  const inner = product.sums.at(-1)!.extent;
  const outer = product.sums.slice(0, -1);
  const whole = Math.floor(inner / lanes) * lanes;
  const step = (a: string, b: string): string => {
    const at = (pointer: string, place: string): string => `${pointer} + ${place} + k`;
    const read = (pointer: string, place: string): string =>
      lanes === 1 ? `*(${at(pointer, place)})` : `load_${type}(${at(pointer, place)})`;
    const some = (pointer: string, place: string): string => `some_${type}(${at(pointer, place)}, ${inner - whole})`;
    return [
      ...(whole > 0
        ? [`for (long k = 0; k < ${whole}; k += ${lanes}) sum += ${read("row", a)} * ${read("b", b)};`]
        : []),
      ...(whole < inner ? [`{ const long k = ${whole}; sum += ${some("row", a)} * ${some("b", b)}; }`] : []),
    ].join("\n");
  };
  const join =
    lanes === 1
      ? "c[OUT] = sum;"
      : `${element} all = sum[0]; for (int n = 1; n < ${lanes}; n++) all += sum[n];\nc[OUT] = all;`;
  const body = `const ${element} *row = a + ${places.a("i")};\n${type} sum = ${lanes === 1 ? "0" : "{0}"};\n${summing(outer, step)}\n${join.replace("OUT", places.out("i"))}`;
  return { body: loop("i", total(product.rows), body), shared: new Map() };
}
