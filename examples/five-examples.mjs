// node five-examples.mjs: sorts a sentence into classes that were named a moment ago. Nothing is trained or fetched.
import { load } from "innerloop";

const learner = await load("innerloop:intents");
const task = await learner.adapt([
  { input: "where is my parcel", label: "delivery" },
  { input: "the courier never came", label: "delivery" },
  { input: "I want my money back", label: "refund" },
  { input: "please return my payment", label: "refund" },
  { input: "talk to a human", label: "agent" },
]);
console.log(await task.predict("when will the courier bring my parcel"));
