// Three lines of a page: from drawings of one's own to an answer. `sun`, `moon` and `drawn` are what is drawn.
import { loadExported } from "@innerloop/web";

/** @returns the class of what was drawn */
export async function recognised({ sun, moon, drawn }) {
  const learner = await loadExported("innerloop:symbols");
  const task = await learner.adapt([
    { input: sun, label: "sun" },
    { input: moon, label: "moon" },
  ]); // canvases, files, pixels
  const { label, probability } = await task.predict(drawn);
  return { label, probability };
}
