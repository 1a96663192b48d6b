/** Template matching as a row beside learners. */
import { type Tensor, type Tree, tensor } from "@innerloop/graph";
import { nothingToAdapt } from "../../learners/baselines/nothing-to-adapt.js";
import type { Adapter } from "../../learners/learner.js";
import type { DescribedTaskSource, Examples, Task } from "../../tasks/task.js";
import { type FoundTargets, foundLoss } from "./detection-metrics.js";
import { boxesOf, type DetectionTargets } from "./scene-episodes.js";
import { type MarkedGrey, type TemplateMatchingOptions, templateMatching } from "./template-matching.js";

/** Detections that are kept of a picture. */
const most = 100;

/**
 * Template matching (`templateMatching`) for `evaluate`: an adapter with nothing to adapt, and tasks that are what it finds in
 * those of a source, at the same addresses. Colour pictures are matched as grey ones.
 *
 * @param setting.classes of a task
 * @example
 * const { adapter, tasks } = templateMatchingRow(source, { classes: 3 });
 * await evaluate({ learner: adapter, params: {}, tasks, count: 100, seed });
 */
export function templateMatchingRow(
  source: DescribedTaskSource<Tensor, DetectionTargets>,
  { classes, ...options }: { readonly classes: number } & TemplateMatchingOptions,
): {
  readonly adapter: Adapter<Tree, Tree, Tensor, FoundTargets>;
  readonly tasks: DescribedTaskSource<Tensor, FoundTargets>;
} {
  const { spec, pool } = source;
  const { boxes } = spec.y;
  const loss = foundLoss(classes, { overlap: options.overlap ?? 0.4 });
  const found = ({ support, query }: Task<Tensor, DetectionTargets>): Task<Tensor, FoundTargets> => {
    const detect = templateMatching(greyPictures(support), options);
    const rows = greyPictures(query).map((picture) => {
      const numbers = new Float32Array(most * 6);
      detect(picture)
        .slice(0, most)
        .forEach(({ box, label, score }, i) => {
          numbers.set([box.x, box.y, box.width, box.height, label, score], 6 * i);
        });
      return numbers;
    });
    const count = rows.length;
    const detections = new Float32Array(count * most * 6);
    rows.forEach((numbers, i) => {
      detections.set(numbers, i * most * 6);
    });
    const set = {
      x: tensor(new Float32Array(count), [count, 1]),
      y: { detections: tensor(detections, [count, most, 6]), boxes: query.y.boxes },
    };
    return { support: set, query: set };
  };
  return {
    adapter: nothingToAdapt("template matching", loss),
    tasks: {
      name: source.name,
      description: source.description,
      spec: {
        x: { shape: [1], dtype: "float32" },
        y: { detections: { shape: [most, 6], dtype: "float32" }, boxes },
        support: spec.query,
        query: spec.query,
      },
      ...(pool ? { pool } : {}),
      sample: (seed, index) => found(source.sample(seed, index)),
    },
  };
}

/** Pictures in grey, the mean of their channels, with what is marked in them. */
function greyPictures({ x, y }: Examples<Tensor, DetectionTargets>): MarkedGrey[] {
  const [count, height, width, channels] = x.shape as readonly [number, number, number, number];
  const values = x.data as Float32Array;
  return Array.from({ length: count }, (_, picture) => {
    const from = picture * height * width * channels;
    const pixels = new Float32Array(height * width);
    for (let i = 0; i < pixels.length; i++)
      for (let channel = 0; channel < channels; channel++)
        pixels[i]! += values[from + i * channels + channel]! / channels;
    return { height, width, pixels, objects: boxesOf(y, picture) };
  });
}
