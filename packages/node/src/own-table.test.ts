// A user's table to the end: read, trained on, adapted to five rows of a city that it has never seen, asked about others.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adam, groupedRegression, maml, meanSquaredError, mlp, random, sgd, train } from "@innerloop/core";
import {
  decodeTableTargets,
  encodeTableExamples,
  encodeTableInputs,
  tableFeatures,
  tableSpecFrom,
} from "@innerloop/core/tasks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRegressionTable, readTableRows } from "./data/index.js";
import { machineIo } from "./data/machine-io.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-own-table-"));
});
afterAll(async () => {
  await executor.close();
  await rm(folder, { recursive: true, force: true });
});

const names = ["city", "distance", "weather", "date", "fare", "note"];
const ofWeather = { sun: 0, rain: 3, snow: 6 } as const;

/** Rides of a city, whose fares begin with a price and rise with a rate of its own; rain and weekends cost more everywhere. */
function rides(city: number, count: number): { readonly fare: number; readonly cells: readonly string[] }[] {
  const source = random(17, city);
  const [base, rate] = [source.uniform(2, 12), source.uniform(0.5, 3)];
  return Array.from({ length: count }, (_, row) => {
    const distance = source.uniform(1, 10);
    const weather = (["sun", "rain", "snow"] as const)[source.integer(3)]!;
    const date = new Date(Date.UTC(2024, 0, 1 + source.integer(200)));
    const weekend = date.getUTCDay() % 6 === 0 ? 4 : 0;
    const fare = base + rate * distance + ofWeather[weather] + weekend + source.normal(0, 0.2);
    const [day, month] = [date.getUTCDate(), date.getUTCMonth() + 1];
    const comma = (value: number): string => value.toFixed(2).replace(".", ",");
    return {
      fare,
      cells: [`city ${city}`, comma(distance), weather, `${day}.${month}.2024`, comma(fare), `ride ${city}-${row}`],
    };
  });
}

const csv = (rows: readonly { readonly cells: readonly string[] }[], columns = names): string =>
  `\ufeff${[names, ...rows.map(({ cells }) => cells)]
    .map((cells) => columns.map((name) => `"${cells[names.indexOf(name)]}"`).join(";"))
    .join("\r\n")}\r\n`;

test("a mixed table is trained on, and answers in its units for five rows of a new city", async () => {
  const path = join(folder, "rides.csv");
  await writeFile(path, csv(Array.from({ length: 60 }, (_, city) => rides(city, 30)).flat()));
  const { table, inputs } = await readRegressionTable(path, { groupColumn: "city", targets: ["fare"] });
  expect(inputs).toEqual(["distance", "weather", "date"]);
  const reading = { name: "rides", groupColumn: "city", targets: ["fare"], missing: "refuse" } as const;
  expect((await machineIo.table(path, { ...reading, inputs }, {})).decimalCommas).toBe(true);
  const { tasks, spec } = groupedRegression(table, {
    ...{ groupColumn: "city", inputs, targets: ["fare"], shots: 5, queries: 15 },
  });
  expect(tableFeatures(spec)).toBe(1 + 3 + 3);
  const run = await train({
    learner: maml({
      model: mlp({ sizes: [tableFeatures(spec), 32, 32, 1] }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.05 }),
      steps: 3,
    }),
    tasks: tasks.train,
    optimizer: adam({ learningRate: 3e-3 }),
    metaBatchSize: 8,
    iterations: 400,
    executor,
  });

  // As it comes out of a run folder.
  const kept = tableSpecFrom(JSON.parse(JSON.stringify(spec)));
  const [pooled] = decodeTableTargets(kept, [0]);
  let [adapted, unadapted] = [0, 0];
  const cities = 12;
  for (let city = 100; city < 100 + cities; city++) {
    const all = rides(city, 25);
    const [five, others] = [all.slice(0, 5), all.slice(5)];
    await writeFile(join(folder, "five.csv"), csv(five, ["fare", "date", "weather", "distance", "note"]));
    await writeFile(join(folder, "rows.csv"), csv(others, ["weather", "distance", "date"]));
    const support = await readTableRows(join(folder, "five.csv"), kept, { needTargets: true });
    const asked = await readTableRows(join(folder, "rows.csv"), kept, { needTargets: false });
    expect([support.notes, asked.notes]).toEqual([["column not used: note"], []]);
    const task = await run.adapt(encodeTableExamples(kept, support.rows, support.reading).examples);
    const { x } = encodeTableInputs(kept, asked.rows, asked.reading);
    const fares = decodeTableTargets(kept, await task.predict(x)).map(({ fare }) => fare!);
    // The same rows from code, with numbers for texts.
    const rows = others.map(({ cells }) => ({
      ...{ distance: Number(cells[1]!.replace(",", ".")), weather: cells[2]!, date: cells[3]! },
    }));
    const again = decodeTableTargets(kept, await task.predict(encodeTableInputs(kept, rows).x));
    expect(again.map(({ fare }) => fare)).toEqual(fares);
    others.forEach(({ fare }, i) => {
      adapted += (fares[i]! - fare) ** 2 / (others.length * cities);
      unadapted += (pooled!.fare! - fare) ** 2 / (others.length * cities);
    });
  }
  // It comes to 1.1 and 6.6.
  expect(Math.sqrt(unadapted)).toBeGreaterThan(5);
  expect(Math.sqrt(adapted)).toBeLessThan(0.35 * Math.sqrt(unadapted));
});
