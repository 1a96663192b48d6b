import { describe, expect, it, test } from "vitest";
import { type Random, random } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { widthOf } from "./column-codings.js";
import { groupedRegression } from "./grouped-regression.js";
import type { Table } from "./table.js";
import { encodeTableExamples, encodeTableInputs, type TableRow, valuesOfTableRows } from "./table-rows.js";
import { decodeTableTargets, type TableSpec, tableFeatures, tableSpecFrom } from "./table-spec.js";

const weathers = ["sun", "rain", "snow"];
const two = (n: number): string => String(n).padStart(2, "0");

/** A row of a table of all kinds of columns, some of its cells missing where that is asked for. */
function mixedRow(source: Random, group: number, gaps: boolean): Record<string, string | number | boolean | null> {
  const maybe = <T>(value: T): T | null => (gaps && source.uniform() < 0.2 ? null : value);
  const hour = source.integer(24);
  return {
    city: `city ${group}`,
    distance: maybe(source.uniform(0.5, 20)),
    weather: maybe(weathers[source.integer(3)]!),
    day: maybe(`2024-0${1 + source.integer(9)}-${two(1 + source.integer(28))} ${two(hour)}:30`),
    start: maybe(`${hour}:15`),
    paid: maybe(source.uniform() < 0.5),
    fare: source.normal(group, 5),
    tip: source.uniform(0, 3),
  };
}

const inputs = ["distance", "weather", "day", "start", "paid"];
const targets = ["fare", "tip"];

function mixed(seed: number, gaps = false) {
  const source = random(seed);
  const rows = Array.from({ length: 120 }, (_, row) => mixedRow(source, row % 10, gaps));
  const names = Object.keys(rows[0]!);
  const table: Table = {
    name: "rides",
    columns: Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])])),
  };
  // A column of numbers has NaN where there is none.
  const distance = Float64Array.from(rows, (row) => (row.distance as number | null) ?? Number.NaN);
  const made = groupedRegression(
    { ...table, columns: { ...table.columns, distance } },
    {
      ...{ groupColumn: "city", inputs, targets, shots: 5, queries: 5 },
      ...{ missing: gaps ? "mean" : "refuse", standardize: seed % 3 !== 0 },
    },
  );
  return { rows, ...made };
}

/** Bytes of a set, row by row, in the order of their values. */
const rowTexts = ({ x, y }: Examples): string[] => {
  const [width, outputs] = [x.shape[1]!, y.shape[1]!];
  const [xs, ys] = [x.data as Float32Array, y.data as Float32Array];
  return Array.from({ length: x.shape[0]! }, (_, row) =>
    [...xs.subarray(row * width, (row + 1) * width), ...ys.subarray(row * outputs, (row + 1) * outputs)].join(),
  );
};

describe("a law over random tables of mixed columns", () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`rows by the spec are those of the tasks, to the bit, and come back in units: seed ${seed}`, () => {
      const gaps = seed % 2 === 0;
      const { rows, spec, tasks, groups } = mixed(seed, gaps);
      const kept = tableSpecFrom(JSON.parse(JSON.stringify(spec)));
      expect(kept).toEqual(spec);
      const { examples } = encodeTableExamples(kept, rows);
      expect(examples.x.shape).toEqual([120, tableFeatures(spec)]);
      expect((examples.x.data as Float32Array).every(Number.isFinite)).toBe(true);
      expect(rowTexts(examples)).toEqual(rowTexts(encodeTableExamples(spec, rows).examples));
      expect(encodeTableInputs(kept, rows).x.data).toEqual(examples.x.data);
      // Every row of every task is a row of the table, as the spec encodes it.
      const all = new Set(rowTexts(examples));
      for (const part of ["train", "validation", "test"] as const) {
        for (let index = 0; index < 5; index++) {
          const { support, query } = tasks[part].sample(seed, index);
          const drawn = [...rowTexts(support), ...rowTexts(query)];
          expect(drawn.filter((text) => !all.has(text))).toEqual([]);
        }
      }
      expect(Object.values(groups).flat()).toHaveLength(10);
      decodeTableTargets(kept, examples.y).forEach((values, row) => {
        for (const name of targets) {
          const value = rows[row]![name] as number;
          expect(Math.abs(values[name]! - value)).toBeLessThan(1e-5 * (1 + Math.abs(value)));
        }
      });
      // As texts, with names in another order and columns that are of no use, rows say the same.
      const texts = rows.map((row) =>
        Object.fromEntries([
          ...Object.entries(row)
            .toReversed()
            .map(([name, cell]) => [name, cell === null ? " NA " : ` ${cell} `]),
          ["note", "x"],
        ]),
      ) as TableRow[];
      expect(rowTexts(encodeTableExamples(kept, texts).examples)).toEqual(rowTexts(examples));
    });
  }
});

describe("the coding of a column", () => {
  const { spec } = mixed(1);
  const column = (name: string) => spec.inputs.find((each) => each.name === name)!;
  const coded = (name: string, cell: string | number | boolean): number[] => {
    const one: TableSpec = { ...spec, inputs: [column(name)] };
    return [...(encodeTableInputs(one, [{ [name]: cell }]).x.data as Float32Array)];
  };

  it("is one of a few values for a category, and zeros for one that training did not have", () => {
    expect(column("weather")).toEqual({ name: "weather", kind: "category", values: ["rain", "snow", "sun"] });
    expect(coded("weather", "snow")).toEqual([0, 1, 0]);
    expect(coded("weather", "hail")).toEqual([0, 0, 0]);
    const { notes } = encodeTableInputs({ ...spec, inputs: [column("weather")] }, [
      { weather: "sun" },
      { weather: "hail" },
      { weather: "hail" },
    ]);
    expect(notes).toEqual([
      'column weather: training had no "hail" (row 1), only rain, snow, sun: coded as none of them',
    ]);
  });

  it("is the day, its place in the week and the time of day for a date", () => {
    const found = column("day");
    if (found.kind !== "date") throw new Error("not a date");
    expect(widthOf(found)).toBe(5);
    // A Monday, at 6 in the morning.
    const days = Date.UTC(2024, 2, 4, 6) / 86_400_000;
    const expected = [(days - found.mean) / found.deviation, 0, 1, 1, 0];
    for (const [i, value] of coded("day", "2024-03-04 06:00").entries()) expect(value).toBeCloseTo(expected[i]!, 6);
    const [, sine, cosine] = coded("day", "2024-03-07");
    expect([sine, cosine]).toEqual([
      Math.fround(Math.sin((6 / 7) * Math.PI)),
      Math.fround(Math.cos((6 / 7) * Math.PI)),
    ]);
  });

  it("is a place on a circle for a time of day, so that midnight is no jump", () => {
    const [late, early] = [coded("start", "23:59"), coded("start", "0:01")];
    expect(Math.hypot(late[0]! - early[0]!, late[1]! - early[1]!)).toBeLessThan(0.01);
    expect(coded("start", "6:00 PM").map((value) => value.toFixed(3).replace("-0.000", "0.000"))).toEqual([
      "-1.000",
      "0.000",
    ]);
  });

  it("is 1 or 0, scaled, for truth values however they are written", () => {
    for (const yes of [true, "true", "TRUE", " Yes ", "y", 1, "1"])
      expect(coded("paid", yes)).toEqual(coded("paid", true));
    for (const no of [false, "False", "no", "off", 0, "0"]) expect(coded("paid", no)).toEqual(coded("paid", false));
    expect(coded("paid", true)[0]! - coded("paid", false)[0]!).toBeGreaterThan(1.9);
  });

  it("takes numbers with a decimal comma", () => {
    expect(coded("distance", "3,5")).toEqual(coded("distance", 3.5));
    expect(coded("distance", " -2.5e-1 ")).toEqual(coded("distance", -0.25));
  });
});

test("whatever stands in a cell, it is finite numbers or an error that names the row and the column", () => {
  const { spec } = mixed(1);
  const circular: unknown[] = [];
  circular.push(circular);
  const row: TableRow = { distance: 3, weather: "sun", day: "2024-03-04", start: "9:30", paid: true, fare: 5, tip: 1 };
  let refusals = 0;
  for (const value of [
    ...[Number.NaN, Number.POSITIVE_INFINITY, -1e300, 1e30, undefined, null, "cat", "1", "", 3n, new Date(), {}, []],
    ...[[[1]], () => 1, Symbol("one"), /1/, circular, new Map(), "9".repeat(400), "x".repeat(1e5), "1e400", "-0", "\0"],
  ]) {
    for (const name of [...inputs, ...targets]) {
      const rows = [row, { ...row, [name]: value }] as TableRow[];
      try {
        const { x, y } = encodeTableExamples(spec, rows).examples;
        expect([...(x.data as Float32Array), ...(y.data as Float32Array)].every(Number.isFinite)).toBe(true);
      } catch (error) {
        refusals++;
        expect((error as Error).message).toMatch(/^ILT307 encodeTableExamples: row 1: column "/);
        expect((error as Error).message).toContain(`"${name}"`);
        expect((error as Error).message.length).toBeLessThan(400);
      }
    }
  }
  expect(refusals).toBeGreaterThan(100);
});

describe("rows that do not fit", () => {
  const { spec } = mixed(1);
  const row: TableRow = { distance: 3, weather: "sun", day: "2024-03-04", start: "9:30", paid: true, fare: 5, tip: 1 };
  const problems = (rows: readonly unknown[], more = {}) =>
    valuesOfTableRows(spec, rows as TableRow[], { targets: true, ...more }).problems.map(({ row: at, problem }) =>
      at === undefined ? problem : `${at}: ${problem}`,
    );

  it("are told all at once, with rows, columns, cells and what helps", () => {
    const bad = [
      row,
      { ...row, distance: "12 km", paid: "maybe" },
      { ...row, fare: "", day: "31.2.2024", start: "late" },
    ];
    expect(() => encodeTableExamples(spec, bad)).toThrow(
      new RegExp(
        [
          /^ILT307 encodeTableExamples: there are 5 problems\. Write the number without the unit\. .*Write dates as 2024-01-31/,
          /row 1: column "distance" holds "12 km" \(text\), where a number was expected/,
          /row 2: column "day" holds "31\.2\.2024" \(text\), where a date was expected/,
          /row 2: column "start" holds "late" \(text\), where a time of day was expected/,
          /row 1: column "paid" holds "maybe" \(text\), where a truth value was expected/,
          /row 2: column "fare" has no value$/,
        ]
          .map(({ source }) => source)
          .join(".*\\n.*"),
        "",
      ),
    );
    const { distance: _, tip: __, ...few } = row;
    expect(() => encodeTableExamples(spec, [{ ...few, kilometres: 3 }])).toThrow(
      /ILT307 .*: there are no columns "distance", "tip"\. The columns that there are: weather, day, start, paid, fare, kilometres\.$/,
    );
  });

  it("are none, or no objects", () => {
    expect(problems([])).toEqual(["there are no rows"]);
    expect(problems([row, 5, null, [1]])).toEqual(["1: it is 5", "2: it is null", "3: it is an array of 1"]);
    expect(() => encodeTableInputs(spec, row as never)).toThrow(/ILT307 encodeTableInputs: the rows are an object/);
  });

  it.each<[string, TableRow, string]>([
    ["a mark between thousands, or a decimal comma", { distance: "1,234" }, 'holds "1,234" (text), where a number was'],
    ["a number beyond those of a table", { distance: 1e31 }, "holds 1e+31"],
    ["infinity", { distance: Number.POSITIVE_INFINITY }, "holds Infinity"],
    ["a list", { distance: [1, 2] as never }, "holds an array of 2"],
    ["an object for a name", { weather: {} as never }, "holds an object"],
    [
      "a day and month that nothing tells apart",
      { day: "3/4/2024" },
      'holds "3/4/2024" (text), in which nothing tells',
    ],
    ["a missing name", { weather: "n/a" }, 'has no value ("n/a")'],
    ["a missing date", { day: "-" }, 'has no value ("-")'],
  ])("%s is refused", (_, cells, message) => {
    const [name] = Object.keys(cells);
    expect(problems([{ ...row, ...cells }])).toEqual([expect.stringContaining(`0: column "${name}" ${message}`)]);
  });

  it("a decimal comma and a point in one column are refused, and commas may be told to be decimal", () => {
    expect(
      problems([
        { ...row, distance: "1.5" },
        { ...row, distance: "1,5" },
      ]),
    ).toEqual(['1: column "distance" writes numbers with a comma ("1,5") and with a point ("1.5" in row 0)']);
    expect(problems([{ ...row, distance: "1,234" }], { decimalCommas: true })).toEqual([]);
  });

  it("columns that are not used and values far from those of training are said", () => {
    const { notes } = encodeTableExamples(spec, [{ ...row, city: "x", colour: "red", distance: 3500 }]);
    expect(notes).toEqual([
      "column not used: colour",
      expect.stringMatching(
        /^column distance: 3500 \(row 0\) is \d{3} deviations from those of training \(\d+(\.\d+)? \+- /,
      ),
    ]);
  });
});

describe("missing cells of what was trained with some", () => {
  const { spec } = mixed(2, true);
  const row: TableRow = { distance: 3, weather: "sun", day: "2024-03-04", start: "9:30", paid: true, fare: 5, tip: 1 };
  const { distance: _, ...without } = row;

  it("are filled in, which is said", () => {
    const rows = [{ ...row, distance: null }, { ...row, distance: "", weather: undefined, paid: "NA" }, row];
    for (const { notes } of [encodeTableExamples(spec, rows), encodeTableInputs(spec, rows)])
      expect(notes).toEqual([
        "3 missing cells filled with the mean of the column: distance, paid",
        "1 missing cell coded as none of the values: weather",
      ]);
    expect(encodeTableInputs(spec, [row]).notes).toEqual([]);
  });

  it("are named by each row of a program, whatever rows it is given with; a table's may do without", () => {
    for (const rows of [[without], [without, row], [without, { ...row, distance: null }]])
      expect(() => encodeTableInputs(spec, rows)).toThrow(
        /no columns? "distance"|row 0: column "distance" is not there/,
      );
    const { notes } = encodeTableInputs(spec, [without, row], { columns: Object.keys(row) });
    expect(notes).toEqual(["1 missing cell filled with the mean of the column: distance"]);
    expect(() => encodeTableInputs(spec, [without], { columns: Object.keys(without) })).toThrow(
      /there is no column "distance"/,
    );
  });
});

test("a point that may be a mark between thousands is told where commas are decimal ones", () => {
  const { spec } = mixed(1);
  const row: TableRow = { distance: 3, weather: "sun", day: "2024-03-04", start: "9:30", paid: true, fare: 5, tip: 1 };
  const notesOf = (rows: readonly TableRow[], more: Partial<TableSpec> = {}): readonly string[] =>
    encodeTableExamples(tableSpecFrom(JSON.parse(JSON.stringify({ ...spec, ...more }))), rows).notes;
  const told =
    "column distance: 1.500 (row 1) is read as 1.5; if the point is a mark between thousands, write numbers without it";
  const rows = [row, { ...row, distance: "1.500" }];
  expect(notesOf(rows)).toEqual([]);
  expect(notesOf(rows, { decimalCommas: true })).toEqual([told]);
  expect(notesOf([{ ...row, tip: "0,5" }, rows[1]!])).toEqual([told]);
  // One of them is none.
  expect(notesOf([...rows, { ...row, distance: "1.5" }], { decimalCommas: true })).toEqual([]);
});

test("predictions that are not of the targets' shape are refused", () => {
  const { spec } = mixed(1);
  expect(decodeTableTargets(spec, [0, 0])).toEqual([{ fare: spec.targets[0]!.mean, tip: spec.targets[1]!.mean }]);
  for (const bad of [[1, 2, 3], encodeTableInputs(spec, mixed(1).rows).x, null])
    expect(() => decodeTableTargets(spec, bad as never)).toThrow(/ILT307 decodeTableTargets: .*there are 2 targets/);
});

test("a spec that a file holds is refused where it is none", () => {
  const { spec } = mixed(1);
  const changed = (more: object) => ({ ...JSON.parse(JSON.stringify(spec)), ...more });
  const input = (more: object) => changed({ inputs: [{ ...spec.inputs[0], ...more }] });
  for (const [value, message] of [
    [null, /ILT201 tableSpecFrom: the spec of a table is null/],
    [changed({ groupColumn: 5 }), /ILT308 .*groupColumn is 5/],
    [changed({ inputs: [] }), /inputs are an array of 0/],
    [changed({ targets: undefined }), /targets are undefined/],
    [changed({ inputs: [3] }), /inputs\[0\] is 3/],
    [changed({ targets: [{ name: "a", mean: 1, deviation: 0 }] }), /targets\[0\]\.deviation is 0/],
    [input({ kind: "colour" }), /inputs\[0\]\.kind is "colour"/],
    [input({ kind: "toString" }), /inputs\[0\]\.kind is "toString"/],
    [input({ mean: null }), /inputs\[0\]\.mean is null/],
    [input({ filledWith: "x" }), /inputs\[0\]\.filledWith is "x"/],
    [input({ name: "fare" }), /targets\[0\] is named "fare" \(text\), as another column/],
    [
      changed({ inputs: [{ name: "a", kind: "category", values: ["x", "x"] }] }),
      /inputs\[0\]\.values is an array of 2/,
    ],
    [changed({ inputs: [{ name: "a", kind: "category", values: [] }] }), /its inputs are coded as no numbers/],
    [changed({ inputs: [{ ...spec.inputs[2], weekday: 1 }] }), /inputs\[0\]\.weekday is 1/],
    [changed({ inputs: [{ ...spec.inputs[2], order: "year first" }] }), /inputs\[0\]\.order is "year first"/],
    [changed({ inputs: [{ name: "a", kind: "time", filledWith: 0 }] }), /inputs\[0\]\.filledWith is 0/],
  ] as const)
    expect(() => tableSpecFrom(value)).toThrow(message);
});
