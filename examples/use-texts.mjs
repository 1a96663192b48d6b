// node examples/use-texts.mjs RUN: a trained run of texts in three lines, with classes that it has never seen.
import { load } from "innerloop";

const examples = {
  refund: ["I want my money back", "you charged me twice, please pay one back"],
  password: ["I forgot my password", "the login page does not accept my password"],
  delivery: ["where is my parcel", "the courier never came with my order"],
};
const model = await load(process.argv[2]);
const task = await model.adapt(examples);
console.log(JSON.stringify(await task.predict(["pay me my money back", "my parcel never came"])));
