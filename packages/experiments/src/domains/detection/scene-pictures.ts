/** Pictures of detections: support and query scenes of a task with what is marked in them and what was found. */
import type { Task } from "@innerloop/core";
import { boxesOf, type DetectionMaps, type DetectionTargets, detectionsIn } from "@innerloop/core/detection";
import { sourceOf } from "@innerloop/core/tasks";
import type { Tensor, Tree } from "@innerloop/graph";
import { imageUrl } from "../../figures/pixel-image.js";
import { at, type Picture, paperClass, pictureColours, pictureWidth, textAt } from "../../figures/svg-picture.js";

import type { ReportSetting } from "../practice.js";
import type { DetectionValues } from "./options.js";
import { loadScenes, type SceneSpec, sceneTasks, stride } from "./scenes.js";

/** Scores from which detections are drawn. */
const leastScore = 0.3;

const [gap, captionRoom] = [10, 22];
/** Scenes beside each other. */
const inRow = 5;
const side = (pictureWidth - gap * (inRow - 1)) / inRow;

/** Colours of classes, and of what is of none of them. */
const colours = [pictureColours.after, pictureColours.before, pictureColours.wanted, ...pictureColours.others];
const colourOf = (label: number): string => (label < 0 ? pictureColours.grid : colours[label % colours.length]!);

/** Letters that stand for classes: what they are called, nobody says. */
const nameOf = (label: number): string => (label < 26 ? String.fromCharCode(65 + label) : `${label + 1}`);

/**
 * The scenes of a task. In support scenes stands what is marked; in query scenes what was found, in whole lines with class and
 * score, over what is there, in broken ones.
 */
export function scenesPicture(
  title: string,
  { support, query }: Task<Tensor, DetectionTargets>,
  prediction: DetectionMaps,
): Picture {
  const [size] = support.x.shape.slice(1) as [number];
  const scale = side / size;
  const scenes = [support, query].flatMap((set, which) =>
    Array.from({ length: set.x.shape[0]! }, (_, place) => ({ set, place, isQuery: which === 1 })),
  );
  const content = scenes.map(({ set, place, isQuery }, i) => {
    const [left, top] = [(i % inRow) * (side + gap), Math.floor(i / inRow) * (side + captionRoom + gap) + captionRoom];
    const rect = (
      { x, y, width, height }: { x: number; y: number; width: number; height: number },
      more: string,
    ): string =>
      `<rect x="${at(left + x * scale)}" y="${at(top + y * scale)}" width="${at(width * scale)}" height="${at(height * scale)}" fill="none" ${more}/>`;
    const marked = boxesOf(set.y, place).map(({ box, label }) =>
      rect(box, `stroke="${colourOf(label)}" stroke-width="1.5"${isQuery ? ' stroke-dasharray="3 3"' : ""}`),
    );
    const found = isQuery
      ? detectionsIn(prediction, place, { stride })
          .filter(({ score }) => score >= leastScore)
          .flatMap(({ box, label, score }) => [
            rect(box, `stroke="${colourOf(label)}" stroke-width="2"`),
            cornerText(
              left + box.x * scale,
              top + box.y * scale,
              `${nameOf(label)} ${score.toFixed(2)}`,
              colourOf(label),
              {
                left,
                right: left + side,
                top,
              },
            ),
          ])
      : boxesOf(set.y, place).flatMap(({ box, label }) =>
          label < 0
            ? []
            : [
                cornerText(left + box.x * scale, top + box.y * scale, nameOf(label), colourOf(label), {
                  left,
                  right: left + side,
                  top,
                }),
              ],
        );
    return [
      textAt(left, top - 6, isQuery ? `query ${place + 1}` : `support ${place + 1}`),
      `<image x="${at(left)}" y="${at(top)}" width="${at(side)}" height="${at(side)}" href="${sceneUrl(set.x, place)}"/>`,
      ...marked,
      ...found,
    ].join("\n");
  });
  const rows = Math.ceil(scenes.length / inRow);
  return {
    title,
    text: `Whole lines in query scenes are what was found, with its class and score from ${leastScore} on; broken ones are what is there, grey of none of the classes.`,
    width: pictureWidth,
    height: rows * (side + captionRoom + gap),
    content: content.join("\n"),
  };
}

/** A small text over the corner of a box, inside of it where it would leave the scene. */
function cornerText(
  x: number,
  y: number,
  text: string,
  colour: string,
  scene: { readonly left: number; readonly right: number; readonly top: number },
): string {
  const width = 6.2 * text.length;
  const from = Math.max(scene.left, Math.min(x, scene.right - width));
  const base = y - 3 < scene.top + 9 ? y + 11 : y - 3;
  return `<text x="${at(from)}" y="${at(base)}" font-size="10" font-weight="600" fill="${colour}" class="${paperClass}" stroke="#fff" stroke-width="2.5" paint-order="stroke">${text}</text>`;
}

/** Pixels of a scene as an image. */
function sceneUrl(x: Tensor, place: number): string {
  const [, height, width, channels] = x.shape as readonly [number, number, number, 1 | 3];
  const each = height * width * channels;
  const values = (x.data as Float32Array).subarray(place * each, (place + 1) * each);
  return imageUrl({ width, height, channels, pixels: Uint8Array.from(values, (value) => Math.round(255 * value)) });
}

/** Held-out tasks that a report shows. */
const tasksShown = 3;

/** The pictures of a run's report: tasks that evaluations begin with. */
export async function sceneReport({
  options,
  spec,
  io,
  seed,
  predicted,
}: ReportSetting<DetectionValues, SceneSpec>): Promise<readonly Picture[]> {
  const { data } = await loadScenes(options, io, {}, { training: { kind: "episodes" }, own: { options, spec } });
  const source = sourceOf(sceneTasks(data, options, { own: options }).test);
  const pictures: Picture[] = [];
  for (let index = 0; index < tasksShown; index++) {
    const task = source.sample(seed, index);
    const prediction = (await predicted(task as unknown as Task<Tree, Tree>)) as DetectionMaps;
    pictures.push(scenesPicture(`held-out task ${index}`, task, prediction));
  }
  return pictures;
}
