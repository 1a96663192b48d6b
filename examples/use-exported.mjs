// node examples/use-exported.mjs DIR IMAGE IMAGE ASKED: an exported learner, with a class for each of two images.
import { load } from "innerloop";

const [folder, thorn, ash, asked] = process.argv.slice(2);
const learner = await load(folder);
const task = await learner.adapt([
  { input: thorn, label: "thorn" },
  { input: ash, label: "ash" },
]);
const { label, probability } = await task.predict(asked); // an array in gives an array out
const larger = await task.with([{ input: asked, label, id: "more" }]);
const smaller = await larger.without(["more"]);
const bytes = smaller.save(); // safetensors, with the examples unless { examples: false }
const again = await learner.restore(bytes);
console.log(JSON.stringify([{ label, probability }, ...(await again.predict([thorn, ash]))]));
await learner.dispose();
