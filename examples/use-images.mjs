// node examples/use-images.mjs RUN EXAMPLES-FOLDER IMAGE...: a trained run of images in three lines.
import { load } from "innerloop";

const [folder, examples, ...images] = process.argv.slice(2);
const model = await load(folder);
const task = await model.adapt(examples);
console.log(JSON.stringify(await task.predict(images)));
