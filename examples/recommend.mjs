// node examples/recommend.mjs RUN: a trained run of ratings, and what a new user may like of some items, by a few ratings.
import { load } from "innerloop";

const ratings = [
  { item: "Heat", rating: 5 },
  { item: "Alien", rating: 4.5 },
  { item: "Amelie", rating: 1 },
];
const films = ["Ran", "Solaris", "Stalker", "Tampopo"];
const model = await load(process.argv[2]);
const task = await model.adapt(ratings);
const answers = await task.predict(films);
console.log(JSON.stringify(answers.sort((a, b) => b.rating - a.rating)));
