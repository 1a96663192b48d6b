// node examples/use-table.mjs RUN: a trained run of a table in three lines, with rows of a city that it has never seen.
import { load } from "innerloop";

const rows = [
  { distance: 3.5, hour: 7, weekend: 0, fare: 9.1 },
  { distance: 5, hour: 8, weekend: 1, fare: 13.2 },
  { distance: 2, hour: 1, weekend: 0, fare: 6 },
  { distance: 8, hour: 4, weekend: 1, fare: 20.5 },
  { distance: 1, hour: 23, weekend: 0, fare: 5 },
];
const model = await load(process.argv[2]);
const task = await model.adapt(rows);
console.log(JSON.stringify(await task.predict([{ distance: 4, hour: 7, weekend: 0 }])));
