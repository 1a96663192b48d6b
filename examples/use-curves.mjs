// node examples/use-curves.mjs RUN: a trained run of sine curves in three lines, with points of a curve of one's own.
import { load } from "innerloop";

const points = [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5].map((x) => ({ x, y: 2 * Math.sin(x - 1) }));
const model = await load(process.argv[2]);
const task = await model.adapt(points);
console.log(JSON.stringify(await task.predict([{ x: -2.5 }, { x: 2.5 }])));
