/** Pictures of detections: what is drawn where. */
import type { Task } from "@innerloop/core";
import type { DetectionMaps, DetectionTargets } from "@innerloop/core/detection";
import { type Tensor, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { scenesPicture } from "./scene-pictures.js";

const size = 16;
const scene = (boxes: readonly (readonly number[])[]) => ({
  x: tensor(
    Float32Array.from({ length: size * size }, (_, i) => (i % 7) / 7),
    [1, size, size, 1],
  ),
  y: {
    maps: tensor(new Float32Array(16 * 10), [1, 4, 4, 10]),
    boxes: tensor(Float32Array.from([...boxes.flat(), ...new Array(6 * (3 - boxes.length)).fill(0)]), [1, 3, 6]),
  },
});
const task: Task<Tensor, DetectionTargets> = {
  support: scene([
    [1, 1, 6, 6, 0, 1],
    [8, 8, 6, 7, 1, 1],
    [9, 1, 5, 5, -1, 1],
  ]),
  query: scene([[8, 0, 8, 8, 1, 1]]),
};

/** One object in cell (1, 2), of class 1. */
function said(sure: number): DetectionMaps {
  const [objectness, names, box] = [new Float32Array(16).fill(-20), new Float32Array(48), new Float32Array(64).fill(1)];
  objectness[6] = sure;
  names.set([0, 9, 0], 18);
  return {
    objectness: tensor(objectness, [1, 4, 4]),
    names: tensor(names, [1, 4, 4, 3]),
    box: tensor(box, [1, 4, 4, 4]),
  };
}

const rectsIn = (content: string): Record<string, string>[] =>
  [...content.matchAll(/<rect ([^>]*)\/>/g)].map(([, attributes]) =>
    Object.fromEntries([...attributes!.matchAll(/([a-z-]+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!])),
  );

test("support scenes show what is marked, query scenes what was found over what is there", () => {
  const { content, height } = scenesPicture("a task", task, said(4));
  const rects = rectsIn(content);
  expect(rects).toHaveLength(5);
  const [a, b, other, there, found] = rects as [Record<string, string>, ...Record<string, string>[]];
  // The class has one colour throughout; what is of none has another.
  expect([there!.stroke, found!.stroke]).toEqual([b!.stroke, b!.stroke]);
  expect(new Set([a.stroke, b!.stroke, other!.stroke]).size).toBe(3);
  expect([a["stroke-dasharray"], there!["stroke-dasharray"], found!["stroke-dasharray"]]).toEqual([
    undefined,
    "3 3",
    undefined,
  ]);
  // Cell (1, 2) has its middle at 10, 6 of 16 pixels: a box from 6, 2, of 8 pixels; half of the scene's side.
  const side = Number(/<image [^>]*width="([\d.]+)"/.exec(content)![1]);
  expect(Number(found!.width) / side).toBeCloseTo(0.5, 2);
  expect((Number(found!.x) - (side + 10)) / side).toBeCloseTo(6 / 16, 2);
  expect(content.match(/>B 0\.98</g)).toHaveLength(1);
  expect(content.match(/href="data:image\/png;base64,/g)).toHaveLength(2);
  expect(height).toBeLessThan(200);
});

test("what is hardly sure is not drawn", () => {
  expect(rectsIn(scenesPicture("a task", task, said(-1)).content)).toHaveLength(4);
});
