/**
 * Functions of C for sums of products: tiles of the result stay in registers, of as many rows and vectors of columns as there
 * are registers. Rows of the left side are read number by number, wherever they lie; the right side in vectors.
 */
import { bytesPerElement, type DType } from "../program/tensor-type.js";
import { elementTypes } from "./loop-body.js";
import { forLoop, type NativeFunction } from "./loops.js";
import type { NativeNode } from "./nodes.js";
import type { Dimension, Product } from "./plan.js";
import type { NativeTarget } from "./target.js";

/** Rows of a tile at most: more make no product faster. */
const mostRows = 10;

const total = (dimensions: readonly Dimension[]): number => dimensions.reduce((n, { extent }) => n * extent, 1);

/** The function of one product of a node. */
export function productFunction(node: NativeNode, product: Product, target: NativeTarget): NativeFunction {
  const { dtype } = node;
  const element = elementTypes[dtype];
  const start = (pointer: string, of: string, at: number): string =>
    `const ${element} *${pointer} = ${of}${at === 0 ? "" : ` + ${at}`};`;
  const both = product.a === product.b;
  const reads = both ? [product.a] : [product.a, product.b];
  const operations = 2 * total([...product.batch, ...product.rows, ...product.sums, product.columns]);
  const lines = [
    `/* ${operations} operations */`,
    start("a", "x0", product.startA),
    start("b", both ? "x0" : "x1", product.startB),
    `${element} *c = y${product.startOut === 0 ? "" : ` + ${product.startOut}`};`,
  ];
  const inner = turned(product);
  const written = product.columns.extent === 1 && isDot(inner) ? dots : tiles;
  const { body, kernels, turns } = written(inner, dtype, target);
  // Threads share the outermost groups, or the tiles of each, whichever are more.
  const groups = inner.batch[0]?.extent ?? 1;
  const byGroups = groups >= turns;
  const inParts = Math.max(groups, turns) > 1;
  const text = inBatches(inner.batch, body(inParts && !byGroups), element, inParts && byGroups);
  return { reads, body: `${lines.join("\n")}\n${text}`, kernels, inParts };
}

/** A product whose sides may have changed places. */
interface Sided extends Product {
  readonly isTurned?: true;
}

/** A product of one column whose rows lie side by side is, for each of its other rows, one of one row whose columns do. */
function turned(product: Product): Sided {
  const { batch, rows, sums, columns } = product;
  const last = rows.at(-1);
  if (columns.extent !== 1 || !last || last.a !== 1 || last.out !== 1 || isDot(product)) return product;
  const swap = ({ extent, a, b, out }: Dimension): Dimension => ({ extent, a: b, b: a, out });
  return {
    ...product,
    batch: [...batch, ...rows.slice(0, -1)],
    rows: [],
    sums: sums.map(swap),
    columns: swap(last),
    isTurned: true,
  };
}

const isDot = ({ sums }: Product): boolean => sums.at(-1)?.a === 1 && sums.at(-1)?.b === 1;

function inBatches(batch: readonly Dimension[], body: string, element: string, inParts: boolean): string {
  return batch.reduceRight((inner, { extent, a, b, out }, i) => {
    const moved = `const ${element} *a${i} = a, *b${i} = b; ${element} *c${i} = c;`;
    const turn = `const ${element} *a = a${i} + g${i} * ${a}, *b = b${i} + g${i} * ${b}; ${element} *c = c${i} + g${i} * ${out};\n${inner}`;
    return `${moved}\n${forLoop(`g${i}`, extent, turn, inParts && i === 0)}`;
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

/**
 * Vectors of columns, widest first: [8, 8, 8, 2, 1] of 27. Where parts of a vector can be read, the last is one: [16, 11]; then
 * all are of one type, and a number of the left side is spread to it once, as it is read.
 */
function columnChunks(columns: number, lanes: number, most: number, readsParts: boolean): number[][] {
  const chunks: number[][] = [];
  let left = columns;
  while (left > 0) {
    const chunk: number[] = [];
    while (left > 0 && chunk.length < most) {
      let width = readsParts && columns > 1 ? Math.min(left, lanes) : lanes;
      while (width > left) width /= 2;
      chunk.push(width);
      left -= width;
    }
    chunks.push(chunk);
  }
  return chunks;
}

/** Bytes of the right side that many rows of tiles read again and again: they stay in the processor's second cache. */
const blockBytes = 192 * 1024;

/** Loops over what is summed: those outside of the rows' loop, with how many turns of the innermost of them are done at once. */
interface SumBlocks {
  readonly outside: readonly { readonly dimension: Dimension; readonly turns: number }[];
  readonly inside: readonly Dimension[];
}

/** Sums of more than the cache holds are made in blocks, which are added up in the result. */
function sumBlocks(sums: readonly Dimension[], bytesOfTurn: number, isReadAgain: boolean): SumBlocks {
  if (!isReadAgain || total(sums) * bytesOfTurn <= blockBytes) return { outside: [], inside: sums };
  const outside: { readonly dimension: Dimension; readonly turns: number }[] = [];
  for (let at = 0; at < sums.length; at++) {
    const dimension = sums[at]!;
    const inner = sums.slice(at + 1);
    const turns = Math.floor(blockBytes / (total(inner) * bytesOfTurn));
    if (turns >= 1) return { outside: [...outside, { dimension, turns }], inside: [dimension, ...inner] };
    outside.push({ dimension, turns: 1 });
  }
  return { outside: [], inside: sums };
}

function tiles(product: Sided, dtype: DType, target: NativeTarget): Written {
  const element = elementTypes[dtype];
  const isFloat = dtype === "float32" || dtype === "float64";
  const lanes = isFloat ? target.vectorBytes / bytesPerElement[dtype] : 1;
  const places = rowPlaces(product.rows);
  const rows = total(product.rows);
  const [left, right] = product.isTurned ? ["b", "a"] : ["a", "b"];
  const spare = target.registers === 32 ? 28 : 12;
  const most = target.registers === 32 ? 4 : 2;
  const kernels = new Map<string, string>();
  const readsParts = isFloat && target.vectorBytes === 64;
  const chunks = columnChunks(product.columns.extent, lanes, most, readsParts);
  const heightOf = (vectors: number): number => {
    const limit = Math.max(1, Math.min(mostRows, Math.floor(spare / vectors)));
    return Math.max(1, Math.ceil(rows / Math.ceil(rows / limit)));
  };
  const body = (inParts: boolean): string => {
    let column = 0;
    const written: string[] = [];
    for (const widths of chunks) {
      const height = heightOf(widths.length);
      const width = widths.reduce((sum, n) => sum + n, 0);
      const { outside, inside } = sumBlocks(product.sums, width * bytesPerElement[dtype], rows > height);
      const block = outside.at(-1);
      const loops = inside.flatMap(({ extent, a, b }, k) => [block && k === 0 ? "turns" : extent, a, b]);
      // All but the first block add to what is there.
      const more = outside.length === 0 ? "0" : outside.map((_, k) => `k${k}`).join(" | ");
      const at = (pointer: string, key: "a" | "b"): string =>
        [pointer, ...outside.map(({ dimension }, k) => `k${k} * ${dimension[key]}L`)].join(" + ");
      // Rows that lie evenly need no table, and their kernel knows the strides.
      const even = !block && product.rows.length <= 1 ? (product.rows[0] ?? { a: 0, out: 0 }) : undefined;
      const evenTile = (count: number, { a, out }: Pick<Dimension, "a" | "out">): string => {
        const shape = [a, out, ...inside.flatMap((loop) => [loop.extent, loop.a, loop.b])]
          .join("_")
          .replaceAll("-", "m");
        const name = `tile_${element}_${count}_${widths.join("_")}_of_${shape}`;
        kernels.set(name, tileFunction(name, count, widths, { a, out, sums: inside }, dtype, lanes, readsParts));
        return `${name}(${[`${left} + i * ${a}L`, `${right} + ${column}`, `c + i * ${out}L + ${column}`].join(", ")});`;
      };
      const tile = (count: number): string => {
        if (even) return evenTile(count, even);
        const name = `tile_${element}_${count}_${widths.join("_")}_${inside.length}`;
        kernels.set(name, tileFunction(name, count, widths, inside.length, dtype, lanes, readsParts));
        const row = at(left, product.isTurned ? "b" : "a");
        const columns = `${at(right, product.isTurned ? "a" : "b")} + ${column}`;
        return [
          `const ${element} *rows[${count}]; ${element} *to[${count}];`,
          `for (int r = 0; r < ${count}; r++) { rows[r] = ${row} + ${places.a("i + r")}; to[r] = c + ${places.out("i + r")} + ${column}; }`,
          `${name}(${["rows", columns, "to", more, ...loops].join(", ")});`,
        ].join("\n");
      };
      const whole = Math.floor(rows / height);
      const rest = rows - whole * height;
      const parts: string[] = [];
      if (whole > 0) parts.push(forLoop("i", whole, tile(height), inParts, height, rest > 0 ? 1 : 0));
      if (rest > 0)
        parts.push(`${inParts ? "if (part == parts - 1) " : ""}{ const long i = ${whole * height};\n${tile(rest)}\n}`);
      written.push(
        outside.reduceRight((inner, { dimension: { extent }, turns }, k) => {
          const some =
            k === outside.length - 1
              ? `const long turns = k${k} + ${turns} <= ${extent} ? ${turns} : ${extent} - k${k};\n`
              : "";
          return `for (long k${k} = 0; k${k} < ${extent}; k${k} += ${turns}) {\n${some}${inner}\n}`;
        }, parts.join("\n")),
      );
      column += width;
    }
    return written.join("\n");
  };
  return { body, kernels, turns: Math.ceil(rows / Math.max(...chunks.map(({ length }) => heightOf(length)))) };
}

/** Lines of C, and functions that they call, by their names. */
interface Written {
  readonly body: (inParts: boolean) => string;
  readonly kernels: ReadonlyMap<string, string>;
  /** Turns that threads may share. */
  readonly turns: number;
}

/** Rows that lie evenly, and the loops of sums, as numbers in the kernel itself. */
interface EvenRows {
  readonly a: number;
  readonly out: number;
  readonly sums: readonly Dimension[];
}

/**
 * A tile of so many rows and vectors of the result. Over so many loops of sums, it is told where rows lie, turns and strides, and
 * whether it adds to what is there; one of even rows knows them and begins with zeros.
 */
function tileFunction(
  name: string,
  rows: number,
  widths: readonly number[],
  over: number | EvenRows,
  dtype: DType,
  lanes: number,
  readsParts: boolean,
): string {
  const element = elementTypes[dtype];
  const letter = dtype === "float32" ? "vf" : "vd";
  const isColumn = widths.length === 1 && widths[0] === 1;
  const isPart = (width: number): boolean => readsParts && !isColumn && width < lanes;
  const typeOf = (width: number): string =>
    isPart(width) ? letter : width === 1 ? element : width === lanes ? letter : `${letter}${width}`;
  const bytes = (width: number): number => width * bytesPerElement[dtype];
  const read = (to: string, from: string, width: number): string =>
    isPart(width) ? `${to} = some_${letter}(${from}, ${width});` : `memcpy(&${to}, ${from}, ${bytes(width)});`;
  const write = (to: string, from: string, width: number): string =>
    isPart(width) ? `store_${letter}(${to}, ${from}, ${width});` : `memcpy(${to}, &${from}, ${bytes(width)});`;
  const each = (make: (r: number) => string): string => Array.from({ length: rows }, (_, r) => make(r)).join("\n");
  const starts = widths.map((_, v) => widths.slice(0, v).reduce((sum, n) => sum + n, 0));
  const even = typeof over === "number" ? undefined : over;
  const loops =
    even?.sums.map(({ extent, a, b }) => ({ extent: `${extent}`, a: `${a}L`, b: `${b}L` })) ??
    Array.from({ length: over as number }, (_, k) => ({ extent: `n${k}`, a: `a${k}`, b: `b${k}` }));
  const place = (key: "a" | "b"): string =>
    loops.length === 0 ? "0" : loops.map((loop, k) => `k${k} * ${loop[key]}`).join(" + ");
  const left = (r: number): string => (even ? `a[at + ${r * even.a}L]` : `p${r}[at]`);
  const to = (r: number, v: number): string => `${even ? `c + ${r * even.out}L` : `to[${r}]`} + ${starts[v]}`;
  const step = [
    `const long at = ${place("a")}; const ${element} *q = b + ${place("b")};`,
    ...widths.map((width, v) => `${typeOf(width)} q${v}; ${read(`q${v}`, `q + ${starts[v]}`, width)}`),
    each((r) => `{ const ${element} x = ${left(r)}; ${widths.map((_, v) => `s${r}_${v} += x * q${v};`).join(" ")} }`),
  ].join("\n");
  const summed = loops.reduceRight(
    (inner, { extent }, k) => `for (long k${k} = 0; k${k} < ${extent}; k${k}++) {\n${inner}\n}`,
    step,
  );
  const given = even
    ? [`const ${element} *restrict a`, `const ${element} *restrict b`, `${element} *restrict c`]
    : [
        ...[`const ${element} *const *rows`, `const ${element} *b`, `${element} *const *to`, "const long more"],
        ...loops.map((_, k) => `long n${k}, long a${k}, long b${k}`),
      ];
  const begun = even
    ? []
    : [
        each((r) => `const ${element} *const p${r} = rows[${r}];`),
        `if (more) {\n${each((r) => widths.map((width, v) => read(`s${r}_${v}`, to(r, v), width)).join(" "))}\n}`,
      ];
  return `void ${name}(${given.join(", ")}) {
${each((r) => widths.map((width, v) => `${typeOf(width)} s${r}_${v} = ${typeOf(width) === element ? "0" : "{0}"};`).join(" "))}
${[...begun, summed].join("\n")}
${each((r) => widths.map((width, v) => write(to(r, v), `s${r}_${v}`, width)).join(" "))}
}`;
}

/** Loops over what is summed; `make` is told the places in a and b. */
function summing(sums: readonly Dimension[], make: (a: string, b: string) => string): string {
  const place = (key: "a" | "b"): string =>
    sums.length === 0 ? "0" : sums.map((dimension, i) => `k${i} * ${dimension[key]}L`).join(" + ");
  return sums.reduceRight((inner, { extent }, i) => forLoop(`k${i}`, extent, inner), make(place("a"), place("b")));
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
  const join = `c[OUT] = ${lanes === 1 ? "sum" : `sum_${type}(sum)`};`;
  const line = `const ${element} *row = a + ${places.a("i")};\n${type} sum = ${lanes === 1 ? "0" : "{0}"};\n${summing(outer, step)}\n${join.replace("OUT", places.out("i"))}`;
  const turns = total(product.rows);
  return { body: (inParts) => forLoop("i", turns, line, inParts), kernels: new Map(), turns };
}
